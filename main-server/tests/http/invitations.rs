//! Invitations: whom they admit, for how long and how often, and what nodes are told when one is revoked.

use std::time::Duration;

use protocol::{
    ErrorCode,
    invitation::{InvitationCreated, InvitationInfo},
    node::Command,
    stream::{Assignment, StreamCreated, StreamState},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    browser::person,
    server::{Answer, Server, carried, read, until},
};

/// A private stream that only invitations open.
async fn private(server: &Server) -> StreamCreated {
    let body = json!({ "title": "mine", "visibility": "private", "invitation_only": true });
    server.post("/api/streams", None, body).await.read()
}

async fn call(server: &Server, stream: &StreamCreated, method: Method, rest: &str, body: Value) -> Answer {
    let path = format!("/api/streams/{}/invitations{rest}", stream.stream_id);
    let body = if body.is_null() { vec![] } else { body.to_string().into() };
    read(server.send(method, &path, Some(&stream.publish.grant), body).await).await
}

async fn invite(server: &Server, stream: &StreamCreated, body: Value) -> InvitationCreated {
    call(server, stream, Method::POST, "", body).await.read()
}

async fn list(server: &Server, stream: &StreamCreated) -> Vec<InvitationInfo> {
    call(server, stream, Method::GET, "", Value::Null).await.read()
}

async fn watch(server: &Server, stream: &StreamCreated, invitation: &str) -> Answer {
    server.watch(stream.stream_id, json!({ "invitation": invitation })).await
}

/// The reason of a refusal.
fn reason(answer: &Answer) -> &str {
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, ErrorCode::InvitationRefused));
    answer.json["error"]["reason"].as_str().unwrap()
}

/// Watches with a grant that the viewer has.
async fn watch_again(server: &Server, stream: &StreamCreated, grant: &str) -> Answer {
    let path = format!("/api/streams/{}/watch", stream.stream_id);
    server.post(&path, Some(grant), json!({})).await
}

#[tokio::test]
async fn an_invitation_admits_as_many_viewers_as_it_may() {
    let server = Server::start().await;
    server.node("a").await;
    let stream = private(&server).await;
    assert_eq!(reason(&server.watch(stream.stream_id, json!({})).await), "missing");
    let invited = invite(&server, &stream, json!({ "uses": 2, "name": "the team" })).await;
    let id = stream.stream_id;
    assert_eq!(invited.url, format!("/view/{id}#invitation={}", invited.invitation));
    for _ in 0..2 {
        watch(&server, &stream, &invited.invitation).await.read::<Assignment>();
    }
    assert_eq!(reason(&watch(&server, &stream, &invited.invitation).await), "used_up");
    for wrong in ["", "ui_", &invited.invitation[1..], &format!("{}x", &invited.invitation[..30])] {
        assert_eq!(reason(&watch(&server, &stream, wrong).await), "unknown", "{wrong}");
    }
    let other = private(&server).await;
    assert_eq!(reason(&watch(&server, &other, &invited.invitation).await), "unknown");
    let listed = list(&server, &stream).await;
    assert_eq!((listed.len(), listed[0].used, listed[0].uses), (1, 2, Some(2)));
    assert_eq!(listed[0].name.as_deref(), Some("the team"));
}

#[tokio::test]
async fn a_viewer_that_comes_back_with_its_grant_is_not_counted_again() {
    let server = Server::start().await;
    server.node("a").await;
    let stream = private(&server).await;
    let invited = invite(&server, &stream, json!({ "uses": 1 })).await;
    let admitted: Assignment = watch(&server, &stream, &invited.invitation).await.read();
    let again: Assignment = watch_again(&server, &stream, &admitted.grant).await.read();
    watch_again(&server, &stream, &again.grant).await.read::<Assignment>();
    let renew = format!("/api/streams/{}/renew", stream.stream_id);
    assert_eq!(server.post(&renew, Some(&again.grant), json!({})).await.status, StatusCode::OK);
    let other = private(&server).await;
    assert_eq!(reason(&watch_again(&server, &other, &admitted.grant).await), "missing");
    assert_eq!(list(&server, &stream).await[0].used, 1);
    let revoke = format!("/{}", invited.invitation_id);
    call(&server, &stream, Method::DELETE, &revoke, Value::Null).await;
    assert_eq!(reason(&watch_again(&server, &stream, &again.grant).await), "missing", "nor is it let in");
    assert_eq!(reason(&server.post(&renew, Some(&again.grant), json!({})).await), "revoked");
}

#[tokio::test]
async fn a_viewer_that_no_node_has_room_for_uses_up_nothing() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let stream = private(&server).await;
    let invited = invite(&server, &stream, json!({ "uses": 1 })).await;
    server.delete(&format!("/api/nodes/{node}"), Some(&server.secret)).await;
    let refused = watch(&server, &stream, &invited.invitation).await;
    assert_eq!(refused.code(), ErrorCode::NoNodeAvailable);
    assert_eq!(list(&server, &stream).await[0].used, 0);
    server.node("a").await;
    watch(&server, &stream, &invited.invitation).await.read::<Assignment>();
    assert_eq!(reason(&watch(&server, &stream, &invited.invitation).await), "used_up");
}

#[tokio::test]
async fn uses_survive_a_crash_and_requests_at_the_same_time() {
    let server = Server::start().await;
    server.node("a").await;
    let stream = private(&server).await;
    let invited = invite(&server, &stream, json!({ "uses": 3 })).await;
    let attempts = (0..8).map(|_| watch(&server, &stream, &invited.invitation));
    let answers = futures_util::future::join_all(attempts).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 3);
    let server = Server::on(server.kill().await, |_| {}).await;
    assert_eq!(reason(&watch(&server, &stream, &invited.invitation).await), "used_up");
}

#[tokio::test]
async fn a_passphrase_admits_beside_invitations_and_public_streams_ask_for_neither() {
    let server = Server::start().await;
    server.node("a").await;
    let body =
        json!({ "title": "mine", "visibility": "private", "invitation_only": true, "passphrase": "sesame" });
    let stream: StreamCreated = server.post("/api/streams", None, body).await.read();
    let invited = invite(&server, &stream, Value::Null).await;
    watch(&server, &stream, &invited.invitation).await.read::<Assignment>();
    server.watch(stream.stream_id, json!({ "passphrase": "sesame" })).await.read::<Assignment>();
    assert_eq!(server.watch(stream.stream_id, json!({})).await.code(), ErrorCode::WrongPassphrase);
    let public = server.create("open").await;
    watch(&server, &public, "ui_whatever").await.read::<Assignment>();
}

#[tokio::test]
async fn nodes_are_told_of_a_revoked_invitation_to_what_they_carry() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let stream = private(&server).await;
    let invited = invite(&server, &stream, Value::Null).await;
    let row = || vec![carried(stream.stream_id, StreamState::Live, 1)];
    assert_eq!(server.heartbeat(&node, row()).await.commands, []);
    let revoke = format!("/{}", invited.invitation_id);
    let revoked = call(&server, &stream, Method::DELETE, &revoke, Value::Null).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert_eq!(reason(&watch(&server, &stream, &invited.invitation).await), "revoked");
    assert_eq!(list(&server, &stream).await, []);
    let again = call(&server, &stream, Method::DELETE, &revoke, Value::Null).await;
    assert_eq!(again.code(), ErrorCode::UnknownInvitation);
    let command = Command::RevokeInvitation {
        stream_id: stream.stream_id,
        invitation_id: invited.invitation_id.clone(),
    };
    let is_told = async || server.heartbeat(&node, row()).await.commands == [command.clone()];
    until("the node is told", is_told).await;
    assert!(is_told().await, "and told again, for grants that are still valid");
    assert_eq!(server.heartbeat(&node, vec![]).await.commands, [], "only of streams that it carries");
}

#[tokio::test]
async fn invitations_are_made_by_those_who_manage_the_stream_within_bounds() {
    let server = Server::with(|config| config.limits.invitations = 1).await;
    server.node("a").await;
    let (ann, bob) =
        (person(&server, "ann", "broadcaster").await, person(&server, "bob", "broadcaster").await);
    let body = json!({ "title": "mine", "visibility": "private", "invitation_only": true });
    let stream: StreamCreated = ann.answer(Method::POST, "/api/streams", body).await.read();
    let path = format!("/api/streams/{}/invitations", stream.stream_id);
    for body in [json!({ "uses": 0 }), json!({ "expires_in_s": 0 }), json!({ "expires_in_s": 2_592_001 })] {
        assert_eq!(ann.answer(Method::POST, &path, body).await.code(), ErrorCode::InvalidRequest);
    }
    assert_eq!(bob.answer(Method::POST, &path, json!({})).await.code(), ErrorCode::Forbidden);
    ann.answer(Method::POST, &path, json!({ "expires_in_s": 60 })).await.read::<InvitationCreated>();
    assert_eq!(ann.answer(Method::POST, &path, json!({})).await.code(), ErrorCode::LimitReached);
    let listed = ann.answer(Method::GET, &path, json!({})).await.read::<Vec<InvitationInfo>>();
    let lasts = listed[0].expires_at_ms.unwrap() - listed[0].created_at_ms;
    assert_eq!(Duration::from_millis(lasts), Duration::from_secs(60));
}

#[tokio::test]
async fn revoked_invitations_make_room_for_others_and_are_bounded_all_the_same() {
    let server = Server::with(|config| config.limits.invitations = 2).await;
    server.node("a").await;
    let stream = private(&server).await;
    for _ in 0..19 {
        let invited = invite(&server, &stream, Value::Null).await;
        let revoke = format!("/{}", invited.invitation_id);
        let revoked = call(&server, &stream, Method::DELETE, &revoke, Value::Null).await;
        assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    }
    invite(&server, &stream, Value::Null).await;
    let refused = call(&server, &stream, Method::POST, "", Value::Null).await;
    assert_eq!(refused.code(), ErrorCode::LimitReached);
}
