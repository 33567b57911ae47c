//! A viewer that does not read costs other viewers no time, and the node no memory.

use serde_json::json;

use crate::harness::{Recording, TestNode, follows, names, registration, stream};

/// Rings may hold this much, so that the recording leaves them many times over.
pub(crate) const RING_BYTES: u64 = 2 << 20;
/// How often the recording is sent, each time as a new take.
pub(crate) const ROUNDS: u64 = 12;

/// Holds little, and takes in as fast as a test can send.
pub(crate) async fn cramped_node() -> TestNode {
    TestNode::with(|limits| {
        limits.ring_bytes = RING_BYTES;
        limits.stream_bytes_per_s = 1 << 30;
    })
    .await
}

#[tokio::test]
async fn viewers_that_never_read_delay_no_other_and_hold_no_memory() {
    let node = cramped_node().await;
    let (id, recording) = (stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut attentive = node.connect().await;
    attentive.watch(id).await;
    let mut deaf = Vec::new();
    for _ in 0..5 {
        let viewer = node.connect().await;
        viewer.watch(id).await;
        viewer.pause();
        deaf.push(viewer);
    }
    let mut seen = 0;
    for round in 0..ROUNDS {
        if round > 0 {
            broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
        }
        for segment in &recording.segments {
            assert_eq!(broadcaster.send(id, segment).await["ok"], true);
        }
        // The attentive viewer has this take's last chunks before the next take begins.
        let expected = recording.segments.len() - 2;
        let mut of_this_take = 0;
        while of_this_take < expected {
            let event = attentive.media().await;
            of_this_take += usize::from(event.payload["kind"] == "media" && event.payload["take"] == round);
        }
        seen += of_this_take;
        assert!(ring_bytes(&node).await <= RING_BYTES);
    }
    assert!(seen >= ROUNDS as usize * (recording.segments.len() - 2));
    let metrics = node.get("/metrics").await.1;
    assert!(metrics.contains("undead_cdn_viewers 6\n"), "no viewer was cut off: {metrics}");
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    attentive.until_state("ended").await;
    node.stop().await;
}

#[tokio::test]
async fn slow_viewer_skips_whole_groups_and_is_told() {
    let node = cramped_node().await;
    let (id, recording) = (stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut slow = node.connect().await;
    slow.watch(id).await;
    slow.pause();
    for round in 0..ROUNDS {
        if round > 0 {
            broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
        }
        broadcaster.send_all(id, &recording.segments).await;
    }
    slow.resume();
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let events = slow.until_ended().await;
    let media = names(&events);
    assert_eq!(media.last().unwrap().0, ROUNDS - 1, "it ends at the live edge");
    let mut have = None;
    let mut skips = 0;
    let mut skipped_to = None;
    for event in &events {
        match (event.name.as_str(), event.payload["kind"].as_str()) {
            ("skipped", _) => {
                assert_eq!(event.payload["reason"], "lagged");
                skips += 1;
                skipped_to = Some(event.payload["to"].clone());
            }
            ("streaming_data", Some("media")) => {
                let (take, group, index) = event.chunk_name();
                if let Some(to) = skipped_to.take() {
                    assert_eq!(to, json!({ "take": take, "group": group, "index": index }));
                    assert_eq!(event.payload["key"], true, "what follows a skip begins with a keyframe");
                } else if let Some((last, frames)) = have {
                    let follows = follows(last, frames, event.chunk_name()) || (group, index) == (0, 0);
                    assert!(follows, "no silent gap before {take}.{group}.{index}");
                }
                have = Some((event.chunk_name(), event.frames()));
            }
            _ => {}
        }
    }
    assert!(skips > 0, "it missed something");
    node.stop().await;
}

async fn ring_bytes(node: &TestNode) -> u64 {
    let metrics = node.get("/metrics").await.1;
    let line = metrics.lines().find_map(|line| line.strip_prefix("undead_cdn_ring_bytes "));
    line.expect("the metric").parse().unwrap()
}
