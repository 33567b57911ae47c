//! A stream that the main server ends is over everywhere: no socket is held for it on any node, and its broadcaster cannot
//! bring it back.

use std::time::Duration;

use protocol::node::Command;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    harness::{Recording, TEST_TIMEOUT, registration, stream},
    nodes::{EdgeNode, Nodes},
    relay_support::send_some,
    ws_client::WsViewer,
};

/// Waits until a node has so many connections.
async fn until_connections(node: &EdgeNode, socketio: u64, ws: u64) {
    let mut now = (0, 0);
    let counted = async {
        while now != (socketio, ws) {
            sleep(Duration::from_millis(20)).await;
            now = (
                node.metric("undead_cdn_socketio_connections").await,
                node.metric("undead_cdn_ws_connections").await,
            );
        }
    };
    let counted = timeout(TEST_TIMEOUT, counted).await;
    assert!(counted.is_ok(), "{} has {now:?} connections, not {:?}", node.name, (socketio, ws));
}

#[tokio::test]
async fn ending_a_stream_closes_its_sockets_on_all_nodes_and_all_transports() {
    let (nodes, recording) = (Nodes::start().await, Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let (id, other) = (stream("a"), stream("b"));
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..12).await;
    let second = origin.broadcaster(other, &recording.mime).await;
    send_some(&second, other, &recording, 0..12).await;
    let (mut over_socketio, mut over_ws) = (Vec::new(), Vec::new());
    for node in [&origin, &edge] {
        for _ in 0..3 {
            over_socketio.push(node.viewer(id).await);
            let mut viewer = WsViewer::connect(node.address, &format!("/ws/{id}")).await;
            viewer.event("watching").await;
            over_ws.push(viewer);
        }
        // These watch another stream as well.
        let both = node.viewer(id).await;
        both.watch(other).await;
        over_socketio.push(both);
    }
    // On the origin, the edge's links to both streams count as WebSockets.
    until_connections(&origin, 2 + 4, 3 + 2).await;
    until_connections(&edge, 4, 3).await;

    nodes.command(Command::EndStream { stream_id: id });
    until_connections(&origin, 2, 1).await;
    until_connections(&edge, 1, 0).await;
    for mut viewer in over_ws {
        assert_eq!(viewer.until_closed().await.1, Some(1000), "the stream is over");
    }

    for node in [&origin, &edge] {
        let back = node.connect().await;
        let answer = back.call("register_new_stream", registration(id, &recording.mime)).await;
        assert_eq!(answer["error"]["code"], "unknown_stream", "its grant has not expired: {answer}");
    }
    assert_eq!(second.call("end_stream", json!({ "stream_id": other })).await["ok"], true);
    until_connections(&origin, 1, 0).await;
    until_connections(&edge, 0, 0).await;
    let next = stream("c");
    let answer = second.call("register_new_stream", registration(next, &recording.mime)).await;
    assert_eq!(
        answer["ok"], true,
        "who ends a stream may begin the next one on the same connection: {answer}"
    );
}
