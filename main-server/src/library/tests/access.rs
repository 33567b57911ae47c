//! Who may play and change an item, over HTTP; hidden items look nonexistent.

use protocol::{
    ErrorCode, ItemId,
    invitation::InvitationCreated,
    item::{Item, Playable, State},
    stream::Visibility,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::item;
use crate::{
    cluster::tests::{Cluster, Member},
    library::new_id,
};

async fn serving() -> Member {
    let server = Cluster::new().await.member(|_| {}).await;
    let node = server.node("a").await;
    server.serves_library(&node).await;
    server
}

async fn private(server: &Member) -> ItemId {
    item(server, "mine", |new| new.visibility = Visibility::Private).await
}

/// Calls as an operator.
async fn operate<T: serde::de::DeserializeOwned>(
    server: &Member,
    method: Method,
    path: &str,
    body: Value,
) -> T {
    server.operate(method, &format!("/api/library/{path}"), body.to_string().into()).await.read()
}

async fn change(server: &Member, item_id: ItemId, body: Value) -> Item {
    operate(server, Method::PATCH, &item_id.to_string(), body).await
}

/// Plays, with or without a grant. Returns the new grant, or the code of the refusal.
async fn play(
    server: &Member,
    item_id: ItemId,
    grant: Option<&str>,
    body: Value,
) -> Result<String, (u16, String)> {
    let answer = server.post(&format!("/api/library/{item_id}/play"), grant, body).await;
    if answer.status.is_success() {
        return Ok(answer.read::<Playable>().grant);
    }
    Err((answer.status.as_u16(), answer.json["error"].to_string()))
}

#[tokio::test]
async fn a_private_item_is_as_if_there_were_none_without_what_opens_it() {
    let server = serving().await;
    let (item_id, none) = (private(&server).await, new_id().unwrap());
    change(&server, item_id, json!({ "passphrase": "open sesame" })).await;
    let deleted = item(&server, "gone", |_| {}).await;
    server.operate(Method::DELETE, &format!("/api/library/{deleted}"), vec![]).await;
    let wrong = format!("ui_{}", "0".repeat(60));
    for body in [
        json!({}),
        json!({ "passphrase": "wrong" }),
        json!({ "passphrase": "a".repeat(300) }),
        json!({ "invitation": wrong }),
    ] {
        let unknown = play(&server, none, None, body.clone()).await.unwrap_err();
        assert_eq!(unknown.0, 404);
        for hidden in [item_id, deleted] {
            assert_eq!(play(&server, hidden, None, body.clone()).await.unwrap_err(), unknown, "{body}");
        }
    }
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let answer = async |item_id| {
            let path = format!("/api/library/{item_id}");
            let response = server.call(method.clone(), &path, &[], b"{}".to_vec()).await;
            (response.status(), response.text().await.unwrap())
        };
        for hidden in [item_id, deleted] {
            assert_eq!(answer(hidden).await, answer(none).await, "{method}");
        }
    }
    let bad = server.get("/api/library/x").await;
    assert_eq!(bad.code(), ErrorCode::UnknownItem);
}

#[tokio::test]
async fn a_passphrase_opens_a_private_item_and_its_grant_lasts_until_the_passphrase_changes() {
    let server = serving().await;
    let item_id = private(&server).await;
    assert!(play(&server, item_id, None, json!({ "passphrase": "" })).await.is_err(), "there is none");
    change(&server, item_id, json!({ "passphrase": "open sesame" })).await;
    let grant = play(&server, item_id, None, json!({ "passphrase": "open sesame" })).await.unwrap();
    assert!(play(&server, item_id, Some(&grant), json!({})).await.is_ok(), "renewed");
    let bearer = format!("Bearer {grant}");
    let path = format!("/api/library/{item_id}");
    let seen = server.call(Method::GET, &path, &[("authorization", bearer.as_str())], vec![]).await;
    assert_eq!(seen.json::<Item>().await.unwrap().title, "mine");
    change(&server, item_id, json!({ "passphrase": "another" })).await;
    assert!(play(&server, item_id, Some(&grant), json!({})).await.is_err());
    assert!(play(&server, item_id, None, json!({ "passphrase": "another" })).await.is_ok());
}

#[tokio::test]
async fn a_grant_of_a_public_item_does_not_open_it_once_it_is_private() {
    let server = serving().await;
    let item_id = item(&server, "a", |_| {}).await;
    let grant = play(&server, item_id, None, json!({})).await.unwrap();
    assert_eq!(
        change(&server, item_id, json!({ "visibility": "private" })).await.visibility,
        Visibility::Private
    );
    assert!(play(&server, item_id, Some(&grant), json!({})).await.is_err());
    change(&server, item_id, json!({ "visibility": "unlisted" })).await;
    assert!(play(&server, item_id, None, json!({})).await.is_ok());
    let refused = server
        .operate(
            Method::PATCH,
            &format!("/api/library/{item_id}"),
            json!({ "passphrase": "a" }).to_string().into(),
        )
        .await;
    assert_eq!(refused.code(), ErrorCode::InvalidRequest, "for private items");
}

#[tokio::test]
async fn an_invitation_admits_as_often_as_it_may_and_no_more_once_it_is_revoked() {
    let server = serving().await;
    let item_id = private(&server).await;
    let path = format!("{item_id}/invitations");
    let invited: InvitationCreated =
        operate(&server, Method::POST, &path, json!({ "uses": 1, "name": "Bob" })).await;
    assert_eq!(invited.url, format!("/library/{item_id}#invitation={}", invited.invitation));
    let show = json!({ "invitation": invited.invitation });
    let grant = play(&server, item_id, None, show.clone()).await.unwrap();
    let (status, error) = play(&server, item_id, None, show.clone()).await.unwrap_err();
    assert!(status == 403 && error.contains("used_up"), "{error}");
    assert!(play(&server, private(&server).await, None, show.clone()).await.is_err(), "it is for one item");
    assert!(play(&server, item_id, Some(&grant), json!({})).await.is_ok(), "it was admitted");
    let listed: Value = operate(&server, Method::GET, &path, json!(null)).await;
    assert_eq!((&listed[0]["used"], &listed[0]["name"]), (&json!(1), &json!("Bob")));
    let revoked = format!("/api/library/{path}/{}", invited.invitation_id);
    assert_eq!(server.operate(Method::DELETE, &revoked, vec![]).await.status, StatusCode::NO_CONTENT);
    assert!(play(&server, item_id, Some(&grant), json!({})).await.is_err());
}

#[tokio::test]
async fn an_item_is_changed_deleted_and_restored_by_those_who_may() {
    let server = serving().await;
    let item_id = item(&server, "a", |_| {}).await;
    let body = json!({ "title": " B ", "artist": "C", "album": "", "tags": ["Rock", "rock"] });
    let changed = change(&server, item_id, body).await;
    assert_eq!((changed.title.as_str(), changed.artist.as_deref(), changed.album), ("B", Some("C"), None));
    assert_eq!(changed.tags, ["rock"]);
    assert_eq!(change(&server, item_id, json!({ "artist": "" })).await.artist, None);
    for wrong in [
        json!({ "title": "" }),
        json!({ "tags": (0..11).map(|number| number.to_string()).collect::<Vec<_>>() }),
        json!({ "deleted": true }),
    ] {
        let answer =
            server.operate(Method::PATCH, &format!("/api/library/{item_id}"), wrong.to_string().into()).await;
        assert_eq!(answer.code(), ErrorCode::InvalidRequest, "{wrong}");
    }
    let path = format!("/api/library/{item_id}");
    assert_eq!(server.operate(Method::DELETE, &path, vec![]).await.status, StatusCode::NO_CONTENT);
    assert_eq!(play(&server, item_id, None, json!({})).await.unwrap_err().0, 404);
    assert!(
        operate::<Item>(&server, Method::GET, &item_id.to_string(), json!(null))
            .await
            .deleted_until_ms
            .is_some()
    );
    let gone = server.operate(Method::PATCH, &path, json!({ "title": "x" }).to_string().into()).await;
    assert_eq!(gone.code(), ErrorCode::UnknownItem, "a deleted item is only restored");
    assert_eq!(change(&server, item_id, json!({ "deleted": false })).await.deleted_until_ms, None);
    assert!(play(&server, item_id, None, json!({})).await.is_ok());
}

#[tokio::test]
async fn an_item_without_media_is_not_played_and_says_why() {
    let server = serving().await;
    let item_id = item(&server, "a", |new| new.state = State::Processing).await;
    assert_eq!(play(&server, item_id, None, json!({})).await.unwrap_err().0, 409);
    server.library.set_state(item_id, State::Failed, Some("not a media file")).await.unwrap();
    let (status, error) = play(&server, item_id, None, json!({})).await.unwrap_err();
    assert!(status == 409 && error.contains("not a media file"), "{error}");
}

#[tokio::test]
async fn nodes_are_asked_in_the_order_of_the_item_and_only_those_that_serve_it() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = item(&server, "a", |_| {}).await;
    let nodes = async || {
        let answer = server.post(&format!("/api/library/{item_id}/play"), None, json!({})).await;
        if answer.status.is_success() { answer.read::<Playable>().nodes } else { vec![] }
    };
    for hostname in ["a", "b", "c"] {
        server.node(hostname).await;
    }
    assert!(nodes().await.is_empty(), "none serves the library");
    for hostname in ["d", "e", "f"] {
        let node = server.node(hostname).await;
        server.serves_library(&node).await;
    }
    let order = nodes().await;
    assert_eq!(order.len(), 3);
    assert_eq!(nodes().await, order);
}
