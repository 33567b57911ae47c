//! Streams are recorded where their broadcasters, owners or operators ask for it, within the operator's policy.

use protocol::{
    ErrorCode, ItemId,
    account::Me,
    item::RecordPolicy,
    stream::{StreamCreated, StreamInfo, StreamState},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    browser::person,
    server::{Answer, Server, carried},
};

async fn create(server: &Server, body: Value) -> Answer {
    server.post("/api/streams", None, body).await
}

async fn switch(server: &Server, created: &StreamCreated, on: bool) -> Answer {
    let path = format!("/api/streams/{}/recording", created.stream_id);
    server.put(&path, Some(&created.publish.grant), json!({ "on": on }).to_string().into()).await
}

fn item(answer: Answer) -> Option<ItemId> {
    answer.read::<StreamInfo>().recording
}

#[tokio::test]
async fn a_stream_that_is_recorded_names_one_item_each_time_also_after_a_crash() {
    let server = Server::start().await;
    server.node("a").await;
    let created: StreamCreated = create(&server, json!({ "title": "a", "record": true })).await.read();
    let item_id = created.recording.unwrap();
    assert_eq!(server.show(created.stream_id).await.recording, Some(item_id));
    assert_eq!(item(switch(&server, &created, false).await), None);
    assert_eq!(item(switch(&server, &created, true).await), Some(item_id));
    assert_eq!(item(switch(&server, &created, true).await), Some(item_id), "it is on already");
    let server = Server::on(server.kill().await, |_| {}).await;
    assert_eq!(server.show(created.stream_id).await.recording, Some(item_id));

    let other: StreamCreated = create(&server, json!({ "title": "b", "record": null })).await.read();
    assert_eq!(other.recording, None);
    assert_ne!(item(switch(&server, &other, true).await), Some(item_id));
}

#[tokio::test]
async fn its_broadcaster_its_owner_and_operators_have_a_stream_recorded_and_nobody_else() {
    let server = Server::start().await;
    server.node("a").await;
    let (ann, eve) =
        (person(&server, "ann", "broadcaster").await, person(&server, "eve", "broadcaster").await);
    let mine = ann.answer(Method::POST, "/api/streams", json!({ "title": "mine" })).await;
    let mine: StreamCreated = mine.read();
    let path = format!("/api/streams/{}/recording", mine.stream_id);
    let on = json!({ "on": true });
    assert_eq!(eve.answer(Method::PUT, &path, on.clone()).await.code(), ErrorCode::Forbidden);
    assert_eq!(server.put(&path, None, on.to_string().into()).await.code(), ErrorCode::InvalidGrant);
    let other: StreamCreated = create(&server, json!({ "title": "other" })).await.read();
    let foreign = server.put(&path, Some(&other.publish.grant), on.to_string().into()).await;
    assert_eq!(foreign.code(), ErrorCode::InvalidGrant);
    assert_eq!(server.show(mine.stream_id).await.recording, None);
    let item_id = item(ann.answer(Method::PUT, &path, on.clone()).await);
    assert!(item_id.is_some());
    let off = json!({ "on": false }).to_string();
    assert_eq!(item(server.operate(Method::PUT, &path, off.into()).await), None);
    assert_eq!(item(switch(&server, &mine, true).await), item_id);
    server.delete(&format!("/api/streams/{}", mine.stream_id), Some(&mine.publish.grant)).await;
    assert_eq!(switch(&server, &mine, false).await.code(), ErrorCode::UnknownStream);
    assert_eq!(server.show(mine.stream_id).await.recording, None, "it is over");
}

#[tokio::test]
async fn which_streams_are_recorded_is_for_the_operator_to_say() {
    for policy in [RecordPolicy::Off, RecordPolicy::Ask, RecordPolicy::All] {
        let server = Server::with(|config| config.record = policy).await;
        server.node("a").await;
        assert_eq!(server.get("/api/me").await.read::<Me>().record, Some(policy));
        let asked = create(&server, json!({ "title": "a", "record": true })).await;
        let silent: StreamCreated = create(&server, json!({ "title": "b" })).await.read();
        assert_eq!(silent.recording.is_some(), policy == RecordPolicy::All, "{policy:?}");
        if policy == RecordPolicy::Off {
            assert_eq!(asked.code(), ErrorCode::Forbidden);
            assert_eq!(switch(&server, &silent, true).await.code(), ErrorCode::Forbidden);
            continue;
        }
        let asked: StreamCreated = asked.read();
        assert!(asked.recording.is_some());
        let off = switch(&server, &asked, false).await;
        if policy == RecordPolicy::Ask {
            assert_eq!(item(off), None);
            continue;
        }
        assert_eq!(off.code(), ErrorCode::Forbidden);
        let path = format!("/api/streams/{}/recording", asked.stream_id);
        let off = server.operate(Method::PUT, &path, json!({ "on": false }).to_string().into()).await;
        assert_eq!(off.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn viewers_learn_at_once_that_a_stream_is_recorded_unless_it_tells_them_its_state_only() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let mut listener = server.listen().await;
    listener.expect("snapshot").await;
    let public: StreamCreated = create(&server, json!({ "title": "public" })).await.read();
    server.heartbeat(&node, vec![carried(public.stream_id, StreamState::Live, 1)]).await;
    listener.expect("stream_started").await;
    let item_id = item(switch(&server, &public, true).await).unwrap();
    assert_eq!(listener.expect("stream_changed").await["recording"], json!(item_id));
    let body = json!({ "title": "x", "visibility": "private", "passphrase": "secret", "record": true });
    let private: StreamCreated = create(&server, body).await.read();
    assert!(private.recording.is_some());
    assert_eq!(server.show(private.stream_id).await.recording, None);
}
