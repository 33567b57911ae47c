//! Public, unlisted and private streams, and how their broadcasters, owners and operators change them.

use protocol::{
    ErrorCode,
    node::{CarriedStream, Command},
    stream::{Assignment, RenewedGrant, StreamCreated, StreamInfo, StreamState, Visibility},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    browser::person,
    server::{Answer, Server, carried, read},
};

async fn create(server: &Server, body: Value) -> StreamCreated {
    server.post("/api/streams", None, body).await.read()
}

async fn edit(server: &Server, created: &StreamCreated, body: Value) -> Answer {
    let path = format!("/api/streams/{}", created.stream_id);
    read(server.send(Method::PATCH, &path, Some(&created.publish.grant), body.to_string().into()).await).await
}

#[tokio::test]
async fn an_unlisted_stream_is_open_to_those_who_have_the_link() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let id = create(&server, json!({ "title": "hidden", "visibility": "unlisted" })).await.stream_id;
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 1)]).await;
    assert_eq!(server.list().await, []);
    let shown = server.show(id).await;
    assert_eq!((shown.title.as_str(), shown.visibility), ("hidden", Some(Visibility::Unlisted)));
    assert_eq!(server.watch(id, json!({})).await.status, StatusCode::OK);
    let listed = server.operate(Method::GET, "/api/streams?all=true", vec![]).await.read::<Vec<StreamInfo>>();
    assert_eq!(listed.iter().map(|stream| stream.stream_id).collect::<Vec<_>>(), [id]);
    assert_eq!(server.get("/api/streams?all=true").await.code(), ErrorCode::Unauthorized);
}

#[tokio::test]
async fn nodes_of_earlier_versions_know_public_and_private_only() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let server = Server::start().await;
    server.node("a").await;
    let created = create(&server, json!({ "title": "hidden", "visibility": "unlisted" })).await;
    let claims = created.publish.grant.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["visibility"], "private");
}

#[tokio::test]
async fn listeners_see_a_stream_appear_change_and_go_as_it_is_edited() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let mut listener = server.listen().await;
    listener.expect("snapshot").await;
    let created = create(&server, json!({ "title": "first", "visibility": "private" })).await;
    let id = created.stream_id;
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 1)]).await;
    let public = edit(&server, &created, json!({ "visibility": "public" })).await;
    assert_eq!(public.read::<StreamInfo>().visibility, None);
    assert_eq!(listener.expect("stream_started").await["title"], "first");
    edit(&server, &created, json!({ "title": " second\u{200b} " })).await.read::<StreamInfo>();
    assert_eq!(listener.expect("stream_changed").await["title"], "second");
    let picture =
        server.put(&format!("/api/streams/{id}/thumbnail"), Some(&created.publish.grant), JPEG.into()).await;
    assert_eq!(picture.status, StatusCode::NO_CONTENT);
    listener.expect("stream_changed").await;
    edit(&server, &created, json!({ "visibility": "unlisted" })).await.read::<StreamInfo>();
    assert_eq!(listener.expect("stream_ended").await["stream_id"], json!(id));
    assert_eq!(server.get(&format!("/api/streams/{id}/thumbnail")).await.code(), ErrorCode::NotFound);
    let server = Server::on(server.kill().await, |_| {}).await;
    let kept = server.show(id).await;
    assert_eq!((kept.title.as_str(), kept.visibility), ("second", Some(Visibility::Unlisted)));
}

/// Begins as a JPEG does.
const JPEG: &[u8] = b"\xff\xd8\xff\xe0 and so on";

#[tokio::test]
async fn the_broadcaster_the_owner_and_operators_may_edit_and_end_and_nobody_else() {
    let server = Server::start().await;
    server.node("a").await;
    let (ann, bob) =
        (person(&server, "ann", "broadcaster").await, person(&server, "bob", "broadcaster").await);
    let operator = person(&server, "eve", "operator").await;
    let created: StreamCreated =
        ann.answer(Method::POST, "/api/streams", json!({ "title": "a" })).await.read();
    let path = format!("/api/streams/{}", created.stream_id);
    let body = json!({ "title": "b" });
    for browser in [&ann, &operator] {
        assert_eq!(browser.call(Method::PATCH, &path, body.clone()).await.status(), StatusCode::OK);
    }
    assert_eq!(edit(&server, &created, body.clone()).await.status, StatusCode::OK);
    for method in [Method::PATCH, Method::DELETE] {
        let refused = bob.answer(method.clone(), &path, body.clone()).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, ErrorCode::Forbidden));
        let nobody = read(server.send(method, &path, None, body.to_string().into()).await).await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(ann.call(Method::DELETE, &path, json!({})).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(edit(&server, &created, body).await.code(), ErrorCode::UnknownStream);
}

#[tokio::test]
async fn an_edit_says_something_that_a_stream_may_have() {
    let server = Server::start().await;
    server.node("a").await;
    let created = create(&server, json!({ "title": "a" })).await;
    for (body, code) in [
        (json!({}), ErrorCode::InvalidRequest),
        (json!({ "title": "" }), ErrorCode::InvalidTitle),
        (json!({ "visibility": "secret" }), ErrorCode::InvalidRequest),
    ] {
        assert_eq!(edit(&server, &created, body).await.code(), code);
    }
    for body in [
        json!({ "title": "a", "visibility": "unlisted", "passphrase": "open sesame" }),
        json!({ "title": "a", "invitation_only": true }),
    ] {
        assert_eq!(server.post("/api/streams", None, body).await.code(), ErrorCode::InvalidRequest);
    }
}

/// A private stream as `ask` describes it, on a node, and a grant that a viewer got of it while it was public.
async fn reopened(server: &Server, ask: Value) -> (StreamCreated, String) {
    let node = server.node("a").await;
    let created = create(server, ask).await;
    server.heartbeat(&node, vec![carried(created.stream_id, StreamState::Live, 1)]).await;
    edit(server, &created, json!({ "visibility": "public" })).await.read::<StreamInfo>();
    let watching: Assignment = server.watch(created.stream_id, json!({})).await.read();
    edit(server, &created, json!({ "visibility": "private" })).await.read::<StreamInfo>();
    (created, watching.grant)
}

/// Comes back to a stream, and renews, with a grant.
async fn come_back(server: &Server, created: &StreamCreated, grant: &str) -> [Answer; 2] {
    let path = |call: &str| format!("/api/streams/{}/{call}", created.stream_id);
    let watch = server.post(&path("watch"), Some(grant), json!({})).await;
    [watch, server.post(&path("renew"), Some(grant), json!({})).await]
}

#[tokio::test]
async fn a_grant_that_was_given_while_a_stream_was_public_admits_nobody_once_it_is_private_again() {
    for (ask, refusal) in [
        (json!({ "passphrase": "sesame" }), ErrorCode::WrongPassphrase),
        (json!({ "invitation_only": true }), ErrorCode::InvitationRefused),
    ] {
        let server = Server::start().await;
        let mut ask = ask;
        ask["title"] = json!("mine");
        ask["visibility"] = json!("private");
        let (created, grant) = reopened(&server, ask).await;
        let [watch, renew] = come_back(&server, &created, &grant).await;
        assert_eq!((watch.code(), renew.code()), (refusal, ErrorCode::InvalidGrant));
        let path = format!("/api/streams/{}", created.stream_id);
        let shown = read(server.send(Method::GET, &path, Some(&grant), vec![]).await).await;
        assert_eq!(shown.read::<StreamInfo>().title, "Private stream");
    }
}

#[tokio::test]
async fn a_viewer_that_showed_the_passphrase_is_not_asked_again_when_a_stream_was_public_meanwhile() {
    let server = Server::start().await;
    server.node("a").await;
    let ask = json!({ "title": "mine", "visibility": "private", "passphrase": "sesame" });
    let created = create(&server, ask).await;
    let first: Assignment = server.watch(created.stream_id, json!({ "passphrase": "sesame" })).await.read();
    edit(&server, &created, json!({ "visibility": "unlisted" })).await.read::<StreamInfo>();
    let [meanwhile, renewed] = come_back(&server, &created, &first.grant).await;
    let grants = [meanwhile.read::<Assignment>().grant, renewed.read::<RenewedGrant>().grant];
    edit(&server, &created, json!({ "visibility": "private" })).await.read::<StreamInfo>();
    for grant in grants {
        let [watch, renew] = come_back(&server, &created, &grant).await;
        assert_eq!((watch.status, renew.status), (StatusCode::OK, StatusCode::OK));
    }
}

#[tokio::test]
async fn nodes_are_told_of_a_visibility_that_they_do_not_have() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let created = create(&server, json!({ "title": "mine" })).await;
    let stream_id = created.stream_id;
    let row = |visibility| CarriedStream { visibility, ..carried(stream_id, StreamState::Live, 1) };
    let told = async |visibility| server.heartbeat(&node, vec![row(visibility)]).await.commands;
    let set = |visibility| Command::SetVisibility { stream_id, visibility, asked_only: false };
    assert_eq!(told(Some(Visibility::Public)).await, []);
    edit(&server, &created, json!({ "visibility": "unlisted" })).await.read::<StreamInfo>();
    let visibility = Visibility::Private;
    assert_eq!(told(Some(Visibility::Public)).await, [set(visibility)]);
    assert_eq!((told(Some(visibility)).await, told(None).await), (vec![], vec![]));
    edit(&server, &created, json!({ "visibility": "public" })).await.read::<StreamInfo>();
    let visibility = Visibility::Public;
    assert_eq!(told(Some(Visibility::Private)).await, [set(visibility)]);
}

#[tokio::test]
async fn nodes_are_told_to_keep_viewers_that_were_asked_alone_where_a_stream_was_open() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let asks = json!({ "title": "mine", "visibility": "private", "passphrase": "sesame" });
    let created = create(&server, asks).await;
    let stream_id = created.stream_id;
    let told = async |visibility, asked_only| {
        let live = carried(stream_id, StreamState::Live, 1);
        let row = CarriedStream { visibility: Some(visibility), asked_only, ..live };
        server.heartbeat(&node, vec![row]).await.commands
    };
    let set = |visibility, asked_only| vec![Command::SetVisibility { stream_id, visibility, asked_only }];
    let (public, private) = (Visibility::Public, Visibility::Private);
    assert_eq!(told(private, Some(false)).await, [], "every viewer was asked");
    edit(&server, &created, json!({ "visibility": "unlisted" })).await.read::<StreamInfo>();
    assert_eq!(told(private, Some(false)).await, []);
    edit(&server, &created, json!({ "visibility": "private" })).await.read::<StreamInfo>();
    assert_eq!(told(private, Some(false)).await, set(private, true));
    assert_eq!(told(public, None).await, set(private, true), "an older node");
    assert_eq!((told(private, Some(true)).await, told(private, None).await), (vec![], vec![]));
    edit(&server, &created, json!({ "visibility": "unlisted" })).await.read::<StreamInfo>();
    assert_eq!(told(private, Some(true)).await, set(private, false));
    edit(&server, &created, json!({ "visibility": "public" })).await.read::<StreamInfo>();
    assert_eq!(told(private, Some(true)).await, set(public, false));
}
