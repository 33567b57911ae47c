//! What a broadcaster may do, and what its viewers are told of it.

use std::time::Duration;

use protocol::{grant::Action, stream::Visibility};
use serde_json::{Value, json};

use crate::{
    client::{BINARY, Client, Event},
    harness::{Recording, TestNode, grant, names, registration, stream},
};

/// A segment with its place.
async fn send(
    client: &Client,
    stream: impl serde::Serialize,
    take: u64,
    seq: usize,
    segment: &[u8],
) -> Value {
    let payload = json!({ "stream_id": stream, "take": take, "seq": seq, "segment": BINARY });
    client.call_with("broadcast_data", payload, segment).await
}

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_else(|| panic!("an error: {answer}"))
}

#[tokio::test]
async fn only_the_holder_of_a_publish_grant_registers() {
    let (node, id) = (TestNode::start().await, stream("a"));
    let client = node.connect().await;
    let watch = grant(id, Action::Watch, Visibility::Public);
    let other = grant(stream("b"), Action::Publish, Visibility::Public);
    for grant in ["", "x.y.z", &watch, &other] {
        let payload = json!({ "stream_id": id, "grant": grant, "mime": "video/webm;codecs=vp9,opus" });
        assert_eq!(code(&client.call("register_new_stream", payload).await), "invalid_grant", "{grant}");
    }
    assert_eq!(code(&client.send(id, b"x").await), "not_registered");
    assert_eq!(code(&client.call("end_stream", json!({ "stream_id": id })).await), "not_registered");
    node.stop().await;
}

#[tokio::test]
async fn type_that_cannot_be_forwarded_is_refused_and_leaves_nothing_behind() {
    let (node, id) = (TestNode::start().await, stream("a"));
    let client = node.connect().await;
    for mime in ["", "video/x-flv", "text/html", &"video/webm".repeat(1000)] {
        let answer = client.call("register_new_stream", registration(id, mime)).await;
        assert_eq!(code(&answer), "unsupported_mime", "{mime:.20}");
    }
    assert_eq!(code(&client.call("watch_stream", json!(id)).await), "unknown_stream");
    node.stop().await;
}

#[tokio::test]
async fn segment_sent_twice_counts_once_and_a_gap_is_named() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut viewer = node.connect().await;
    viewer.watch(id).await;
    for (seq, segment) in recording.segments.iter().enumerate() {
        let gap = send(&broadcaster, id, 0, seq + 1, segment).await;
        assert_eq!(code(&gap), "segment_gap");
        assert!(
            gap["error"]["message"].as_str().unwrap().contains(&format!("before segment {seq};")),
            "{gap}"
        );
        for _ in 0..2 {
            assert_eq!(
                send(&broadcaster, id, 0, seq, segment).await["have"],
                json!({ "take": 0, "seq": seq })
            );
        }
    }
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let seen = names(&viewer.until_ended().await);
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "nothing twice: {seen:?}");
    assert!(seen.len() >= recording.segments.len() - 2);
    node.stop().await;
}

#[tokio::test]
async fn newer_connection_takes_the_stream_over_where_it_stood() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let old = node.broadcaster(id, &recording.mime).await;
    let mut viewer = node.connect().await;
    viewer.watch(id).await;
    old.send_all(id, &recording.segments[..10]).await;
    let new = node.connect().await;
    let mut registration = registration(id, &recording.mime);
    registration["take"] = json!(0);
    let answer = new.call("register_new_stream", registration).await;
    assert_eq!((&answer["next_segment"], &answer["viewers"]), (&json!(10), &json!(1)), "{answer}");
    assert_eq!(code(&old.send(id, &recording.segments[10]).await), "already_publishing");
    assert_eq!(code(&old.call("end_stream", json!({ "stream_id": id })).await), "already_publishing");
    drop(old);
    new.send_all(id, &recording.segments[10..]).await;
    new.call("end_stream", json!({ "stream_id": id })).await;
    let events = viewer.until_ended().await;
    assert!(
        events.iter().all(|event| event.payload["state"] != "interrupted"),
        "the old connection does not matter"
    );
    assert!(names(&events).len() >= recording.segments.len() - 2);
    node.stop().await;
}

#[tokio::test]
async fn new_take_plays_on_after_its_own_init_segment() {
    let (node, id) = (TestNode::start().await, stream("a"));
    let (first, second) =
        (Recording::load("webm-vp9-opus-250ms-restart-a"), Recording::load("webm-vp9-opus-250ms-restart-b"));
    let broadcaster = node.broadcaster(id, &first.mime).await;
    let mut viewer = node.connect().await;
    viewer.watch(id).await;
    broadcaster.send_all(id, &first.segments).await;
    let answer = broadcaster.call("register_new_stream", registration(id, &second.mime)).await;
    assert_eq!(answer["next_segment"], 0, "{answer}");
    broadcaster.send_all(id, &second.segments).await;
    assert_eq!(code(&send(&broadcaster, id, 0, 0, &first.segments[0]).await), "stale_take");
    let mut stale = registration(id, &first.mime);
    stale["take"] = json!(0);
    assert_eq!(code(&broadcaster.call("register_new_stream", stale).await), "stale_take");
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;

    let events = viewer.until_ended().await;
    let media: Vec<&Event> = events.iter().filter(|event| event.name == "streaming_data").collect();
    let inits: Vec<usize> = (0..media.len()).filter(|at| media[*at].payload["kind"] == "init").collect();
    assert_eq!(inits.len(), 2);
    assert!(media[..inits[1]].iter().all(|event| event.payload["take"] == 0));
    assert!(media[inits[1]..].iter().all(|event| event.payload["take"] == 1));
    assert_eq!(media[inits[1] + 1].chunk_name(), (1, 0, 0));
    node.stop().await;
}

#[tokio::test]
async fn media_that_breaks_off_is_refused_and_a_new_take_goes_on() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut viewer = node.connect().await;
    viewer.watch(id).await;
    broadcaster.send_all(id, &recording.segments[..10]).await;
    let garbage = [0xFF; 1000];
    let mut answer = broadcaster.send(id, &garbage).await;
    while answer["ok"] == true {
        answer = broadcaster.send(id, &garbage).await;
    }
    assert_eq!(code(&answer), "malformed_media");
    assert_eq!(
        code(&broadcaster.send(id, &recording.segments[10]).await),
        "malformed_media",
        "the take is over"
    );
    broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
    broadcaster.send_all(id, &recording.segments).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let seen = names(&viewer.until_ended().await);
    assert!(seen.iter().any(|name| name.0 == 0) && seen.iter().any(|name| name.0 == 1), "{seen:?}");
    node.stop().await;
}

/// The recording with every `from` replaced by `to`, which has the same length.
fn with_bytes_replaced(recording: &Recording, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = recording.segments.concat();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    bytes
}

#[tokio::test]
async fn media_that_can_never_be_forwarded_is_refused_for_good_and_the_codec_named() {
    let node = TestNode::start().await;
    let mp4 = Recording::load("mp4-avc1-opus-250ms");
    let webm = Recording::load("audio-webm-opus-250ms");
    for (title, mime, take, named) in [
        ("ac3", "video/mp4", with_bytes_replaced(&mp4, b"Opus", b"ac-3"), "ac-3"),
        ("hevc", "video/mp4", with_bytes_replaced(&mp4, b"avc1", b"hvc1"), "HEVC (hvc1)"),
        ("vorbis", "video/webm", with_bytes_replaced(&webm, b"A_OPUS", b"A_VORB"), "A_VORB"),
    ] {
        let id = stream(title);
        let broadcaster = node.broadcaster(id, mime).await;
        let answer = broadcaster.send(id, &take).await;
        assert_eq!(code(&answer), "unsupported_mime", "{title}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(named), "{title}: {answer}");
        assert_eq!(code(&broadcaster.send(id, b"more").await), "unsupported_mime", "{title}");
    }
    node.stop().await;
}

#[tokio::test]
async fn texts_of_megabytes_are_refused_before_they_are_read() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let client = node.connect().await;
    let long = "A".repeat(4 << 20);
    for (field, expected) in
        [("resume", "invalid_resume"), ("mime", "unsupported_mime"), ("grant", "invalid_grant")]
    {
        let mut registration = registration(id, &recording.mime);
        registration["take"] = json!(0);
        registration[field] = json!(long);
        let answer = client.call("register_new_stream", registration).await;
        assert_eq!(code(&answer), expected, "{field}");
    }
    let answer = client.call("watch_stream", json!({ "stream_id": id, "grant": long })).await;
    assert_eq!(answer["ok"], false);
    node.stop().await;
}

#[tokio::test]
async fn another_node_goes_on_with_the_same_names() {
    let (old, new, id, recording) =
        (TestNode::start().await, TestNode::start().await, stream("a"), Recording::usual());
    let on_old = old.broadcaster(id, &recording.mime).await;
    let mut watches_old = old.connect().await;
    watches_old.watch(id).await;
    let mut acked = (Value::Null, 0);
    for (seq, segment) in recording.segments.iter().enumerate() {
        let answer = on_old.send(id, segment).await;
        if seq < recording.segments.len() / 2 && answer["resume"].is_string() {
            acked = (answer["resume"].clone(), seq + 1);
        }
    }
    on_old.call("end_stream", json!({ "stream_id": id })).await;
    let whole = names(&watches_old.until_ended().await);

    let on_new = new.connect().await;
    let mut registration = registration(id, &recording.mime);
    registration["take"] = json!(0);
    for garbage in ["", "AQAA", "!", &"A".repeat(10_000)] {
        registration["resume"] = json!(garbage);
        assert_eq!(code(&on_new.call("register_new_stream", registration.clone()).await), "invalid_resume");
    }
    registration["resume"] = acked.0;
    let answer = on_new.call("register_new_stream", registration).await;
    assert_eq!(answer["next_segment"], acked.1, "{answer}");
    let mut watches_new = new.connect().await;
    watches_new.watch(id).await;
    on_new.send_all(id, &recording.segments[acked.1..]).await;
    on_new.call("end_stream", json!({ "stream_id": id })).await;
    let rest = names(&watches_new.until_ended().await);
    assert!(!rest.is_empty() && whole.ends_with(&rest), "{rest:?}");
    old.stop().await;
    new.stop().await;
}

#[tokio::test]
async fn lost_broadcaster_interrupts_and_its_return_resumes() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut viewer = node.connect().await;
    viewer.watch(id).await;
    broadcaster.send_all(id, &recording.segments[..10]).await;
    viewer.until_state("live").await;
    drop(broadcaster);
    viewer.until_state("interrupted").await;
    let mut meanwhile = node.connect().await;
    meanwhile.watch(id).await;
    assert_eq!(meanwhile.state().await, "interrupted", "who comes now is told");

    let back = node.connect().await;
    let mut registration = registration(id, &recording.mime);
    registration["take"] = json!(0);
    assert_eq!(back.call("register_new_stream", registration).await["next_segment"], 10);
    back.send_all(id, &recording.segments[10..]).await;
    viewer.until_state("live").await;
    back.call("end_stream", json!({ "stream_id": id })).await;
    viewer.until_state("ended").await;
    node.stop().await;
}

#[tokio::test]
async fn stream_whose_broadcaster_stays_away_is_over_for_good() {
    let node = TestNode::with(|limits| limits.grace = Duration::from_millis(50)).await;
    let (id, recording) = (stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut viewer = node.connect().await;
    viewer.watch(id).await;
    broadcaster.send_all(id, &recording.segments).await;
    drop(broadcaster);
    let seen = names(&viewer.until_ended().await);
    assert!(seen.len() >= recording.segments.len() - 2, "every chunk comes before the end");
    let late = node.connect().await;
    assert_eq!(code(&late.call("watch_stream", json!(id)).await), "unknown_stream");
    let answer = late.call("register_new_stream", registration(id, &recording.mime)).await;
    assert_eq!(code(&answer), "unknown_stream");
    node.stop().await;
}

#[tokio::test]
async fn on_a_full_node_streams_that_sent_nothing_give_way_and_others_do_not() {
    let node = TestNode::with(|limits| limits.streams = 2).await;
    let recording = Recording::usual();
    let live = node.broadcaster(stream("live"), &recording.mime).await;
    assert_eq!(live.send(stream("live"), &recording.segments[0]).await["ok"], true);
    let silent = node.broadcaster(stream("silent"), &recording.mime).await;
    let next = node.broadcaster(stream("next"), &recording.mime).await;
    assert_eq!(code(&silent.send(stream("silent"), &recording.segments[0]).await), "not_registered");
    assert_eq!(next.send(stream("next"), &recording.segments[0]).await["ok"], true);
    assert_eq!(live.send(stream("live"), &recording.segments[1]).await["ok"], true);
    let again = silent.call("register_new_stream", registration(stream("silent"), &recording.mime)).await;
    assert_eq!(code(&again), "no_capacity", "the others have sent media: {again}");
    node.stop().await;
}

#[tokio::test]
async fn limits_are_answered_with_a_code() {
    let node = TestNode::with(|limits| {
        limits.streams = 1;
        limits.viewers = 1;
        limits.segment_bytes = 100_000;
        limits.stream_bytes_per_s = 30_000;
    })
    .await;
    let (id, recording) = (stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    assert_eq!(broadcaster.send(id, &recording.segments[0]).await["ok"], true);
    let registration = registration(stream("b"), &recording.mime);
    assert_eq!(code(&broadcaster.call("register_new_stream", registration).await), "no_capacity");
    let viewer = node.connect().await;
    viewer.watch(id).await;
    viewer.watch(id).await;
    let other = node.connect().await;
    assert_eq!(code(&other.call("watch_stream", json!(id)).await), "no_capacity");
    let after = json!({ "take": 0, "group": 0, "index": 0 });
    let resuming = other.call("watch_stream", json!({ "stream_id": id, "after": after })).await;
    assert_eq!(resuming["ok"], true, "who lost another node is taken in: {resuming}");
    assert_eq!(code(&broadcaster.send(id, &[0; 100_001]).await), "payload_too_large");
    let mut answer = json!({ "ok": true });
    for segment in &recording.segments[1..] {
        if answer["ok"] == true {
            answer = broadcaster.send(id, segment).await;
        }
    }
    assert_eq!(code(&answer), "limit_reached", "120 KB may come at once");
    node.stop().await;
}
