//! Garbage to every event: a coded error or a closed connection, and other clients do not notice.

use protocol::event::name;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{BINARY, Client},
    harness::{Recording, TestNode, stream},
};

/// Every event that a client sends over Socket.IO.
const EVENTS: [&str; 7] = [
    name::REGISTER_NEW_STREAM,
    name::BROADCAST_DATA,
    name::END_STREAM,
    name::CLOCK,
    name::WATCH_STREAM,
    name::LEAVE_STREAM,
    name::REQUEST_KEYFRAME,
];

fn garbage() -> Vec<Value> {
    let id = stream("a");
    vec![
        Value::Null,
        json!(1e300),
        json!(""),
        json!("x".repeat(100_000)),
        json!([]),
        json!([[[[]]]]),
        json!({}),
        json!({ "stream_id": 7 }),
        json!({ "stream_id": "ABC" }),
        json!({ "stream_id": id, "grant": {}, "mime": [], "take": -1, "segment": "text", "t0_ms": "now" }),
        json!({ "stream_id": id, "segment": { "_placeholder": true, "num": 99 }, "after": { "take": 1.5 } }),
        json!({ "stream_id": id, "segment": { "_placeholder": false }, "after": [], "t0_ms": null, "take": "" }),
    ]
}

/// Whether an answer is what a client may rely on: `ok`, and a code and a message if not.
fn is_proper(answer: &Value) -> bool {
    let error = &answer["error"];
    answer["ok"] == true
        || (answer["ok"] == false && error["code"].is_string() && error["message"].is_string())
}

#[tokio::test]
async fn garbage_to_every_event_gets_a_code() {
    let (node, id, recording) = (TestNode::start().await, stream("b"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let client = node.connect().await;
    for event in EVENTS {
        for payload in garbage() {
            let answer = client.call(event, payload.clone()).await;
            assert!(is_proper(&answer), "{event} {payload:.80}: {answer}");
            // Fields that leave_stream does not have are ignored, and leaving what one does not watch is fine.
            let harmless = event == name::LEAVE_STREAM && payload["stream_id"] == json!(stream("a"));
            assert_eq!(answer["ok"], harmless, "{event} {payload:.80}: {answer}");
        }
        let answer = client.call_with(event, json!(BINARY), b"bytes").await;
        assert_eq!(answer["error"]["code"], "invalid_request", "{event}: {answer}");
    }
    for (payload, field) in [
        (json!({ "stream_id": 7 }), "stream_id"),
        (json!({ "stream_id": id, "after": { "take": 0, "group": 0, "index": -1 } }), "after.index"),
        (json!({}), "`stream_id`"),
    ] {
        let answer = client.call("watch_stream", payload).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(field), "{message} names {field}");
    }
    let answer = client.call("make_coffee", json!({})).await;
    assert_eq!(answer["error"]["code"], "not_found");
    broadcaster.send_all(id, &recording.segments).await;
    node.stop().await;
}

#[tokio::test]
async fn payload_of_the_right_shape_and_the_wrong_stream_gets_a_code() {
    let node = TestNode::start().await;
    let (client, id) = (node.connect().await, stream("nobody"));
    assert_eq!(client.call("watch_stream", json!(id)).await["error"]["code"], "unknown_stream");
    assert_eq!(
        client.call("watch_stream", json!({ "stream_id": id })).await["error"]["code"],
        "unknown_stream"
    );
    assert_eq!(client.send(id, b"segment").await["error"]["code"], "not_registered");
    let answer = client.call("clock", json!({ "t0_ms": 1.25, "more": true })).await;
    assert_eq!((&answer["ok"], &answer["t0_ms"]), (&json!(true), &json!(1.25)));
    assert!(answer["t1_ms"].as_i64() <= answer["t2_ms"].as_i64());
    let whole = client.call("clock", json!({ "t0_ms": 7 })).await;
    assert_eq!(whole["t0_ms"], json!(7), "a whole number goes back as it came");
    node.stop().await;
}

#[tokio::test]
async fn connection_that_breaks_the_protocol_is_closed_and_the_others_live() {
    let node = TestNode::with(|limits| limits.segment_bytes = 10_000).await;
    let (id, recording) = (stream("b"), Recording::load("audio-webm-opus-250ms"));
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let offences: [&[Message]; 6] = [
        &[Message::text("4")],
        &[Message::text("9nonsense")],
        &[Message::text("42not json")],
        &[Message::text("459999-[\"broadcast_data\",{}]")],
        &[Message::binary(vec![0; 100])],
        &[Message::binary(vec![0; 100_000])],
    ];
    for offence in offences {
        let offender: Client = node.connect().await;
        offence.iter().for_each(|message| offender.send_raw(message.clone()));
        offender.closed().await;
    }
    broadcaster.send_all(id, &recording.segments).await;
    node.stop().await;
}
