//! Requests for keyframes travel from any reader to the broadcaster.

use protocol::StreamId;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::Client,
    harness::{Recording, registration, stream},
    nodes::{EdgeNode, Nodes},
    relay_support::send_some,
    ws_client::{self, WsViewer},
};

/// Waits until a broadcaster is asked for a keyframe.
async fn keyframe_wanted(broadcaster: &mut Client) -> Value {
    loop {
        let event = broadcaster.event().await;
        if event.name == "keyframe_wanted" {
            return event.payload;
        }
    }
}

/// A broadcaster that can make keyframes when asked, and has sent some media.
async fn keyframe_maker(node: &EdgeNode, id: StreamId, recording: &Recording) -> Client {
    let broadcaster = node.connect().await;
    let mut registration = registration(id, &recording.mime);
    registration["keyframes"] = json!(true);
    assert_eq!(broadcaster.call("register_new_stream", registration).await["ok"], true);
    send_some(&broadcaster, id, recording, 0..3).await;
    broadcaster
}

#[tokio::test]
async fn keyframe_requests_travel_over_edges_to_the_broadcaster() {
    let (nodes, [a, b], recording) = (Nodes::start().await, ["a", "b"].map(stream), Recording::usual());
    let [origin, edge, far] =
        [nodes.node("origin").await, nodes.node("edge").await, nodes.node("edge-of-edge").await];
    nodes.script(&edge.name, vec![origin.url()]);
    nodes.script(&far.name, vec![edge.url()]);
    let mut broadcasters =
        [keyframe_maker(&origin, a, &recording).await, keyframe_maker(&origin, b, &recording).await];
    // The edge of an edge finds a stream only where it is already.
    let _near = edge.viewer(a).await;

    let mut over_ws = WsViewer::connect(far.address, &format!("/ws/{a}")).await;
    over_ws.event("watching").await;
    over_ws.send(Message::text(r#"["request_keyframe",{}]"#)).await;
    assert_eq!(keyframe_wanted(&mut broadcasters[0]).await, json!({ "stream_id": a }));

    let over_socket_io = edge.viewer(b).await;
    let answer = over_socket_io.call("request_keyframe", json!({ "stream_id": b })).await;
    assert_eq!(answer, json!({ "ok": true }));
    assert_eq!(keyframe_wanted(&mut broadcasters[1]).await, json!({ "stream_id": b }));

    let refused = over_socket_io.call("request_keyframe", json!({ "stream_id": a })).await;
    assert_eq!(refused["error"]["code"], "invalid_request", "it does not watch that");
}

#[tokio::test]
async fn a_broadcaster_that_did_not_say_so_is_not_asked_for_keyframes() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let mut broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..3).await;
    let mut viewer = WsViewer::connect(edge.address, &format!("/ws/{id}")).await;
    viewer.event("watching").await;
    viewer.send(Message::text(r#"["request_keyframe",{}]"#)).await;
    let direct = origin.viewer(id).await;
    direct.call("request_keyframe", json!({ "stream_id": id })).await;
    // The clock's answer comes after the request was handled, on each hop.
    viewer.send(ws_client::clock(1.0)).await;
    while !matches!(viewer.next().await, ws_client::Got::Event(name, _) if name == "clock") {}
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    loop {
        let event = broadcaster.event().await;
        assert_ne!(event.name, "keyframe_wanted");
        if event.payload["state"] == "ended" {
            break;
        }
    }
}
