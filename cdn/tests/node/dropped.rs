//! A node that stops carrying a stream which is not over says `stream_dropped` and not `ended`, and clients go on elsewhere.

use std::time::Duration;

use cdn::Limits;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::{
    harness::{Recording, names, stream},
    nodes::{EdgeNode, Nodes},
    proxy::Proxy,
    ws_client::{Got, WsViewer, code},
};

/// An edge gives its source up after this.
fn short_grace(limits: &mut Limits) {
    limits.grace = Duration::from_millis(300);
}

/// An origin, an edge that gets streams through a proxy, and a node that gets them from that edge.
struct Chain {
    nodes: Nodes,
    origin: EdgeNode,
    edge: EdgeNode,
    leaf: EdgeNode,
    proxy: Proxy,
}

impl Chain {
    async fn start() -> Self {
        let nodes = Nodes::start().await;
        let origin = nodes.node("origin").await;
        let edge = nodes.node_with("edge", short_grace).await;
        let leaf = nodes.node("leaf").await;
        let proxy = Proxy::start(origin.address).await;
        nodes.script("edge", vec![proxy.url()]);
        nodes.script("leaf", vec![edge.url()]);
        Self { nodes, origin, edge, leaf, proxy }
    }
}

#[tokio::test]
async fn edge_that_drops_a_stream_calls_it_dropped_on_every_wire_and_the_next_edge_goes_on_elsewhere() {
    let (chain, id, recording) = (Chain::start().await, stream("a"), Recording::usual());
    let Chain { nodes, origin, edge, leaf, proxy } = &chain;
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments[..10]).await;
    nodes.until_path(origin, id, &[]).await;
    let mut over_socket_io = edge.viewer(id).await;
    let mut over_ws = WsViewer::connect(edge.address, &format!("/ws/{id}")).await;
    let mut below = leaf.viewer(id).await;
    nodes.until_path(leaf, id, &["origin", "edge"]).await;

    nodes.script("leaf", vec![edge.url(), origin.url()]);
    proxy.close();
    let (got, closed) = over_ws.until_closed().await;
    let Some(Got::Event(name, payload)) = got.last() else { panic!("an event comes last: {got:?}") };
    assert_eq!((&**name, &payload["code"]), ("error", &json!("stream_dropped")));
    assert_eq!(closed, code(CloseCode::Again));
    let mut states = Vec::new();
    loop {
        let event = over_socket_io.event().await;
        match event.name.as_str() {
            "stream_state" => states.push(event.payload["state"].clone()),
            "stream_dropped" => {
                assert_eq!(event.payload, json!({ "stream_id": id }));
                break;
            }
            _ => {}
        }
    }
    assert_eq!(states.last(), Some(&json!("interrupted")), "what a client sees that knows no better");
    assert!(!states.contains(&json!("ended")));
    assert_eq!(edge.metric("undead_cdn_streams_dropped_total").await, 1);
    assert_eq!(edge.metric("undead_cdn_streams_ended_total").await, 0);
    nodes.until_carried(edge, id, |carried| carried.is_none()).await;
    assert!(!nodes.is_over(id), "nor does the main server hear of an end");

    nodes.until_path(leaf, id, &["origin"]).await;
    broadcaster.send_all(id, &recording.segments[10..]).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let seen = below.until_ended().await;
    assert!(seen.iter().all(|event| event.name != "skipped" && event.name != "stream_dropped"));
    assert!(names(&seen).len() > recording.segments.len() - 13, "it all came: {}", names(&seen).len());
    assert_eq!(leaf.metric("undead_cdn_streams_ended_total").await, 1);
}

#[tokio::test]
async fn stream_that_an_edge_dropped_is_watched_there_again_once_it_can_be_had() {
    let (chain, id, recording) = (Chain::start().await, stream("a"), Recording::usual());
    let Chain { nodes, origin, edge, proxy, .. } = &chain;
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments[..10]).await;
    nodes.until_path(origin, id, &[]).await;
    let mut viewer = edge.viewer(id).await;
    proxy.close();
    while viewer.event().await.name != "stream_dropped" {}
    nodes.script("edge", vec![origin.url()]);
    // The same connection, which is told of the end in the end.
    while viewer.call("watch_stream", json!(id)).await["ok"] != true {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    broadcaster.send_all(id, &recording.segments[10..]).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    viewer.until_ended().await;
}
