//! Whatever an origin takes in reaches the viewers of edges, however large its chunks are.

use std::time::Duration;

use protocol::message::MAX_CHUNK_BYTES;
use serde_json::json;

use crate::{
    harness::{Recording, names, stream},
    nodes::Nodes,
    proxy::Proxy,
    ws_client::{Got, WsViewer},
};

/// More than a segment may have, and less than the largest block that is read.
const PICTURE_BYTES: usize = 12 << 20;

/// The start of a VP9 keyframe of 64 × 32 pixels (VP9 Bitstream & Decoding Process Specification, section 6.2).
const KEYFRAME: &[u8] = &[0x82, 0x49, 0x83, 0x42, 0x00, 0x03, 0xf0, 0x01, 0xf0];

/// A Cluster of unknown size with one picture of the first track (RFC 8794; RFC 9559, sections 10.1 and 12.4).
fn cluster(time_ms: u16, picture_bytes: usize) -> Vec<u8> {
    let mut cluster = vec![0x1f, 0x43, 0xb6, 0x75, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let [high, low] = time_ms.to_be_bytes();
    cluster.extend([0xe7, 0x82, high, low]);
    // A SimpleBlock: its size in eight bytes, track 1, no offset, a keyframe.
    cluster.extend([0xa3, 0x01]);
    cluster.extend(&((picture_bytes + 4) as u64).to_be_bytes()[1..]);
    cluster.extend([0x81, 0, 0, 0x80]);
    let start = cluster.len();
    cluster.resize(start + picture_bytes, 7);
    cluster[start..start + KEYFRAME.len()].copy_from_slice(KEYFRAME);
    cluster
}

/// What comes before the first Cluster of a recording.
fn header(recording: &Recording) -> Vec<u8> {
    let all = recording.segments.concat();
    let first = all.windows(4).position(|bytes| bytes == [0x1f, 0x43, 0xb6, 0x75]).unwrap();
    all[..first].to_vec()
}

/// The beginning of a take, and its large picture in segments that may come.
fn segments(recording: &Recording) -> (Vec<u8>, Vec<Vec<u8>>) {
    let large = cluster(1000, PICTURE_BYTES);
    let halves = large.chunks(large.len().div_ceil(2)).map(<[u8]>::to_vec).collect();
    ([header(recording), cluster(0, 100)].concat(), halves)
}

#[tokio::test]
async fn chunk_larger_than_a_segment_reaches_the_viewers_of_an_edge() {
    let (nodes, id, recording) = (Nodes::start().await, stream("large"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    let (beginning, large) = segments(&recording);
    broadcaster.send_all(id, &[beginning]).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut viewer = edge.viewer(id).await;
    let mut over_ws = WsViewer::connect(edge.address, &format!("/ws/{id}")).await;
    broadcaster.send_all(id, &large).await;
    broadcaster.send_all(id, &[cluster(2000, 100)]).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let seen = viewer.until_ended().await;
    assert!(seen.iter().all(|event| event.name != "skipped"));
    let largest = seen.iter().filter_map(|event| event.binary.as_ref()).map(Vec::len).max();
    assert!(largest.is_some_and(|bytes| bytes > PICTURE_BYTES && bytes < MAX_CHUNK_BYTES), "{largest:?}");
    let (all, _) = over_ws.until_closed().await;
    assert_eq!(crate::ws_client::names(&all).last(), names(&seen).last());
    assert!(all.iter().any(|got| matches!(got, Got::Chunk { data, .. } if data.len() > PICTURE_BYTES)));
    assert_eq!(edge.metric("undead_cdn_relay_reconnects_total").await, 0);
}

#[tokio::test]
async fn link_that_takes_long_for_a_large_chunk_is_not_taken_for_silent() {
    let (nodes, id, recording) = (Nodes::start().await, stream("slow"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    // A little over five seconds for the large chunk, which is more than a silent source is waited for.
    let proxy = Proxy::with_rate(origin.address, 1 << 20, Duration::from_millis(400)).await;
    nodes.script("edge", vec![proxy.url()]);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    let (beginning, large) = segments(&recording);
    broadcaster.send_all(id, &[beginning]).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut viewer = edge.viewer(id).await;
    broadcaster.send_all(id, &large).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let seen = viewer.until_ended().await;
    assert!(seen.iter().any(|event| event.binary.as_ref().is_some_and(|data| data.len() > PICTURE_BYTES)));
    assert_eq!(edge.metric("undead_cdn_relay_reconnects_total").await, 0);
}
