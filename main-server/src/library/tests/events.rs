//! Who receives events about items that are not listed, and for how long.

use protocol::{ErrorCode, ItemId, item::State, stream::Visibility};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{fragment, item, take};
use crate::{
    clock::Now,
    cluster::tests::{Cluster, Listener, Member, account, call_as},
};

const PATH: &str = "/api/library/events";

/// Opens the event stream of a signed-in person and reads its first event, `reset`.
async fn listen(server: &Member, cookie: &str) -> Listener {
    let mut listener = Listener::of(server.call(Method::GET, PATH, &[("cookie", cookie)], vec![]).await);
    listener.expect("reset").await;
    listener
}

/// A private item of an account.
async fn private(server: &Member, owner: &str, state: State) -> ItemId {
    let owner = server.library.broadcasters.owner(owner);
    item(server, "a", |new| {
        (new.owner, new.visibility, new.state) = (owner, Visibility::Private, state);
    })
    .await
}

/// Reads events until the item is in this state.
async fn until_state(listener: &mut Listener, item_id: ItemId, state: State) -> Value {
    loop {
        let heard = listener.expect("item_changed").await;
        assert_eq!(heard["item_id"], json!(item_id));
        if heard["state"] == json!(state) {
            return heard;
        }
    }
}

#[tokio::test]
async fn an_owner_and_operators_hear_of_a_private_item_and_nobody_else_does() {
    let (a, b) = Cluster::new().await.pair().await;
    let [owner, other] =
        [account(&a, "owner", "broadcaster").await, account(&a, "other", "broadcaster").await];
    let operator = account(&a, "operator", "operator").await;
    assert_eq!(a.get(PATH).await.code(), ErrorCode::Unauthorized);
    let mut heard_by_other = listen(&a, &other).await;
    let mut all = Vec::new();
    for cookie in [&owner, &operator] {
        all.push(listen(&a, cookie).await);
    }
    let upload = private(&a, "owner", State::Processing).await;
    a.library.set_processed(upload, 50).await.unwrap();
    // Also what another main server does.
    b.library.set_state(upload, State::Ready, None).await.unwrap();
    for listener in &mut all {
        let heard = until_state(listener, upload, State::Ready).await;
        assert_eq!((&heard["owner"], &heard["visibility"]), (&json!("owner"), &json!("private")));
    }
    let recording = private(&a, "owner", State::Growing).await;
    a.library.append(recording, &take(0), &[fragment(0, 1)]).await.unwrap();
    for listener in &mut all {
        while until_state(listener, recording, State::Growing).await["duration_ms"] != 10_000 {}
    }
    a.library.delete(recording, Now::read()).await.unwrap();
    for listener in &mut all {
        assert_eq!(listener.expect("item_removed").await["item_id"], json!(recording));
    }
    // The other person's first event is about that person's own item.
    let own = private(&a, "other", State::Ready).await;
    until_state(&mut heard_by_other, own, State::Ready).await;
}

#[tokio::test]
async fn the_events_of_a_person_end_when_it_signs_out_or_is_demoted() {
    let (a, b) = Cluster::new().await.pair().await;
    let owner = account(&a, "owner", "broadcaster").await;
    let operator = account(&a, "operator", "operator").await;
    account(&a, "other", "operator").await;
    let (mut of_owner, mut of_operator) = (listen(&a, &owner).await, listen(&a, &operator).await);
    let left = call_as(&b, &owner, Method::POST, "/api/logout", Value::Null).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT);
    let role = json!({ "role": "broadcaster" }).to_string();
    let demoted = b.operate(Method::PATCH, "/api/accounts/operator", role.into()).await;
    assert_eq!(demoted.status, StatusCode::OK);
    for listener in [&mut of_owner, &mut of_operator] {
        assert_eq!(listener.next().await, None);
    }
    for cookie in [&owner, &operator] {
        let refused = call_as(&a, cookie, Method::GET, PATH, Value::Null).await;
        assert_eq!(refused.code(), ErrorCode::Unauthorized);
    }
}

#[tokio::test]
async fn event_streams_of_the_library_are_bounded() {
    let server = Cluster::new().await.member(|_| {}).await;
    let cookie = account(&server, "ann", "broadcaster").await;
    let mut taken = Vec::new();
    while let Some(share) = server.library.listeners.take(None) {
        taken.push(share);
    }
    let refused = call_as(&server, &cookie, Method::GET, PATH, Value::Null).await;
    assert_eq!(refused.code(), ErrorCode::LimitReached);
    drop(taken);
    listen(&server, &cookie).await;
}
