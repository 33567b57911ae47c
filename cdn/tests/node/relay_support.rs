//! What the tests of relays share: segments of a take one by one, and what viewers got.

use std::time::Duration;

use protocol::StreamId;
use serde_json::{Value, json};

use crate::{
    client::{BINARY, Client, Event},
    harness::{Recording, assert_no_gap, names, registration},
    nodes::EdgeNode,
    ws_client::WsViewer,
};

/// Sends segment `seq` of a take; gives the answer.
pub(crate) async fn send(client: &Client, id: StreamId, seq: usize, segment: &[u8]) -> Value {
    send_captured(client, id, seq, segment, 1_700_000_000_000 + 100 * seq as u64).await
}

pub(crate) async fn send_captured(
    client: &Client,
    id: StreamId,
    seq: usize,
    segment: &[u8],
    captured_at_ms: u64,
) -> Value {
    let payload = json!({
        "stream_id": id, "take": 0, "seq": seq, "segment": BINARY, "captured_at_ms": captured_at_ms,
    });
    let answer = client.call_with("broadcast_data", payload, segment).await;
    assert_eq!(answer["ok"], true, "{answer}");
    answer
}

/// Sends some segments of a recording; gives the state after the last.
pub(crate) async fn send_some(
    client: &Client,
    id: StreamId,
    recording: &Recording,
    which: std::ops::Range<usize>,
) -> Value {
    let mut answer = Value::Null;
    for seq in which {
        answer = send(client, id, seq, &recording.segments[seq]).await;
    }
    answer["resume"].clone()
}

/// A broadcaster that goes on with take 0 after the segment whose state this is.
pub(crate) async fn resume(
    node: &EdgeNode,
    id: StreamId,
    recording: &Recording,
    state: Value,
) -> (Client, usize) {
    let client = node.connect().await;
    let mut registration = registration(id, &recording.mime);
    registration["take"] = json!(0);
    registration["resume"] = state;
    let answer = client.call("register_new_stream", registration).await;
    assert_eq!(answer["ok"], true, "{answer}");
    (client, answer["next_segment"].as_u64().unwrap() as usize)
}

/// Takes events until the chunk with this name came.
pub(crate) async fn until_chunk(viewer: &mut Client, last: (u64, u64, u64)) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = viewer.event().await;
        let is_last = event.payload["kind"] == "media" && event.chunk_name() == last;
        events.push(event);
        if is_last {
            return events;
        }
    }
}

/// The newest chunk a node has.
pub(crate) async fn newest(node: &EdgeNode, id: StreamId) -> (u64, u64, u64) {
    let mut viewer = WsViewer::connect(node.address, &format!("/ws/{id}")).await;
    let newest = viewer.event("watching").await["newest"].clone();
    let number = |field: &str| newest[field].as_u64().unwrap();
    (number("take"), number("group"), number("index"))
}

/// Takes events until `count` chunks came.
pub(crate) async fn chunks(viewer: &mut Client, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while names(&events).len() < count {
        events.push(viewer.event().await);
    }
    events
}

pub(crate) fn assert_whole(events: &[Event]) {
    assert!(events.iter().all(|event| event.name != "skipped"), "nothing is skipped");
    assert_no_gap(events);
}

/// Fails unless the media is the same to the last byte, under the same names, at the same times.
pub(crate) fn assert_same_media(events: &[Event], expected: &[Event]) {
    let media = |events: &[Event]| -> Vec<(Value, Option<Vec<u8>>)> {
        let media = events.iter().filter(|event| event.name == "streaming_data");
        let whole = media.map(|event| (event.payload.clone(), event.binary.clone()));
        whole
            .map(|(mut payload, binary)| {
                // The estimate of when a take began gets better with time; each is told the newest.
                payload.as_object_mut().unwrap().remove("origin_time_ms");
                (payload, binary)
            })
            .collect()
    };
    let (media, expected) = (media(events), media(expected));
    assert_eq!(media.len(), expected.len());
    for (got, expected) in media.iter().zip(&expected) {
        assert_eq!(got.0, expected.0);
        assert!(got.1 == expected.1, "the bytes of {}", got.0);
    }
}

/// A viewer of a stream whose lookup failed a moment ago.
pub(crate) async fn retry_viewer(node: &EdgeNode, id: StreamId) -> Client {
    for _ in 0..100 {
        let viewer = node.connect().await;
        if viewer.call("watch_stream", json!(id)).await["ok"] == true {
            return viewer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} gets the stream in time", node.name);
}

/// Sends the rest of a recording, of which five segments were sent, while `cut` breaks the link between `origin` and `edge` again and
/// again; checks that a viewer of the edge gets what one of the origin gets.
pub(crate) async fn check_cuts_leave_no_gap(
    (origin, edge): (&EdgeNode, &EdgeNode),
    cut: impl Fn(),
    broadcaster: &Client,
    (id, recording): (StreamId, &Recording),
) {
    let (mut viewer, mut direct) = (edge.viewer(id).await, origin.viewer(id).await);
    let mut seen = Vec::new();
    for seq in 5..recording.segments.len() {
        if seq % 8 == 0 {
            seen.extend(until_chunk(&mut viewer, newest(origin, id).await).await);
            cut();
        }
        send(broadcaster, id, seq, &recording.segments[seq]).await;
    }
    let newest = newest(origin, id).await;
    seen.extend(until_chunk(&mut viewer, newest).await);
    let expected = until_chunk(&mut direct, newest).await;
    assert_whole(&seen);
    assert_eq!(names(&seen), names(&expected));
    assert!(edge.metric("undead_cdn_relay_reconnects_total").await >= 2);
}
