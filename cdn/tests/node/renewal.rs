//! Grants are renewed while a connection runs: the node asks in time, and cuts nobody whose grant has expired.

use protocol::{
    StreamId,
    grant::{Action, Claims},
    stream::Visibility,
};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::Client,
    harness::{Recording, TEST_TIMEOUT, TestNode, signer, stream},
    ws_client::Got,
};

/// A grant of a private stream that expires so many seconds from now.
fn grant(id: StreamId, action: Action, lasts_s: i64) -> String {
    #[allow(clippy::disallowed_methods, reason = "a node without main servers goes by the machine's clock")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let exp = now.as_secs().checked_add_signed(lasts_s).unwrap();
    signer().sign(&Claims::new(id, action, Visibility::Private, exp)).unwrap()
}

fn registration(id: StreamId, lasts_s: i64, take: u64) -> Value {
    let mime = Recording::usual().mime;
    json!({ "stream_id": id, "grant": grant(id, Action::Publish, lasts_s), "mime": mime, "take": take })
}

async fn renew(client: &Client, id: StreamId, grant: &str) -> Value {
    client.call("renew", json!({ "stream_id": id, "grant": grant })).await
}

/// The request of the node to renew the grant for `id`.
async fn is_asked(client: &mut Client, id: StreamId) {
    loop {
        let event = timeout(TEST_TIMEOUT, client.event()).await.expect("the node asks in time");
        if event.name == "renew_grant" {
            assert_eq!(event.payload, json!({ "stream_id": id }));
            return;
        }
    }
}

const HOUR_S: i64 = 3600;

#[tokio::test]
async fn a_broadcaster_is_asked_for_a_fresh_grant_and_begins_another_take_although_its_own_expired() {
    let node = TestNode::start().await;
    let (id, mut client) = (stream("a"), node.connect().await);
    assert_eq!(client.call("register_new_stream", registration(id, 60, 0)).await["ok"], true);
    is_asked(&mut client, id).await;
    let another_take = client.call("register_new_stream", registration(id, -HOUR_S, 1)).await;
    assert_eq!(another_take["ok"], true, "it publishes already: {another_take}");
    let elsewhere = node.connect().await;
    let refused = elsewhere.call("register_new_stream", registration(id, -HOUR_S, 2)).await;
    assert_eq!(refused["error"]["code"], "invalid_grant", "a newcomer's grant must not have expired");

    let fresh = grant(id, Action::Publish, HOUR_S);
    assert_eq!(renew(&client, id, &fresh).await, json!({ "ok": true }));
    assert_eq!(renew(&client, id, &fresh).await["error"]["code"], "limit_reached");
    assert_eq!(renew(&elsewhere, id, &fresh).await["error"]["code"], "not_registered");
}

#[tokio::test]
async fn only_a_good_grant_of_the_same_stream_and_action_renews() {
    let node = TestNode::start().await;
    let (id, other) = (stream("a"), stream("b"));
    for (grant, what) in [
        (grant(id, Action::Watch, HOUR_S), "another action"),
        (grant(other, Action::Publish, HOUR_S), "another stream"),
        (grant(id, Action::Publish, -1), "expired"),
        ("x".repeat(5000), "too long"),
    ] {
        // A connection each, because a session renews at most once a second.
        let client = node.connect().await;
        assert_eq!(client.call("register_new_stream", registration(id, HOUR_S, 0)).await["ok"], true);
        assert_eq!(renew(&client, id, &grant).await["error"]["code"], "invalid_grant", "{what}");
    }
}

#[tokio::test]
async fn viewers_of_a_private_stream_are_asked_on_every_transport_and_stay() {
    let node = TestNode::start().await;
    let (id, broadcaster, recording) = (stream("a"), node.connect().await, Recording::usual());
    assert_eq!(broadcaster.call("register_new_stream", registration(id, HOUR_S, 0)).await["ok"], true);

    let mut viewer = node.connect().await;
    let watch = json!({ "stream_id": id, "grant": grant(id, Action::Watch, 2) });
    assert_eq!(viewer.call("watch_stream", watch).await["ok"], true);
    is_asked(&mut viewer, id).await;
    let fresh = grant(id, Action::Watch, HOUR_S);
    assert_eq!(renew(&viewer, id, &fresh).await, json!({ "ok": true }));

    let mut ws = node.ws(id, &format!("?grant={}", grant(id, Action::Watch, 2))).await;
    ws.event("watching").await;
    let asked = loop {
        match ws.next().await {
            Got::Event(name, payload) if name == "renew_grant" => break payload,
            Got::Closed(code) => panic!("closed with {code:?}"),
            _ => {}
        }
    };
    assert_eq!(asked, json!({ "stream_id": id }));
    ws.send(Message::text(json!(["renew", { "stream_id": id, "grant": fresh }]).to_string())).await;
    let answer = loop {
        match ws.next().await {
            Got::Event(name, payload) if name == "renew" => break payload,
            Got::Closed(code) => panic!("closed with {code:?}"),
            _ => {}
        }
    };
    assert_eq!(answer, json!({ "ok": true }));
    broadcaster.send_all(id, &recording.segments[..12]).await;
    loop {
        match ws.next().await {
            Got::Chunk { .. } | Got::Init { .. } => break,
            Got::Closed(code) => panic!("closed with {code:?}"),
            Got::Event(..) => {}
        }
    }
}
