//! A stream by its id, how it is doing, and where else it is.

use serde::{Deserialize, Serialize};

use crate::{
    StreamId,
    stream::{NodeAddress, StreamState},
};

/// Payload of `end_stream`, `leave_stream` and `stream_dropped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRef {
    /// Which stream.
    pub stream_id: StreamId,
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

/// Payload of `stream_moved`: continue at one of these nodes after the last chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamMoved {
    /// Which stream.
    pub stream_id: StreamId,
    /// Where, first choice first.
    pub nodes: Vec<NodeAddress>,
}
