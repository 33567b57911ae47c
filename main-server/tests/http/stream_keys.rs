//! Who may create streams, and stream keys: made, used, listed, revoked.

use protocol::{
    ErrorCode, StreamId,
    account::{Broadcast, Me},
    stream::{StreamCreated, StreamState},
    stream_key::{StreamKeyCreated, StreamKeyInfo},
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    browser::{Browser, person},
    server::{Server, read, until},
};

async fn make_key(browser: &Browser<'_>, name: &str) -> StreamKeyCreated {
    browser.answer(Method::POST, "/api/stream-keys", json!({ "name": name })).await.read()
}

async fn keys(browser: &Browser<'_>) -> Vec<StreamKeyInfo> {
    browser.answer(Method::GET, "/api/stream-keys", json!({})).await.read()
}

/// The code of a refusal to create a stream, if it was refused.
async fn refusal(server: &Server, token: Option<&str>) -> Option<ErrorCode> {
    let answer = server.post("/api/streams", token, json!({ "title": "any" })).await;
    (answer.status != StatusCode::CREATED).then(|| answer.code())
}

async fn create_with(server: &Server, key: &str) -> StreamId {
    let created = server.post("/api/streams", Some(key), json!({ "title": "mine" })).await;
    created.read::<StreamCreated>().stream_id
}

async fn until_ended(server: &Server, id: StreamId) {
    until("the stream ends", async || server.show(id).await.state == StreamState::Ended).await;
}

#[tokio::test]
async fn who_may_broadcast_is_for_the_operator_to_say() {
    for (broadcast, open) in [(Broadcast::Open, true), (Broadcast::Key, false), (Broadcast::Account, false)] {
        let server = Server::with(|config| config.broadcast = broadcast).await;
        server.node("a").await;
        let refused = (!open).then_some(ErrorCode::BroadcastNotAllowed);
        assert_eq!(refusal(&server, None).await, refused, "{broadcast:?}");
        let me: Me = server.get("/api/me").await.read();
        assert_eq!((me.broadcast, me.may_broadcast), (broadcast, open));

        let ann = person(&server, "ann", "broadcaster").await;
        let created = ann.answer(Method::POST, "/api/streams", json!({ "title": "any" })).await;
        assert_eq!(created.status, StatusCode::CREATED, "{broadcast:?}");
        let without_header = [("cookie", ann.cookie.as_str())];
        let body = json!({ "title": "any" }).to_string();
        let forged = server.call(Method::POST, "/api/streams", &without_header, body.into()).await;
        assert_eq!(read(forged).await.code(), ErrorCode::Csrf);

        let key = make_key(&ann, "obs").await.key;
        assert_eq!(refusal(&server, Some(&key)).await, None, "{broadcast:?}");
        let wrong = format!("{}x", &key[..key.len() - 1]);
        for wrong in [wrong.as_str(), "uk_", "uk_0123456789abcdef"] {
            assert_eq!(refusal(&server, Some(wrong)).await, Some(ErrorCode::BroadcastNotAllowed));
        }
        let asked = async |token| {
            let answer = server.send(Method::GET, "/api/me", Some(token), vec![]).await;
            answer.json::<Me>().await.unwrap().may_broadcast
        };
        assert!(asked(key.as_str()).await && !asked("uk_0123456789abcdef").await);
    }
}

#[tokio::test]
async fn a_key_is_shown_once_listed_to_its_owner_and_to_operators_and_revoked() {
    let server = Server::start().await;
    server.node("a").await;
    let (ann, bob) = (person(&server, "ann", "operator").await, person(&server, "bob", "broadcaster").await);
    let (of_ann, of_bob) = (make_key(&ann, "studio").await, make_key(&bob, "obs").await);
    assert!(of_bob.key.starts_with("uk_"));
    assert_eq!(keys(&bob).await.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["obs"]);
    assert_eq!(keys(&ann).await.len(), 2);
    assert!(keys(&bob).await[0].last_used_at_ms.is_none());
    create_with(&server, &of_bob.key).await;
    assert!(keys(&bob).await[0].last_used_at_ms.is_some());

    let revoke = async |browser: &Browser<'_>, key_id: &str| {
        browser.call(Method::DELETE, &format!("/api/stream-keys/{key_id}"), json!({})).await.status()
    };
    assert_eq!(revoke(&bob, &of_ann.key_id).await, StatusCode::NOT_FOUND, "it is not his");
    assert_eq!(revoke(&ann, &of_bob.key_id).await, StatusCode::NO_CONTENT);
    assert_eq!(revoke(&ann, &of_bob.key_id).await, StatusCode::NOT_FOUND);
    assert_eq!(refusal(&server, Some(&of_bob.key)).await, Some(ErrorCode::BroadcastNotAllowed));
    assert_eq!(refusal(&server, Some(&of_ann.key)).await, None);
    assert_eq!(server.get("/api/stream-keys").await.code(), ErrorCode::Unauthorized);
}

#[tokio::test]
async fn revoking_a_key_ends_its_streams_and_no_other() {
    let server = Server::start().await;
    server.node("a").await;
    let ann = person(&server, "ann", "broadcaster").await;
    let (key, other) = (make_key(&ann, "one").await, make_key(&ann, "two").await);
    let (mine, others) = (create_with(&server, &key.key).await, create_with(&server, &other.key).await);
    ann.call(Method::DELETE, &format!("/api/stream-keys/{}", key.key_id), json!({})).await;
    // A crash right after the answer changes nothing.
    let server = Server::on(server.kill().await, |_| {}).await;
    until_ended(&server, mine).await;
    assert_eq!(server.show(others).await.state, StreamState::Created);
}

#[tokio::test]
async fn with_its_account_go_keys_and_streams() {
    let server = Server::start().await;
    server.node("a").await;
    let ann = person(&server, "ann", "broadcaster").await;
    let key = make_key(&ann, "one").await.key;
    let by_key = create_with(&server, &key).await;
    let created = ann.answer(Method::POST, "/api/streams", json!({ "title": "mine" })).await;
    let by_session = created.read::<StreamCreated>().stream_id;
    person(&server, "eve", "operator").await;
    server.operate(Method::DELETE, "/api/accounts/ann", vec![]).await;
    assert_eq!(refusal(&server, Some(&key)).await, Some(ErrorCode::BroadcastNotAllowed));
    until_ended(&server, by_key).await;
    until_ended(&server, by_session).await;
    let ann = person(&server, "ann", "broadcaster").await;
    assert_eq!(keys(&ann).await, [], "another account of the same name has no keys");
    assert_eq!(refusal(&server, Some(&key)).await, Some(ErrorCode::BroadcastNotAllowed));
}

#[tokio::test]
async fn keys_are_bounded_per_account_and_have_names() {
    let server = Server::with(|config| config.limits.stream_keys = 1).await;
    let (ann, bob) =
        (person(&server, "ann", "broadcaster").await, person(&server, "bob", "broadcaster").await);
    for name in ["", "\u{202e}", "a\nb"] {
        let refused = ann.answer(Method::POST, "/api/stream-keys", json!({ "name": name })).await;
        assert_eq!(refused.code(), ErrorCode::InvalidRequest, "{name:?}");
    }
    make_key(&ann, "one").await;
    let refused = ann.answer(Method::POST, "/api/stream-keys", json!({ "name": "two" })).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, ErrorCode::LimitReached));
    make_key(&bob, "one").await;
}

#[tokio::test]
async fn the_store_has_no_key() {
    let server = Server::start().await;
    let ann = person(&server, "ann", "broadcaster").await;
    let key = make_key(&ann, "one").await.key;
    let folder = server.stop().await;
    for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let Ok(bytes) = std::fs::read(entry.path()) else { continue };
        // After the prefix and the id, which is no secret.
        assert!(!String::from_utf8_lossy(&bytes).contains(&key[19..]), "{:?}", entry.path());
    }
}
