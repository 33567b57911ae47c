//! What a connection has finished does not count towards what it may do, and a full node says the same on every transport.

use std::time::Duration;

use protocol::{StreamId, grant::Action, stream::Visibility};
use serde_json::{Value, json};

use crate::{
    client::Client,
    harness::{Recording, TestNode, grant, registration, stream},
    ws_client::WsViewer,
};

/// More than one connection may publish or watch at a time.
const MANY: usize = 20;
/// After the end of a stream; [`MANY`] of them are longer than the node keeps a connection without streams.
const PAUSE: Duration = Duration::from_millis(100);
/// Longer than the node keeps a connection without streams.
const LONG: Duration = Duration::from_secs(5);

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_else(|| panic!("an error: {answer}"))
}

fn streams() -> impl Iterator<Item = StreamId> {
    (0..MANY).map(|number| stream(&number.to_string()))
}

async fn register(client: &Client, id: StreamId) -> Value {
    client.call("register_new_stream", registration(id, &Recording::usual().mime)).await
}

/// Lets the timers of this process run ahead, without a wait.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

async fn end(client: &Client, id: StreamId) {
    assert_eq!(client.call("end_stream", json!({ "stream_id": id })).await["ok"], true);
}

#[tokio::test]
async fn one_connection_publishes_any_number_of_streams_one_after_another() {
    let (node, recording) = (TestNode::start().await, Recording::usual());
    let broadcaster = node.connect().await;
    for id in streams() {
        assert_eq!(register(&broadcaster, id).await["ok"], true);
        end(&broadcaster, id).await;
    }
    let last = streams().last().unwrap();
    let late = broadcaster.send(last, &recording.segments[0]).await;
    assert_eq!(code(&late), "unknown_stream", "it is told what happened to the stream");
    node.stop().await;
}

#[tokio::test]
async fn streams_that_another_connection_took_over_do_not_count() {
    let (node, recording) = (TestNode::start().await, Recording::usual());
    let first = node.connect().await;
    for id in streams() {
        assert_eq!(register(&first, id).await["ok"], true);
        let second = node.connect().await;
        assert_eq!(register(&second, id).await["ok"], true);
    }
    let late = first.send(streams().last().unwrap(), &recording.segments[0]).await;
    assert_eq!(code(&late), "already_publishing");
    node.stop().await;
}

#[tokio::test]
async fn streams_at_the_same_time_are_bounded_per_connection() {
    let node = TestNode::with(|limits| limits.streams_per_socket = 2).await;
    let client = node.connect().await;
    let ids: Vec<_> = streams().take(3).collect();
    assert_eq!(register(&client, ids[0]).await["ok"], true);
    assert_eq!(register(&client, ids[1]).await["ok"], true);
    assert_eq!(code(&register(&client, ids[2]).await), "limit_reached");
    let other = node.connect().await;
    assert_eq!(register(&other, ids[2]).await["ok"], true);
    let viewer = node.connect().await;
    viewer.watch(ids[0]).await;
    viewer.watch(ids[1]).await;
    assert_eq!(code(&viewer.call("watch_stream", json!(ids[2])).await), "limit_reached");
    node.stop().await;
}

#[tokio::test]
async fn one_connection_watches_any_number_of_streams_one_after_another() {
    let node = TestNode::with(|limits| limits.streams_per_socket = 1).await;
    let recording = Recording::usual();
    let (broadcaster, mut viewer) = (node.connect().await, node.connect().await);
    for id in streams() {
        assert_eq!(register(&broadcaster, id).await["ok"], true);
        viewer.watch(id).await;
        broadcaster.send_all(id, &recording.segments[..3]).await;
        end(&broadcaster, id).await;
        viewer.until_ended().await;
        pass(PAUSE).await;
    }
    node.stop().await;
}

#[tokio::test]
async fn a_broadcaster_that_ended_all_its_streams_itself_keeps_its_connection() {
    let node = TestNode::start().await;
    let broadcaster = node.connect().await;
    let (first, second, third) = (stream("1"), stream("2"), stream("3"));
    // At once, so that the node announces the first end after the second.
    tokio::join!(
        register(&broadcaster, first),
        end(&broadcaster, first),
        register(&broadcaster, second),
        end(&broadcaster, second)
    );
    pass(LONG).await;
    assert_eq!(register(&broadcaster, third).await["ok"], true);
    node.stop().await;
}

#[tokio::test]
async fn broadcaster_of_many_streams_is_told_of_each_end_once() {
    let node = TestNode::start().await;
    let mut broadcaster = node.connect().await;
    for id in streams() {
        assert_eq!(register(&broadcaster, id).await["ok"], true);
        end(&broadcaster, id).await;
        let event = broadcaster.event().await;
        assert_eq!((&event.payload["stream_id"], &event.payload["state"]), (&json!(id), &json!("ended")));
    }
    node.stop().await;
}

/// The code of an answer over Socket.IO to a client that asks to watch.
async fn over_socket_io(node: &TestNode, id: StreamId) -> String {
    code(&node.connect().await.call("watch_stream", json!(id)).await).to_owned()
}

/// The same over WebSocket.
async fn over_ws(node: &TestNode, id: StreamId, query: &str) -> String {
    WsViewer::connect(node.address, &format!("/ws/{id}{query}")).await.refused().await.0
}

#[tokio::test]
async fn a_node_without_room_says_when_to_try_again_on_every_transport() {
    let node = TestNode::with(|limits| limits.viewers = 0).await;
    let (id, broadcaster) = (stream("a"), node.connect().await);
    assert_eq!(register(&broadcaster, id).await["ok"], true);
    let answer = node.connect().await.call("watch_stream", json!(id)).await;
    assert_eq!((code(&answer), &answer["error"]["retry_after_s"]), ("no_capacity", &json!(1)));
    let error = WsViewer::connect(node.address, &format!("/ws/{id}")).await.event("error").await;
    assert_eq!((&error["code"], &error["retry_after_s"]), (&json!("no_capacity"), &json!(1)));
    node.stop().await;
}

#[tokio::test]
async fn full_node_answers_no_capacity_on_every_transport() {
    let node = TestNode::with(|limits| (limits.viewers, limits.streams, limits.relays) = (1, 1, 0)).await;
    let (id, broadcaster) = (stream("a"), node.connect().await);
    assert_eq!(register(&broadcaster, id).await["ok"], true);
    assert_eq!(broadcaster.send(id, &Recording::usual().segments[0]).await["ok"], true);
    assert_eq!(code(&register(&broadcaster, stream("b")).await), "no_capacity", "streams");
    node.connect().await.watch(id).await;
    let viewer = node.connect().await;
    viewer.watch(id).await;
    assert_eq!(over_socket_io(&node, id).await, "no_capacity");
    assert_eq!(over_ws(&node, id, "").await, "no_capacity");
    let permit = grant(id, Action::Relay, Visibility::Public);
    assert_eq!(over_ws(&node, id, &format!("?relay=edge&grant={permit}")).await, "no_capacity");
    node.stop().await;
}

#[tokio::test]
async fn node_without_room_for_connections_says_no_capacity_on_every_transport() {
    let node = TestNode::with(|limits| limits.sockets = 1).await;
    let _only = node.connect().await;
    assert_eq!(over_ws(&node, stream("a"), "").await, "no_capacity");
    let refused = Client::refused(node.address).await;
    assert!(refused["message"].as_str().unwrap().starts_with("no_capacity: "), "{refused}");
    node.stop().await;
}

#[tokio::test]
async fn stream_that_does_not_exist_is_unknown_on_every_transport() {
    let node = TestNode::start().await;
    assert_eq!(over_socket_io(&node, stream("a")).await, "unknown_stream");
    assert_eq!(over_ws(&node, stream("a"), "").await, "unknown_stream");
    node.stop().await;
}
