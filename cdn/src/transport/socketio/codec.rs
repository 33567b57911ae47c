//! Events for viewers in Socket.IO's wire form, built once and shared. Pure.
//!
//! A binary field stands in the JSON as `{"_placeholder":true,"num":0}`; its bytes follow as an attachment
//! (Socket.IO protocol 5, "Binary event").

use bytes::Bytes;
use media::Init;
use protocol::{
    StreamId,
    event::{DataKind, Skipped, StreamRef, StreamStateChanged, name},
    stream::StreamState,
};
use serde::Serialize;
use socketioxide_core::Str;

use crate::rendition::Chunk;

/// An event: its JSON array, and the attachment if it has one. Clones share the bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packet {
    pub(super) text: Str,
    pub(super) payload: Option<Bytes>,
}

/// Stands for the first attachment.
#[derive(Serialize)]
struct Placeholder {
    _placeholder: bool,
    num: u8,
}

/// `streaming_data` with the attachment left out.
#[derive(Serialize)]
struct StreamingData {
    stream_id: StreamId,
    #[serde(flatten)]
    kind: DataKind,
    data: Placeholder,
}

pub(super) fn init(stream_id: StreamId, take: u64, init: &Init, origin_time_ms: Option<i64>) -> Packet {
    let kind = DataKind::Init { take, mime: init.mime.clone(), origin_time_ms };
    streaming_data(stream_id, kind, init.data.clone())
}

pub(super) fn chunk(stream_id: StreamId, chunk: &Chunk) -> Packet {
    streaming_data(stream_id, DataKind::Media(chunk.head), chunk.data.clone())
}

pub(super) fn skipped(skipped: &Skipped) -> Packet {
    Packet { text: event(name::SKIPPED, skipped), payload: None }
}

pub(super) fn state(state: &StreamStateChanged) -> Packet {
    Packet { text: event(name::STREAM_STATE, state), payload: None }
}

pub(super) fn keyframe_wanted(stream_id: StreamId) -> Packet {
    Packet { text: event(name::KEYFRAME_WANTED, &StreamRef { stream_id }), payload: None }
}

pub(super) fn renew_grant(stream_id: StreamId) -> Packet {
    Packet { text: event(name::RENEW_GRANT, &StreamRef { stream_id }), payload: None }
}

/// The JSON of an ack's arguments.
pub(super) fn ack(answer: &impl Serialize) -> Str {
    let text = serde_json::to_string(&[answer]);
    Str::from(text.expect("plain structs with string keys are always JSON"))
}

/// Messages that the node drops a stream. A client that does not know the second event sees the broadcaster missing, as far
/// as this node goes.
pub(super) fn dropped(state: &StreamStateChanged) -> Vec<Packet> {
    let interrupted = StreamStateChanged { state: StreamState::Interrupted, ..*state };
    let dropped = StreamRef { stream_id: state.stream_id };
    vec![self::state(&interrupted), Packet { text: event(name::STREAM_DROPPED, &dropped), payload: None }]
}

fn streaming_data(stream_id: StreamId, kind: DataKind, data: Bytes) -> Packet {
    let event_data = StreamingData { stream_id, kind, data: Placeholder { _placeholder: true, num: 0 } };
    Packet { text: event(name::STREAMING_DATA, &event_data), payload: Some(data) }
}

fn event(name: &str, payload: &impl Serialize) -> Str {
    let text = serde_json::to_string(&(name, payload));
    Str::from(text.expect("plain structs with string keys are always JSON"))
}

#[cfg(test)]
mod tests {
    use protocol::event::{ChunkHead, FrameName, SkipReason};
    use serde_json::{Value, json};

    use super::*;

    fn stream() -> StreamId {
        "8811d3bae631e8b5e26212edaf3e41eb".parse().unwrap()
    }

    fn parsed(packet: &Packet) -> Value {
        serde_json::from_str(&packet.text).unwrap()
    }

    #[test]
    fn chunk_carries_its_name_and_times_and_one_attachment() {
        let name = FrameName { take: 1, group: 2, index: 3 };
        let data = Bytes::from_static(b"cluster");
        let head =
            ChunkHead { name, frames: 4, key: true, pts_ms: 40, duration_ms: 5, captured_at_ms: Some(-6) };
        let packet = chunk(stream(), &Chunk { head, message: data.clone(), data, bytes: 7 });
        let expected = json!(["streaming_data", {
            "stream_id": "8811d3bae631e8b5e26212edaf3e41eb", "kind": "media",
            "take": 1, "group": 2, "index": 3, "frames": 4, "key": true, "pts_ms": 40, "duration_ms": 5, "captured_at_ms": -6,
            "data": { "_placeholder": true, "num": 0 },
        }]);
        assert_eq!(parsed(&packet), expected);
        assert_eq!(packet.payload.as_deref(), Some(b"cluster".as_slice()));
    }

    #[test]
    fn init_carries_its_type() {
        let segment = Init { mime: "video/webm;codecs=\"vp9\"".into(), data: Bytes::new() };
        let expected = json!(["streaming_data", {
            "stream_id": "8811d3bae631e8b5e26212edaf3e41eb", "kind": "init", "take": 4,
            "mime": "video/webm;codecs=\"vp9\"", "origin_time_ms": null,
            "data": { "_placeholder": true, "num": 0 },
        }]);
        assert_eq!(parsed(&init(stream(), 4, &segment, None)), expected);
    }

    #[test]
    fn a_dropped_stream_is_interrupted_to_those_who_do_not_know_the_word() {
        let live = StreamStateChanged { stream_id: stream(), state: StreamState::Live, viewers: 3 };
        let id = "8811d3bae631e8b5e26212edaf3e41eb";
        let expected = [
            json!(["stream_state", { "stream_id": id, "state": "interrupted", "viewers": 3 }]),
            json!(["stream_dropped", { "stream_id": id }]),
        ];
        assert_eq!(dropped(&live).iter().map(parsed).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn skip_says_what_is_left_out() {
        let to = FrameName { take: 1, group: 2, index: 0 };
        let packet =
            skipped(&Skipped { stream_id: stream(), from: None, to, reason: SkipReason::LeftWindow });
        let expected = json!(["skipped", {
            "stream_id": "8811d3bae631e8b5e26212edaf3e41eb", "from": null,
            "to": { "take": 1, "group": 2, "index": 0 }, "reason": "left_window",
        }]);
        assert_eq!(parsed(&packet), expected);
        assert_eq!(packet.payload, None);
    }
}
