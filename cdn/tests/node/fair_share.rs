//! A stream that fills the node's memory pays with its own window: viewers of the others miss nothing.

use protocol::event::FrameName;
use serde_json::json;

use crate::harness::{Recording, TestNode, assert_no_gap, names, stream};

/// EBML header, Segment, Tracks with VP8 as track 1, and a Cluster.
const HEADER: &[u8] = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\xff\x16\x54\xae\x6b\x97\
    \xae\x95\xd7\x81\x01\x83\x81\x01\x86\x85V_VP8\xe0\x86\xb0\x81\x40\xba\x81\x20\
    \x1f\x43\xb6\x75\xff\xe7\x81\x00";

/// The start of a VP8 keyframe of 64x32.
const PICTURE: &[u8] = b"\x10\x00\x00\x9d\x01\x2a\x40\x00\x20\x00";

/// A keyframe of 2000 bytes, a group of its own.
fn keyframe() -> Vec<u8> {
    let mut block = b"\xa3\x10\x00\x07\xd4\x81\x00\x00\x80".to_vec();
    let head = block.len();
    block.extend_from_slice(PICTURE);
    block.resize(head + 2000, 0x10);
    block
}

/// `undead_cdn_ring_bytes` as the node reports it.
async fn ring_bytes(node: &TestNode) -> u64 {
    let (_, metrics) = node.get("/metrics").await;
    let held = metrics.lines().find_map(|line| line.strip_prefix("undead_cdn_ring_bytes "));
    held.expect("the metric is there").parse().expect("a number")
}

#[tokio::test]
async fn a_stream_that_fills_the_memory_takes_nothing_from_the_windows_of_others() {
    let node = TestNode::with(|limits| limits.ring_bytes = 3 << 20).await;
    let (honest, greedy, recording) = (stream("honest"), stream("greedy"), Recording::usual());
    let broadcaster = node.broadcaster(honest, &recording.mime).await;
    broadcaster.send_all(honest, &recording.segments).await;
    let first = node.connect().await;
    first.watch(honest).await;

    let filling = node.broadcaster(greedy, "video/webm;codecs=vp8").await;
    filling.send_all(greedy, &[HEADER.to_vec()]).await;
    for _ in 0..4 {
        filling.send_all(greedy, &[keyframe().repeat(1000)]).await;
    }

    let held = ring_bytes(&node).await;
    assert!((2 << 20..=3 << 20).contains(&held), "the budget is used, and holds: {held}");
    let mut squeezed = node.ws(greedy, "?after=0.0.0").await;
    squeezed.event("watching").await;
    squeezed.event("stream_state").await;
    assert_eq!(squeezed.event("skipped").await["reason"], "left_window", "the greedy stream pays");

    let mut resuming = node.connect().await;
    let after = FrameName { take: 0, group: 0, index: 0 };
    let answer = resuming.call("watch_stream", json!({ "stream_id": honest, "after": after })).await;
    assert_eq!(answer["ok"], true, "{answer}");
    broadcaster.call("end_stream", json!({ "stream_id": honest })).await;
    let events = resuming.until_ended().await;
    assert!(events.iter().all(|event| event.name != "skipped"), "nothing left the window");
    let (take, group, index) = names(&events)[0];
    assert!((take, group) == (0, 0) && index > 0, "the one after the first");
    assert_no_gap(&events);
    node.stop().await;
}
