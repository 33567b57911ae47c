//! Media on its way to viewers: frames by name, chunks, and what is left out.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{StreamId, lenient};

/// Name of a frame, and of the chunk that begins with it: its place in a stream. Ordered as frames are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FrameName {
    /// Which run of the recorder.
    #[serde(deserialize_with = "lenient::whole")]
    pub take: u64,
    /// Which group of the take, from 0.
    #[serde(deserialize_with = "lenient::whole")]
    pub group: u64,
    /// Which frame of the group, from 0.
    #[serde(deserialize_with = "lenient::whole")]
    pub index: u32,
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
        /// Server-clock time at which timestamp 0 was captured, if the broadcaster sent capture times.
        origin_time_ms: Option<i64>,
    },
    /// One chunk.
    Media(ChunkHead),
}

/// Metadata of a chunk, the same in every format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkHead {
    /// The name of its first frame.
    #[serde(flatten)]
    pub name: FrameName,
    /// How many frames it holds, at least 1: the next chunk of the group has `index + frames`.
    #[serde(default = "one", skip_serializing_if = "is_one", deserialize_with = "lenient::one_or_more")]
    pub frames: u32,
    /// Whether it begins with a keyframe: a place to join.
    pub key: bool,
    /// Its first timestamp, in its take's time.
    pub pts_ms: u64,
    /// How much time it covers, as far as that is known.
    pub duration_ms: u64,
    /// Server-clock time at which its first frame was captured, if the broadcaster sent capture times.
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
    pub from: Option<FrameName>,
    /// The chunk it gets next.
    pub to: FrameName,
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
