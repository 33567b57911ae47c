//! Pages that list streams are pushed to.

use protocol::{ErrorCode, stream::StreamState};
use reqwest::StatusCode;
use serde_json::json;

use crate::server::{Server, carried};

#[tokio::test]
async fn a_listener_gets_the_list_and_then_what_changes() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let mut early = server.listen().await;
    assert_eq!(early.expect("snapshot").await, json!([]));

    let created = server.create("first").await;
    let id = created.stream_id;
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 0)]).await;
    let started = early.expect("stream_started").await;
    assert_eq!(started, json!(server.show(id).await));
    let mut late = server.listen().await;
    assert_eq!(late.expect("snapshot").await, json!([started]));

    server.heartbeat(&node, vec![carried(id, StreamState::Live, 7)]).await;
    for listener in [&mut early, &mut late] {
        assert_eq!(listener.expect("stream_changed").await["viewers"], 7);
    }
    let picture = b"\x89PNG\r\n\x1a\n".to_vec();
    server.put(&format!("/api/streams/{id}/thumbnail"), Some(&created.publish.grant), picture).await;
    assert!(early.expect("stream_changed").await["thumbnail_url"].is_string());

    server.heartbeat(&node, vec![carried(id, StreamState::Ended, 0)]).await;
    assert_eq!(early.expect("stream_ended").await, json!({ "stream_id": id }));
}

#[tokio::test]
async fn private_streams_do_not_appear() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let mut listener = server.listen().await;
    listener.expect("snapshot").await;
    let private = server.create_private("mine", "").await.stream_id;
    let public = server.create("ours").await.stream_id;
    let rows = [private, public].map(|id| carried(id, StreamState::Live, 0));
    server.heartbeat(&node, rows.to_vec()).await;
    assert_eq!(listener.expect("stream_started").await["stream_id"], json!(public));
    let rows = [private, public].map(|id| carried(id, StreamState::Ended, 0));
    server.heartbeat(&node, rows.to_vec()).await;
    assert_eq!(listener.expect("stream_ended").await["stream_id"], json!(public));
}

#[tokio::test]
async fn no_more_listeners_are_seated_than_agreed() {
    let server = Server::with(|config| config.limits.event_listeners = 1).await;
    let mut seated = server.listen().await;
    seated.expect("snapshot").await;
    let refused = server.get("/api/events").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, ErrorCode::LimitReached));
}

#[tokio::test]
async fn listeners_do_not_keep_a_server_from_stopping() {
    let server = Server::start().await;
    let mut listener = server.listen().await;
    listener.expect("snapshot").await;
    server.stop().await;
    assert!(listener.next().await.is_none());
}
