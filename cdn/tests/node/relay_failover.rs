//! Links, edges and origins that fail: the stream goes on at another node without a gap.

use protocol::StreamId;
use serde_json::json;

use crate::{
    client::Client,
    harness::{Recording, names, stream},
    nodes::{EdgeNode, Nodes},
    proxy::Proxy,
    relay_support::{assert_whole, check_cuts_leave_no_gap, chunks, newest, resume, send_some, until_chunk},
};

/// An edge that reaches its origin through a proxy, and the first segments of a broadcast.
struct Proxied {
    origin: EdgeNode,
    edge: EdgeNode,
    proxy: Proxy,
    broadcaster: Client,
    _nodes: Nodes,
}

impl Proxied {
    /// The edge may also reach the origin directly, after the proxy, if that `is_second_source`.
    async fn start(id: StreamId, recording: &Recording, is_second_source: bool) -> Self {
        let nodes = Nodes::start().await;
        let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
        let proxy = Proxy::start(origin.address).await;
        let direct = is_second_source.then(|| origin.url());
        nodes.script("edge", std::iter::once(proxy.url()).chain(direct).collect());
        let broadcaster = origin.broadcaster(id, &recording.mime).await;
        send_some(&broadcaster, id, recording, 0..5).await;
        Self { origin, edge, proxy, broadcaster, _nodes: nodes }
    }
}

#[tokio::test]
async fn broken_relay_connections_leave_no_gap() {
    let (id, recording) = (stream("a"), Recording::usual());
    let Proxied { origin, edge, proxy, broadcaster, _nodes } = Proxied::start(id, &recording, false).await;
    check_cuts_leave_no_gap((&origin, &edge), || proxy.cut(), &broadcaster, (id, &recording)).await;
}

#[tokio::test]
async fn source_that_falls_silent_is_left_for_the_next_without_a_gap() {
    let (id, recording) = (stream("a"), Recording::usual());
    let Proxied { origin, edge, proxy, broadcaster, _nodes } = Proxied::start(id, &recording, true).await;
    let mut viewer = edge.viewer(id).await;
    proxy.freeze();
    send_some(&broadcaster, id, &recording, 5..recording.segments.len()).await;
    let seen = until_chunk(&mut viewer, newest(&origin, id).await).await;
    assert_whole(&seen);
    assert!(seen.iter().all(|event| event.payload["state"] != "interrupted"), "sooner than anybody is told");
}

#[tokio::test]
async fn stream_that_ended_while_its_edge_was_cut_off_ends_there_too() {
    let (id, recording) = (stream("a"), Recording::usual());
    let Proxied { origin: _origin, edge, proxy, broadcaster, _nodes } =
        Proxied::start(id, &recording, false).await;
    let mut viewer = edge.viewer(id).await;
    proxy.close();
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    viewer.until_ended().await;
}

#[tokio::test]
async fn viewers_of_a_dead_edge_go_on_at_another_after_their_last_chunk() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let origin = nodes.node("origin").await;
    let (doomed, other) = (nodes.node("edge-1").await, nodes.node("edge-2").await);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..10).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut viewer = doomed.viewer(id).await;
    let before = chunks(&mut viewer, 3).await;
    doomed.kill();
    viewer.closed().await;
    let (take, group, index) = *names(&before).last().unwrap();
    let mut viewer = other.connect().await;
    let after = json!({ "take": take, "group": group, "index": index });
    let answer = viewer.call("watch_stream", json!({ "stream_id": id, "after": after })).await;
    assert_eq!(answer["ok"], true, "{answer}");
    send_some(&broadcaster, id, &recording, 10..recording.segments.len()).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let mut all = before;
    all.extend(viewer.until_ended().await);
    assert_whole(&all);
}

#[tokio::test]
async fn origin_dies_and_its_broadcaster_continues_at_an_edge() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let origin = nodes.node("origin").await;
    let (heir, other) = (nodes.node("edge-1").await, nodes.node("edge-2").await);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    let early = send_some(&broadcaster, id, &recording, 0..10).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut viewers = [heir.viewer(id).await, other.viewer(id).await];
    nodes.until_path(&heir, id, &["origin"]).await;
    nodes.until_path(&other, id, &["origin"]).await;
    send_some(&broadcaster, id, &recording, 10..14).await;
    let mut before = Vec::new();
    for viewer in &mut viewers {
        before.push(chunks(viewer, 5).await);
    }
    origin.kill();
    // Its state is older than what the edges have: they are given the same chunks under the same names.
    let (broadcaster, next) = resume(&heir, id, &recording, early).await;
    assert_eq!(next, 10);
    nodes.until_path(&heir, id, &[]).await;
    nodes.until_path(&other, id, &["edge-1"]).await;
    send_some(&broadcaster, id, &recording, next..recording.segments.len()).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let mut ends = Vec::new();
    for (viewer, before) in viewers.iter_mut().zip(before) {
        let mut all = before;
        all.extend(viewer.until_ended().await);
        assert_whole(&all);
        ends.push(names(&all).last().copied());
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test]
async fn origin_whose_broadcaster_went_elsewhere_becomes_an_edge_and_its_viewers_stay() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (old, new) = (nodes.node("old").await, nodes.node("new").await);
    let broadcaster = old.broadcaster(id, &recording.mime).await;
    let state = send_some(&broadcaster, id, &recording, 0..10).await;
    let mut viewer = old.viewer(id).await;
    drop(broadcaster);
    let (broadcaster, next) = resume(&new, id, &recording, state).await;
    send_some(&broadcaster, id, &recording, next..15).await;
    nodes.until_path(&old, id, &["new"]).await;
    send_some(&broadcaster, id, &recording, 15..recording.segments.len()).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let seen = viewer.until_ended().await;
    assert_whole(&seen);
    let last = names(&seen).last().copied().unwrap();
    assert!(last.1 >= 2, "all of it came: {last:?}");
}

#[tokio::test]
async fn simple_broadcaster_that_comes_to_an_edge_begins_the_next_take() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments[..10]).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut viewer = edge.viewer(id).await;
    let first = chunks(&mut viewer, 1).await;
    assert_eq!(names(&first)[0].0, 0);
    origin.kill();
    let broadcaster = edge.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    let second = until_chunk(&mut viewer, (1, 0, 0)).await;
    assert!(second.iter().any(|event| event.name == "skipped"), "what the origin had besides is missing");
}
