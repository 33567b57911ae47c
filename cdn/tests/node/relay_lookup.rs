//! Viewers of a stream that their node does not have yet: one question to the main server, and who is admitted when.

use std::time::Duration;

use protocol::{grant::Action, stream::Visibility};
use serde_json::json;

use crate::{
    harness::{Recording, grant, registration, stream},
    nodes::Nodes,
    relay_support::{chunks, send_some},
};

#[tokio::test]
async fn viewer_that_waits_for_a_stream_is_heard_meanwhile_and_may_leave() {
    let (nodes, id) = (Nodes::start().await, stream("a"));
    let edge = nodes.node("edge").await;
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    nodes.script("edge", vec![format!("http://{}", mute.local_addr().unwrap())]);
    let viewer = edge.connect().await;
    let (replaced, left, ()) = tokio::join!(
        viewer.call("watch_stream", json!(id)),
        viewer.call("watch_stream", json!({ "stream_id": id })),
        async {
            assert_eq!(viewer.call("clock", json!({ "t0_ms": 7 })).await["t0_ms"], 7);
            assert_eq!(viewer.call("leave_stream", json!({ "stream_id": id })).await["ok"], true);
        },
    );
    assert_eq!(
        (&replaced["error"]["code"], &left["error"]["code"]),
        (&json!("invalid_request"), &json!("invalid_request"))
    );
}

#[tokio::test]
async fn private_stream_is_fetched_only_for_viewers_that_may_watch_it() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    nodes.make_private();
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let broadcaster = origin.connect().await;
    let mut registration = registration(id, &recording.mime);
    registration["grant"] = json!(grant(id, Action::Publish, Visibility::Private));
    assert_eq!(broadcaster.call("register_new_stream", registration).await["ok"], true);
    send_some(&broadcaster, id, &recording, 0..10).await;
    nodes.until_path(&origin, id, &[]).await;
    let viewer = edge.connect().await;
    let answer = viewer.call("watch_stream", json!(id)).await;
    assert_eq!(answer["error"]["code"], "invalid_grant", "{answer}");
    assert_eq!(origin.metric("undead_cdn_relays").await, 0);
    let request = json!({ "stream_id": id, "grant": grant(id, Action::Watch, Visibility::Private) });
    let answer = viewer.call("watch_stream", request).await;
    assert_eq!(answer["ok"], true, "{answer}");
    let answer = edge.connect().await.call("watch_stream", json!(id)).await;
    assert_eq!(answer["error"]["code"], "invalid_grant", "also once it is here: {answer}");
}

#[tokio::test]
async fn viewers_that_come_before_the_broadcaster_are_let_in_when_it_comes() {
    let (nodes, id, recording) = (Nodes::start().await, stream("soon"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let early = [origin.connect().await, edge.connect().await].map(|viewer| {
        tokio::spawn(async move {
            let answer = viewer.call("watch_stream", json!(id)).await;
            (viewer, answer)
        })
    });
    while nodes.asks() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..10).await;
    for viewer in early {
        let (mut viewer, answer) = viewer.await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
        chunks(&mut viewer, 3).await;
    }
}

#[tokio::test]
async fn viewers_that_wait_for_the_same_stream_share_one_question() {
    let (nodes, id) = (Nodes::start().await, stream("nowhere"));
    let edge = nodes.node("edge").await;
    let mut viewers = Vec::new();
    for _ in 0..20 {
        viewers.push(edge.connect().await);
    }
    let calls: Vec<_> = viewers
        .into_iter()
        .map(|viewer| tokio::spawn(async move { viewer.call("watch_stream", json!(id)).await }))
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap()["error"]["code"], "no_node_available");
    }
    assert!(nodes.asks() < 20, "{} questions of 20 viewers", nodes.asks());
}

#[tokio::test]
async fn viewer_waits_while_no_node_has_room_for_its_node_yet() {
    let (nodes, recording) = (Nodes::start().await, Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let id = stream("rush");
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    nodes.until_path(&origin, id, &[]).await;
    nodes.have_no_room(2);
    edge.viewer(id).await.media().await;
    assert_eq!(nodes.asks(), 3);
}

#[tokio::test]
async fn a_stream_that_ended_here_is_over_without_a_question() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let origin = nodes.node("origin").await;
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let viewer = origin.connect().await;
    let answer = viewer.call("watch_stream", json!(id)).await;
    assert_eq!(answer["error"]["code"], "unknown_stream", "{answer}");
    assert_eq!(nodes.asks(), 0);
}
