//! A feature of one folder and one registration serves, is shared by all main servers, and tells listeners.

use protocol::ErrorCode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::feature;
use crate::cluster::tests::{Cluster, until};

#[tokio::test]
async fn a_feature_is_one_folder_and_one_registration() {
    let cluster = Cluster::new().await;
    let a = cluster.member_with(|_| {}, feature).await;
    let b = cluster.member_with(|_| {}, feature).await;
    let mut listener = b.listen().await;
    listener.expect("snapshot").await;

    let note = serde_json::to_vec(&json!({ "text": "bring cake" })).unwrap();
    let refused = a.put("/api/notes/party", None, note.clone()).await;
    assert_eq!(refused.code(), ErrorCode::Unauthorized, "the route admits operators only");
    assert_eq!(a.operate(Method::PUT, "/api/notes/party", note).await.status, StatusCode::NO_CONTENT);
    let board = json!([["party", { "text": "bring cake", "words": 2 }]]);
    for server in [&a, &b] {
        let has_all = async || server.get("/api/notes").await.read::<Value>() == board;
        until("it has the note, and a worker has counted its words", has_all).await;
    }
    assert_eq!(listener.expect("notes_changed").await, json!({ "count": 1 }));

    let gone = b.operate(Method::DELETE, "/api/notes/party", vec![]).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    until("a sees that it is gone", async || a.get("/api/notes").await.read::<Value>() == json!([])).await;
    while listener.expect("notes_changed").await != json!({ "count": 0 }) {}
}
