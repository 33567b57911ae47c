//! Streams that are recorded: every frame of the broadcast is in the fragments once, in order, whatever dies meanwhile.

use std::{path::Path, process::Stdio, time::Duration};

use cdn::Limits;
use protocol::{
    StreamId,
    grant::{Action, Claims},
    item::{Blob, GroupName, RecordedFragment, RecorderRole},
    stream::Visibility,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    client::Client,
    fake_library::{RecordedFrame, broadcast, item, media_bytes},
    harness::{Recording, registration, signer, stream},
    nodes::{EdgeNode, Nodes},
    relay_support::{resume, send_some},
};

/// Nodes that can record, each in a folder of its own that outlives it.
struct Recorders {
    nodes: Nodes,
    folder: TempDir,
}

impl Recorders {
    async fn start() -> Self {
        Self { nodes: Nodes::start().await, folder: tempfile::tempdir().unwrap() }
    }

    async fn node(&self, name: &str) -> EdgeNode {
        self.node_with(name, |_| {}).await
    }

    async fn node_with(&self, name: &str, change: impl FnOnce(&mut Limits)) -> EdgeNode {
        let folder = self.folder.path().join(name);
        let configure = |config: &mut cdn::Config| {
            config.spool_dir = Some(folder);
            change(&mut config.limits);
        };
        self.nodes.node_configured(name, configure).await
    }

    fn assign(&self, node: &EdgeNode, stream: StreamId, role: RecorderRole) {
        self.nodes.library().assign(&node.name, stream, item(1), role);
    }

    async fn until_complete(&self, node: &EdgeNode) {
        self.nodes.library().until_complete(item(1), &node.name).await;
    }

    /// Fails unless the item has every frame of these takes once, in order.
    fn check(&self, takes: &[&Recording]) {
        // Of each track: containers interleave them differently.
        let mut recorded = self.nodes.library().frames(item(1));
        let mut expected = broadcast(takes);
        recorded.sort_by_key(RecordedFrame::track);
        expected.sort_by_key(RecordedFrame::track);
        let at = recorded.iter().zip(&expected).position(|(recorded, expected)| recorded != expected);
        assert_eq!(
            (at, recorded.len()),
            (None, expected.len()),
            "the first frame that differs, and their number"
        );
    }
}

/// Waits until the node has written so many bytes of media.
async fn until_written(node: &EdgeNode, bytes: u64) {
    until_metric(node, "undead_cdn_recording_bytes_total", |written| written >= bytes).await;
}

async fn until_metric(node: &EdgeNode, name: &str, is_reached: impl Fn(u64) -> bool) {
    let look = async {
        while !is_reached(node.metric(name).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::harness::TEST_TIMEOUT, look)
        .await
        .unwrap_or_else(|_| panic!("{name} in time"));
}

async fn end(broadcaster: &Client, id: StreamId) {
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
}

#[tokio::test]
async fn every_frame_of_every_take_is_recorded_once_and_in_order() {
    for name in ["webm-vp9-opus-100ms-key1s", "mp4-avc1-opus-250ms-key1s", "audio-webm-opus-250ms"] {
        let (recorders, id) = (Recorders::start().await, stream("a"));
        let node = recorders.node("origin").await;
        recorders.assign(&node, id, RecorderRole::Primary);
        let (first, second) = (Recording::load(name), Recording::usual());
        let broadcaster = node.broadcaster(id, &first.mime).await;
        until_metric(&node, "undead_cdn_recordings", |recordings| recordings == 1).await;
        broadcaster.send_all(id, &first.segments).await;
        // Another source, perhaps with other codecs.
        let answer = broadcaster.call("register_new_stream", registration(id, &second.mime)).await;
        assert_eq!(answer["ok"], true, "{answer}");
        broadcaster.send_all(id, &second.segments).await;
        end(&broadcaster, id).await;
        recorders.until_complete(&node).await;
        recorders.check(&[&first, &second]);
        let fragments = recorders.nodes.library().fragments(item(1));
        assert!(
            fragments.iter().all(|fragment| fragment.ends_take && fragment.duration_ms > 0),
            "{fragments:?}"
        );
        assert_eq!(node.metric("undead_cdn_spool_bytes").await, 0, "nothing is left on the disk");
        decode(&recorders).await;
    }
}

/// ffmpeg decodes each take without a complaint.
async fn decode(recorders: &Recorders) {
    for (mime, bytes) in recorders.nodes.library().takes(item(1)) {
        let mut ffmpeg = Command::new("ffmpeg")
            .args(["-v", "error", "-i", "pipe:0", "-f", "null", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ffmpeg is installed");
        let mut input = ffmpeg.stdin.take().unwrap();
        let write = async move { input.write_all(&bytes).await };
        let (written, output) = tokio::join!(write, ffmpeg.wait_with_output());
        let (output, complaints) = (output.unwrap(), written.err());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty() && complaints.is_none(), "{mime}: {said}");
    }
}

#[tokio::test]
async fn a_node_that_was_killed_goes_on_where_it_stopped() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let mut node = recorders.node("origin").await;
    recorders.assign(&node, id, RecorderRole::Primary);
    let mut broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut next = 0;
    // In the middle of groups: the broadcaster's state and the disk have all of them between them.
    for killed_after in [5, 14, 17] {
        let state = send_some(&broadcaster, id, &recording, next..killed_after).await;
        until_written(&node, media_bytes(&recording, next..killed_after)).await;
        node.kill();
        // Main servers list a recording at the nodes that carry its stream.
        recorders.nodes.library().dismiss("origin", item(1));
        node = recorders.node("origin").await;
        recorders.nodes.until_heard(&node).await;
        (broadcaster, next) = resume(&node, id, &recording, state).await;
        assert_eq!(next, killed_after);
        recorders.assign(&node, id, RecorderRole::Primary);
    }
    send_some(&broadcaster, id, &recording, next..recording.segments.len()).await;
    until_written(&node, media_bytes(&recording, next..recording.segments.len())).await;
    end(&broadcaster, id).await;
    recorders.until_complete(&node).await;
    recorders.check(&[&recording]);
    assert_eq!(node.metric("undead_cdn_recording_groups_lost_total").await, 0);
}

#[tokio::test]
async fn a_recording_that_was_switched_on_while_live_goes_on_where_its_node_was_killed() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let (library, node) = (recorders.nodes.library(), recorders.node("origin").await);
    library.assign_from_now(&node.name, id, item(1));
    // The main server does not hear of anything that is recorded.
    library.set_away(true);
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    until_metric(&node, "undead_cdn_recordings", |recordings| recordings == 1).await;
    let state = send_some(&broadcaster, id, &recording, 0..5).await;
    until_written(&node, media_bytes(&recording, 0..5)).await;
    node.kill();
    library.dismiss("origin", item(1));
    let node = recorders.node("origin").await;
    recorders.nodes.until_heard(&node).await;
    let (broadcaster, next) = resume(&node, id, &recording, state).await;
    let all = recording.segments.len();
    send_some(&broadcaster, id, &recording, next..all).await;
    library.assign_from_now(&node.name, id, item(1));
    until_written(&node, media_bytes(&recording, next..all)).await;
    library.set_away(false);
    end(&broadcaster, id).await;
    recorders.until_complete(&node).await;
    recorders.check(&[&recording]);
}

#[tokio::test]
async fn a_segment_is_written_before_it_is_acknowledged() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let node = recorders.node("origin").await;
    recorders.assign(&node, id, RecorderRole::Primary);
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..5).await;
    // It is recorded from here on.
    until_written(&node, media_bytes(&recording, 0..5)).await;
    for seq in 5..recording.segments.len() {
        send_some(&broadcaster, id, &recording, seq..seq + 1).await;
        let written = written_bytes(&recorders.folder.path().join("origin"));
        assert!(written >= media_bytes(&recording, 0..seq + 1), "after segment {seq}");
    }
    assert_eq!(node.metric("undead_cdn_recording_late_writes_total").await, 0);
}

/// Bytes of the files of a spool.
fn written_bytes(spool: &Path) -> u64 {
    let files = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let items = files(spool).filter(|path| path.is_dir());
    items.flat_map(|item| files(&item)).map(|file| file.metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn a_spool_that_cannot_be_written_delays_no_acknowledgement() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let node = recorders.node("origin").await;
    // In the place of the recording's folder.
    std::fs::create_dir_all(recorders.folder.path().join("origin")).unwrap();
    std::fs::write(recorders.folder.path().join("origin").join(item(1).to_string()), "a file").unwrap();
    recorders.assign(&node, id, RecorderRole::Primary);
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..recording.segments.len()).await;
    until_metric(&node, "undead_cdn_recording_groups_lost_total", |lost| lost > 0).await;
    send_again(&broadcaster, id, &recording).await;
    assert_eq!(node.metric("undead_cdn_recording_late_writes_total").await, 0);
}

/// As another take.
async fn send_again(broadcaster: &Client, id: StreamId, recording: &Recording) {
    let answer = broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
    assert_eq!(answer["ok"], true, "{answer}");
    broadcaster.send_all(id, &recording.segments).await;
}

#[tokio::test]
async fn what_a_killed_node_left_is_handed_in_although_it_is_not_listed_any_more() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let library = recorders.nodes.library();
    let node = recorders.node("origin").await;
    recorders.assign(&node, id, RecorderRole::Primary);
    library.set_away(true);
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..recording.segments.len()).await;
    let answer = broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
    assert_eq!(answer["ok"], true, "{answer}");
    broadcaster.send_all(id, &recording.segments[..3]).await;
    let bytes = media_bytes(&recording, 0..recording.segments.len()) + media_bytes(&recording, 0..3);
    until_written(&node, bytes).await;
    library.dismiss(&node.name, item(1));
    node.kill();
    library.set_away(false);
    let node = recorders.node_with("origin", |limits| limits.grace = Duration::from_millis(300)).await;
    recorders.until_complete(&node).await;
    // The second take had one group, which was not closed.
    recorders.check(&[&recording]);
    until_metric(&node, "undead_cdn_spool_bytes", |bytes| bytes == 0).await;
}

#[tokio::test]
async fn an_object_store_that_is_away_delays_nothing_but_the_recording() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let library = recorders.nodes.library();
    let node = recorders.node("origin").await;
    recorders.assign(&node, id, RecorderRole::Primary);
    library.set_away(true);
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut viewer = node.viewer(id).await;
    for take in 0..3 {
        if take > 0 {
            broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
        }
        broadcaster.send_all(id, &recording.segments).await;
    }
    let refused = || (library.refused() > 0).then_some(());
    library.until("an attempt", refused).await;
    end(&broadcaster, id).await;
    let seen = viewer.until_ended().await;
    assert!(seen.iter().all(|event| event.name != "skipped"), "viewers get everything meanwhile");
    assert_eq!(library.fragments(item(1)), []);
    library.set_away(false);
    recorders.until_complete(&node).await;
    recorders.check(&[&recording; 3]);
    assert!(node.metric("undead_cdn_recording_failures_total").await > 0);
}

#[tokio::test]
async fn a_recording_that_is_listed_again_before_it_was_handed_in_goes_on() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let (library, node) = (recorders.nodes.library(), recorders.node("origin").await);
    recorders.assign(&node, id, RecorderRole::Primary);
    library.set_away(true);
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..recording.segments.len()).await;
    let bytes = media_bytes(&recording, 0..recording.segments.len());
    until_written(&node, bytes).await;
    assert_eq!(library.refused(), 0, "the file is not finished");
    library.dismiss(&node.name, item(1));
    library.until("the node hands in what it has", || (library.refused() > 0).then_some(())).await;
    recorders.assign(&node, id, RecorderRole::Primary);
    until_metric(&node, "undead_cdn_recordings", |recordings| recordings == 1).await;
    send_again(&broadcaster, id, &recording).await;
    until_written(&node, 2 * bytes).await;
    library.set_away(false);
    end(&broadcaster, id).await;
    recorders.until_complete(&node).await;
    recorders.check(&[&recording, &recording]);
}

#[tokio::test]
async fn a_standby_pulls_the_stream_and_takes_over_without_a_gap_or_a_repeat() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let library = recorders.nodes.library();
    let origin = recorders.node("origin").await;
    let (standby, other) = (recorders.node("standby").await, recorders.node("other").await);
    recorders.assign(&origin, id, RecorderRole::Primary);
    recorders.assign(&standby, id, RecorderRole::Standby);
    // The primary dies before it could hand in anything.
    library.set_away(true);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    // No viewer is at the standby.
    recorders.nodes.until_path(&standby, id, &["origin"]).await;
    let answer = broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
    assert_eq!(answer["ok"], true, "{answer}");
    let begin = Recording { segments: recording.segments[..3].to_vec(), mime: recording.mime.clone() };
    broadcaster.send_all(id, &begin.segments).await;
    let whole_bytes = media_bytes(&recording, 0..recording.segments.len());
    until_written(&standby, whole_bytes + media_bytes(&begin, 0..3)).await;
    origin.kill();
    library.dismiss("origin", item(1));
    library.set_away(false);
    recorders.assign(&standby, id, RecorderRole::Primary);
    // The rest comes from another node.
    let broadcaster = other.connect().await;
    let mut third = registration(id, &recording.mime);
    third["take"] = json!(2);
    let answer = broadcaster.call("register_new_stream", third).await;
    assert_eq!(answer["ok"], true, "{answer}");
    recorders.nodes.until_path(&standby, id, &["other"]).await;
    broadcaster.send_all(id, &recording.segments).await;
    until_written(&standby, 2 * whole_bytes + media_bytes(&begin, 0..3)).await;
    end(&broadcaster, id).await;
    recorders.until_complete(&standby).await;
    recorders.check(&[&recording, &begin, &recording]);
    until_metric(&standby, "undead_cdn_spool_bytes", |bytes| bytes == 0).await;
}

#[tokio::test]
async fn the_take_of_a_dead_origin_goes_on_at_its_standby() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let (origin, standby) = (recorders.node("origin").await, recorders.node("standby").await);
    recorders.assign(&origin, id, RecorderRole::Primary);
    recorders.assign(&standby, id, RecorderRole::Standby);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    let state = send_some(&broadcaster, id, &recording, 0..10).await;
    recorders.nodes.until_path(&standby, id, &["origin"]).await;
    until_written(&standby, media_bytes(&recording, 0..10)).await;
    origin.kill();
    recorders.nodes.library().dismiss("origin", item(1));
    recorders.assign(&standby, id, RecorderRole::Primary);
    let (broadcaster, next) = resume(&standby, id, &recording, state).await;
    send_some(&broadcaster, id, &recording, next..recording.segments.len()).await;
    end(&broadcaster, id).await;
    recorders.until_complete(&standby).await;
    recorders.check(&[&recording]);
}

#[tokio::test]
async fn a_group_that_began_at_a_dead_node_is_whole_once_that_node_is_back() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let library = recorders.nodes.library();
    let (origin, other) = (recorders.node("origin").await, recorders.node("other").await);
    recorders.assign(&origin, id, RecorderRole::Primary);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    // In the middle of a group.
    let state = send_some(&broadcaster, id, &recording, 0..5).await;
    until_written(&origin, media_bytes(&recording, 0..5)).await;
    origin.kill();
    library.dismiss("origin", item(1));
    // No other node has the begin of the group.
    recorders.assign(&other, id, RecorderRole::Primary);
    let (broadcaster, next) = resume(&other, id, &recording, state).await;
    send_some(&broadcaster, id, &recording, next..recording.segments.len()).await;
    let origin = recorders.node("origin").await;
    recorders.nodes.until_heard(&origin).await;
    recorders.assign(&origin, id, RecorderRole::Standby);
    until_written(&origin, media_bytes(&recording, next..recording.segments.len())).await;
    end(&broadcaster, id).await;
    recorders.until_complete(&other).await;
    recorders.until_complete(&origin).await;
    recorders.check(&[&recording]);
}

#[tokio::test]
async fn a_client_that_leaves_out_the_take_repeats_none_after_its_node_died() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let library = recorders.nodes.library();
    let (origin, other) = (recorders.node("origin").await, recorders.node("other").await);
    recorders.assign(&origin, id, RecorderRole::Primary);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    until_written(&origin, media_bytes(&recording, 0..recording.segments.len())).await;
    origin.kill();
    library.dismiss("origin", item(1));
    let broadcaster = other.connect().await;
    let mut payload = registration(id, &recording.mime);
    let claims = Claims::new(id, Action::Publish, Visibility::Public, 4_000_000_000);
    payload["grant"] = json!(signer().sign(&Claims { unused_take: Some(7), ..claims }).unwrap());
    let answer = broadcaster.call("register_new_stream", payload).await;
    assert_eq!(answer["ok"], true, "{answer}");
    let sent = broadcaster.call_with(
        "broadcast_data",
        json!({ "stream_id": id, "segment": crate::client::BINARY }),
        &recording.segments[0],
    );
    assert_eq!(sent.await["have"]["take"], 7);
}

#[tokio::test]
async fn a_standby_hands_in_what_the_manifest_lacks_and_forgets_what_it_has() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let library = recorders.nodes.library();
    let (origin, standby) = (recorders.node("origin").await, recorders.node("standby").await);
    recorders.assign(&standby, id, RecorderRole::Standby);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    recorders.nodes.until_path(&standby, id, &["origin"]).await;
    broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
    broadcaster.send_all(id, &recording.segments).await;
    let whole_bytes = media_bytes(&recording, 0..recording.segments.len());
    until_written(&standby, 2 * whole_bytes).await;
    assert_eq!(library.fragments(item(1)), [], "the primary is to report them");
    // The primary began late: it has nothing of the first take.
    library.take_fragment(item(1), fragment(1, 0, 2));
    library.until_recorded(item(1), 0, 2).await;
    let reported = library.fragments(item(1));
    assert_eq!((reported.len(), reported[0].groups, reported[0].ends_take), (2, 3, true), "{reported:?}");
    until_metric(&standby, "undead_cdn_spool_bytes", |bytes| bytes < whole_bytes + 10_000).await;
    // It is complete as soon as the primary has reported the rest.
    library.take_fragment(item(1), fragment(1, 2, 1));
    end(&broadcaster, id).await;
    library.dismiss("standby", item(1));
    recorders.until_complete(&standby).await;
    assert_eq!(standby.metric("undead_cdn_recording_fragments_total").await, 1);
}

/// A fragment of another node.
fn fragment(take: u64, group: u64, groups: u64) -> RecordedFragment {
    let blob = Blob { hash: "0".repeat(64), bytes: 1 };
    RecordedFragment {
        blob: blob.clone(),
        first: GroupName { take, group },
        groups,
        ends_take: false,
        start_ms: 0,
        duration_ms: 1,
        captured_at_ms: None,
        mime: "video/webm".into(),
        init: blob,
    }
}

#[tokio::test]
async fn a_fragment_that_is_refused_holds_no_other_up_and_is_tried_again() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let (library, node) = (recorders.nodes.library(), recorders.node("origin").await);
    library.refuse(item(1), Some(GroupName { take: 0, group: 0 }));
    recorders.assign(&node, id, RecorderRole::Primary);
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    until_metric(&node, "undead_cdn_recordings", |recordings| recordings == 1).await;
    broadcaster.send_all(id, &recording.segments).await;
    broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
    broadcaster.send_all(id, &recording.segments).await;
    end(&broadcaster, id).await;
    recorders.until_complete(&node).await;
    assert!(library.fragments(item(1)).iter().all(|fragment| fragment.first.take == 1));
    library.refuse(item(1), None);
    library.until_recorded(item(1), 0, 0).await;
    recorders.check(&[&recording, &recording]);
}

#[tokio::test]
async fn a_node_that_stops_hands_in_what_it_has_first() {
    let (recorders, id, recording) = (Recorders::start().await, stream("a"), Recording::usual());
    let mut node = recorders.node("origin").await;
    recorders.assign(&node, id, RecorderRole::Primary);
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..recording.segments.len()).await;
    until_written(&node, media_bytes(&recording, 0..recording.segments.len())).await;
    node.stop().await;
    let fragments = recorders.nodes.library().fragments(item(1));
    let [fragment] = &fragments[..] else { panic!("one fragment: {fragments:?}") };
    assert!(fragment.groups >= 1 && !fragment.ends_take, "the groups that are whole: {fragment:?}");
}
