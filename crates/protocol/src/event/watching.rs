//! What viewers and relaying nodes ask for, and how they are welcomed.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::media::FrameName;
use crate::{Formats, StreamId};

/// Payload of `watch_stream`: an object, or just the stream's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum WatchStream {
    /// The short form.
    Id(StreamId),
    /// The full form.
    Request(WatchRequest),
}

/// Hand-written, because the error of a derived one does not name the field.
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
    /// The watch grant; not needed for a public stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Any frame of the last chunk the viewer has: it gets what follows that chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<FrameName>,
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
    /// Server-clock time at which timestamp 0 of the take was captured, if the broadcaster sent capture times.
    pub origin_time_ms: Option<i64>,
    /// How far back the node's window reaches.
    pub window_ms: u64,
}

/// Payload of `watching`, the first text message of a WebSocket: the fields of the ack of `watch_stream`, and the newest chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// As in the ack of `watch_stream`.
    #[serde(flatten)]
    pub watching: Watching,
    /// The newest chunk at this moment; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<FrameName>,
}

/// Payload of `relay_path`: the nodes through which the stream comes to the sending node. Sent after the welcome and whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayPath {
    /// Hostnames, origin first, the sending node last.
    pub path: Vec<String>,
}
