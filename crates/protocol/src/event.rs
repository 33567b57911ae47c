//! Socket.IO events between a node and its clients (namespace `/`). Binary fields are attachments.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{Formats, StreamId, WireError, lenient, millis, stream::StreamState};

/// Event names, as on the wire.
pub mod name {
    /// Broadcaster → node: [`super::RegisterNewStream`].
    pub const REGISTER_NEW_STREAM: &str = "register_new_stream";
    /// Broadcaster → node: [`super::BroadcastData`].
    pub const BROADCAST_DATA: &str = "broadcast_data";
    /// Broadcaster → node: [`super::StreamRef`].
    pub const END_STREAM: &str = "end_stream";
    /// Client → node: [`super::ClockRequest`].
    pub const CLOCK: &str = "clock";
    /// Viewer → node: [`super::WatchStream`] or a bare stream id.
    pub const WATCH_STREAM: &str = "watch_stream";
    /// Viewer → node: [`super::StreamRef`].
    pub const LEAVE_STREAM: &str = "leave_stream";
    /// Node → viewer: [`super::StreamingData`].
    pub const STREAMING_DATA: &str = "streaming_data";
    /// Node → viewer: [`super::Skipped`].
    pub const SKIPPED: &str = "skipped";
    /// Node → viewer and broadcaster: [`super::StreamStateChanged`].
    pub const STREAM_STATE: &str = "stream_state";
    /// Node → viewer: [`super::StreamMoved`].
    pub const STREAM_MOVED: &str = "stream_moved";
    /// Socket.IO only, node → viewer: [`super::StreamRef`]. The node stops sending the stream, which is not over. A WebSocket
    /// gets [`ERROR`] with [`crate::ErrorCode::StreamDropped`] instead.
    pub const STREAM_DROPPED: &str = "stream_dropped";
    /// Viewer and relaying node → node: the next frame should be a keyframe. Over Socket.IO with [`super::StreamRef`], over a
    /// WebSocket without fields.
    pub const REQUEST_KEYFRAME: &str = "request_keyframe";
    /// Node → broadcaster: [`super::StreamRef`]. A reader needs a keyframe.
    pub const KEYFRAME_WANTED: &str = "keyframe_wanted";
    /// WebSocket only, node → client, the first message: [`super::Welcome`].
    pub const WATCHING: &str = "watching";
    /// WebSocket only, node → client, before it closes the connection: [`crate::WireError`].
    pub const ERROR: &str = "error";
    /// WebSocket only, node → relaying node: [`super::RelayPath`].
    pub const RELAY_PATH: &str = "relay_path";
}

/// Name of a frame, and of the chunk that begins with it: its place in a stream. Ordered as frames are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChunkName {
    /// Which run of the recorder.
    pub take: u64,
    /// Which group of the take, from 0.
    pub group: u64,
    /// Which frame of the group, from 0.
    pub index: u32,
}

/// Payload of `register_new_stream`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterNewStream {
    /// Which stream.
    pub stream_id: StreamId,
    /// The publish grant.
    pub grant: String,
    /// The recorder's full type with codecs, as it reports it.
    pub mime: String,
    /// Which run of the recorder; left out by simple clients, whose every registration is a new take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<u64>,
    /// What an older node last gave back, so that this one continues with the same names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Whether the broadcaster can make a keyframe when asked: then it is sent `keyframe_wanted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyframes: Option<bool>,
}

/// Ack of `register_new_stream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRegistered {
    /// The segment the node wants next.
    pub next_segment: u64,
    /// Viewers of the stream on this node.
    pub viewers: u32,
}

/// Payload of `broadcast_data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroadcastData {
    /// Which stream.
    pub stream_id: StreamId,
    /// Which take; the registered one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<u64>,
    /// Number of the segment in its take, from 0; counted on arrival if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The recorder's blob, unchanged.
    pub segment: Bytes,
    /// Server-clock time at which the newest frame of the segment was captured.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "millis::option::deserialize"
    )]
    pub captured_at_ms: Option<i64>,
}

/// Ack of `broadcast_data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentAccepted {
    /// The newest segment the node has.
    pub have: SegmentName,
    /// Opaque: a state from which another node continues with the same chunk names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
}

/// Place of a segment in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SegmentName {
    /// Which run of the recorder.
    pub take: u64,
    /// Which segment of it, from 0.
    pub seq: u64,
}

/// Payload of `end_stream`, `leave_stream` and `stream_dropped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRef {
    /// Which stream.
    pub stream_id: StreamId,
}

/// Payload of `clock`: the first of four timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockRequest {
    /// The client's clock when it sent this; given back as it came.
    pub t0_ms: f64,
}

/// Ack of `clock`. The client's clock is behind the node's by `((t1 - t0) + (t2 - t3)) / 2`, `t3` being the
/// client's clock when this arrives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockAnswer {
    /// As it came.
    #[serde(serialize_with = "millis::as_it_came")]
    pub t0_ms: f64,
    /// The node's clock when the request arrived, Unix epoch.
    pub t1_ms: i64,
    /// The node's clock when the answer left, Unix epoch.
    pub t2_ms: i64,
}

/// Payload of `watch_stream`: an object, or just the stream's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum WatchStream {
    /// The short form.
    Id(StreamId),
    /// The full form.
    Request(WatchRequest),
}

/// Written out, because an error of one that is derived does not say what is wrong with which field.
impl<'de> Deserialize<'de> for WatchStream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = WatchStream;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a stream id, or an object with one")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<WatchStream, E> {
                text.parse().map(WatchStream::Id).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<WatchStream, A::Error> {
                WatchRequest::deserialize(MapAccessDeserializer::new(fields)).map(WatchStream::Request)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// The full form of `watch_stream`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRequest {
    /// Which stream.
    pub stream_id: StreamId,
    /// The watch grant; a public stream may be watched without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Any frame of the last chunk the viewer has: it gets what follows that chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ChunkName>,
    /// The formats the viewer can play, first choice first; the take's default if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Formats>,
}

impl From<WatchStream> for WatchRequest {
    fn from(watch: WatchStream) -> Self {
        match watch {
            WatchStream::Id(stream_id) => Self { stream_id, grant: None, after: None, format: None },
            WatchStream::Request(request) => request,
        }
    }
}

/// Ack of `watch_stream`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watching {
    /// The type of the current take's chunks; none until its init segment is known.
    pub mime: Option<String>,
    /// The current take.
    pub take: u64,
    /// Server-clock time at which timestamp 0 of the take was captured, if the broadcaster told.
    pub origin_time_ms: Option<i64>,
    /// How far back the node's window reaches.
    pub window_ms: u64,
}

/// Payload of `watching`, the first text message of a WebSocket: what the ack of `watch_stream` says, and where live is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// As in the ack of `watch_stream`.
    #[serde(flatten)]
    pub watching: Watching,
    /// The newest chunk at this moment; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<ChunkName>,
}

/// Payload of `relay_path`: through whom the stream comes to the sending node. Sent after the welcome and whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayPath {
    /// Hostnames, origin first, the sending node last.
    pub path: Vec<String>,
}

/// Payload of `streaming_data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamingData {
    /// Which stream.
    pub stream_id: StreamId,
    /// What `data` is, and what goes with that.
    #[serde(flatten)]
    pub kind: DataKind,
    /// The bytes to append.
    pub data: Bytes,
}

/// The two kinds of `streaming_data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DataKind {
    /// The init segment of a take.
    Init {
        /// Which take begins.
        take: u64,
        /// The type of its chunks, with codecs.
        mime: String,
        /// Server-clock time at which timestamp 0 was captured, if the broadcaster told.
        origin_time_ms: Option<i64>,
    },
    /// One chunk.
    Media(ChunkHead),
}

/// What is told of a chunk, whatever its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkHead {
    /// The name of its first frame.
    #[serde(flatten)]
    pub name: ChunkName,
    /// How many frames it holds, at least 1: the next chunk of the group has `index + frames`.
    #[serde(default = "one", skip_serializing_if = "is_one", deserialize_with = "lenient::one_or_more")]
    pub frames: u32,
    /// Whether it begins with a keyframe: a place to join.
    pub key: bool,
    /// Its first timestamp, in its take's time.
    pub pts_ms: u64,
    /// How much time it covers, as far as that is known.
    pub duration_ms: u64,
    /// Server-clock time at which its first frame was captured, if the broadcaster told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_at_ms: Option<i64>,
}

fn one() -> u32 {
    1
}

// The signature is the one that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(frames: &u32) -> bool {
    *frames == 1
}

/// Payload of `skipped`: the viewer will not get the chunks between these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Which stream.
    pub stream_id: StreamId,
    /// The last chunk the viewer has; none when it had none of the window.
    pub from: Option<ChunkName>,
    /// The chunk it gets next.
    pub to: ChunkName,
    /// Why.
    pub reason: SkipReason,
}

/// Why a viewer missed chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// It read too slowly.
    Lagged,
    /// What it asked to continue after is no longer (or not) in the window.
    LeftWindow,
}

/// Payload of `stream_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamStateChanged {
    /// Which stream.
    pub stream_id: StreamId,
    /// How it is doing now.
    pub state: StreamState,
    /// Viewers on this node.
    pub viewers: u32,
}

/// Payload of `stream_moved`: go on at one of these nodes after your last chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamMoved {
    /// Which stream.
    pub stream_id: StreamId,
    /// Where, first choice first.
    pub nodes: Vec<crate::stream::NodeAddress>,
}

/// An ack: `{ ok: true, … }` or `{ ok: false, error }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack<T>(pub Result<T, WireError>);

/// The ack of a call that answers nothing but that it worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

impl<T: Serialize> Serialize for Ack<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Accepted<'a, T> {
            ok: bool,
            #[serde(flatten)]
            answer: &'a T,
        }
        #[derive(Serialize)]
        struct Refused<'a> {
            ok: bool,
            error: &'a WireError,
        }
        match &self.0 {
            Ok(answer) => Accepted { ok: true, answer }.serialize(serializer),
            Err(error) => Refused { ok: false, error }.serialize(serializer),
        }
    }
}
