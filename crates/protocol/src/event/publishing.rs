//! What a broadcaster sends, and the answers.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{StreamId, lenient::optional_whole, millis};

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
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
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
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub take: Option<u64>,
    /// Number of the segment in its take, from 0; counted on arrival if left out.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
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
