//! What transports pass to ingest, and what they get back.

use bytes::Bytes;
use protocol::{StreamId, event::SegmentName};

use crate::hub::{AskKeyframe, SharedStream, Unwritten};

/// One connection of a broadcaster, whatever the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// A broadcaster's registration of the stream and the take that it is going to send.
#[derive(Clone)]
pub(crate) struct Registration {
    pub(crate) stream: StreamId,
    pub(crate) grant: String,
    /// The recorder's full type with codecs.
    pub(crate) mime: String,
    /// Which run of the recorder; a new one if left out.
    pub(crate) take: Option<u64>,
    /// What [`Accepted::resume`] was at the node that had the take before.
    pub(crate) resume: Option<String>,
    /// Asks the broadcaster for a keyframe, if it can make one when asked.
    pub(crate) ask_keyframe: Option<AskKeyframe>,
}

/// What a broadcaster learns about a stream that it registered.
pub(crate) struct Registered {
    pub(crate) stream: SharedStream,
    /// The segment wanted next.
    pub(crate) next_segment: u64,
    /// Viewers of the stream on this node.
    pub(crate) viewers: u32,
    /// When the broadcaster's grant expires, seconds since the Unix epoch.
    pub(crate) grant_expires_s: u64,
}

/// Bytes as a recorder emitted them.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) stream: StreamId,
    /// The registered take if left out.
    pub(crate) take: Option<u64>,
    /// Its number in the take; counted on arrival if left out.
    pub(crate) seq: Option<u64>,
    pub(crate) data: Bytes,
    /// When its newest frame was captured, on the server's clock.
    pub(crate) captured_at_ms: Option<i64>,
    /// When its last byte was there, by the node's [`Clock::elapsed_us`](crate::clock::Clock::elapsed_us).
    pub(crate) arrived_us: i64,
}

/// What a broadcaster learns about a segment that was taken in.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The newest segment the node has.
    pub(crate) have: SegmentName,
    /// A state from which another node continues, if it is small enough to hand around.
    pub(crate) resume: Option<String>,
    /// What is to be written before it is told, if the stream is recorded here.
    pub(crate) unwritten: Option<Unwritten>,
}

/// What decides that a stream is over whose broadcaster stays away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// This node, which belongs to no cluster.
    ThisNode,
    /// The main server. The node is in contact with it, so a stream that lives elsewhere would have been found there.
    MainServer,
    /// The main server, which cannot be reached: the stream may well continue at another node.
    OutOfReach,
}
