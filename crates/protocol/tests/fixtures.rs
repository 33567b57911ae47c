//! `fixtures/messages.json` is what travels: Rust reads it and writes the very same. `web/src/protocol/fixtures.test.ts`
//! holds the page's types to the same file.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use bytes::BytesMut;
use protocol::{
    ErrorBody,
    event::{
        DataKind, RegisterNewStream, SegmentAccepted, Skipped, StreamMoved, StreamRef, StreamRegistered,
        StreamStateChanged, WatchRequest, Watching,
    },
    item::{RecordingProgress, ReportRecording, SetRecording},
    message,
    node::HeartbeatAnswer,
    stream::{AskForNodes, CreateStream, StreamCreated, StreamInfo},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

fn survives<T: DeserializeOwned + Serialize>(messages: &mut Map<String, Value>, name: &str) {
    let message = messages.remove(name).unwrap_or_else(|| panic!("no message {name}"));
    let read: T = serde_json::from_value(message.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), message, "{name}");
}

#[test]
fn every_message_is_read_and_written_as_it_stands() {
    let mut messages: Map<String, Value> =
        serde_json::from_str(include_str!("../fixtures/messages.json")).unwrap();
    let messages = &mut messages;
    survives::<CreateStream>(messages, "create_stream");
    survives::<StreamCreated>(messages, "stream_created");
    survives::<SetRecording>(messages, "set_recording");
    survives::<AskForNodes>(messages, "ask_for_nodes");
    survives::<StreamInfo>(messages, "stream_info");
    survives::<StreamInfo>(messages, "stream_info_before_media");
    survives::<ErrorBody>(messages, "error_body");
    survives::<RegisterNewStream>(messages, "register_new_stream");
    survives::<StreamRegistered>(messages, "stream_registered");
    survives::<SegmentAccepted>(messages, "segment_accepted");
    survives::<WatchRequest>(messages, "watch_request");
    survives::<DataKind>(messages, "media");
    survives::<DataKind>(messages, "media_of_frames");
    survives::<Watching>(messages, "watching");
    survives::<Skipped>(messages, "skipped");
    survives::<StreamStateChanged>(messages, "stream_state");
    survives::<StreamMoved>(messages, "stream_moved");
    survives::<StreamRef>(messages, "stream_dropped");
    assert!(messages.is_empty(), "messages that no type claims: {:?}", messages.keys());
}

#[test]
fn what_nodes_and_main_servers_tell_each_other_is_read_and_written_as_it_stands() {
    let mut messages: Map<String, Value> =
        serde_json::from_str(include_str!("../fixtures/node-messages.json")).unwrap();
    let messages = &mut messages;
    survives::<HeartbeatAnswer>(messages, "heartbeat_answer");
    survives::<ReportRecording>(messages, "report_recording");
    survives::<RecordingProgress>(messages, "recording_progress");
    assert!(messages.is_empty(), "messages that no type claims: {:?}", messages.keys());
}

/// One entry of `fixtures/binary-messages.json`.
#[derive(serde::Deserialize)]
struct BinaryMessage {
    about: String,
    /// Whether an earlier version wrote it, so that it is read and not written.
    #[serde(default)]
    earlier: bool,
    hex: String,
    kind: DataKind,
    data_hex: String,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn every_binary_message_is_read_and_written_as_it_stands() {
    let messages: Vec<BinaryMessage> =
        serde_json::from_str(include_str!("../fixtures/binary-messages.json")).unwrap();
    for BinaryMessage { about, earlier, hex, kind, data_hex } in messages {
        let (whole, data) = (bytes(&hex), bytes(&data_hex));
        let (read, read_data) = message::read(&whole.clone().into()).unwrap();
        assert_eq!((&read, &read_data[..]), (&kind, &data[..]), "{about}");
        if earlier {
            continue;
        }
        let mut written = BytesMut::new();
        message::put_head(&kind, &mut written);
        written.extend_from_slice(&data);
        assert_eq!(written, whole, "{about}");
    }
}
