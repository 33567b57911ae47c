//! What a pump knows of a viewer, and what one of its rounds has for all viewers.

use std::sync::Arc;

use protocol::{Formats, event::StreamStateChanged};

use super::{
    audience::AudienceMember,
    encoded::{Kind, Piece, Round},
    flow::{Flow, Traces},
    shard::{Joining, ShardSlot},
};
use crate::{
    clock::Now,
    hub::{Closed, Cursor},
};

/// A viewer that a pump serves.
pub(super) struct Viewer<V> {
    pub(super) connection: V,
    /// See [`Applicant::is_asked`](super::Applicant::is_asked).
    pub(super) is_asked: bool,
    pub(super) cursor: Cursor,
    pub(super) formats: Option<Formats>,
    pub(super) flow: Arc<Flow>,
    /// How far it may be behind before it skips.
    pub(super) allowed_lag_ms: u64,
    /// The state it was sent, and the announcement that this was or came after.
    pub(super) state_sent: Option<(StreamStateChanged, u64)>,
    /// The path it was sent, if it is a relay.
    pub(super) path_sent: Option<Arc<[String]>>,
    /// Since when it has no room, in node time, and what its connection had taken then.
    pub(super) stalled: Option<(u64, usize)>,
    /// How many of the closing packets its connection took.
    pub(super) closing_sent: usize,
    pub(super) member: Arc<AudienceMember>,
    pub(super) _slot: ShardSlot<V>,
}

/// Where a round left a viewer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    AtLiveEdge,
    Behind,
    Gone,
}

/// What a round has for all viewers.
pub(super) struct RoundUpdate<P> {
    pub(super) now: Now,
    pub(super) state: StreamStateChanged,
    /// Made for the first viewer that needs it.
    pub(super) state_packet: Option<P>,
    pub(super) path: Option<Arc<[String]>>,
    /// Whether the stream has only viewers that were asked.
    pub(super) asked_only: bool,
    /// Why the stream is closed.
    pub(super) closed: Option<Closed>,
    /// Made when the first viewer has everything of a closed stream.
    pub(super) closing_packets: Option<Vec<P>>,
    pub(super) round: Round<P>,
    /// The segments of the news, if they are traced.
    pub(super) traces: Option<Traces>,
    pub(super) sent: Sent,
}

/// What a round gave to connections, counted once at its end.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) bytes: u64,
    pub(super) chunks: u64,
    pub(super) skips: u64,
}

impl Sent {
    pub(super) fn count<P>(&mut self, piece: &Piece<P>) {
        self.bytes += piece.bytes as u64;
        match piece.kind {
            Kind::Init => {}
            Kind::Chunk(_) => self.chunks += 1,
            Kind::Skip => self.skips += 1,
        }
    }
}

impl<V> Viewer<V> {
    /// If it is a relay whose connection took all that it was given, tells how far it is in `round`. Such a connection has one payload at a
    /// time, and wakes the pump once it took that.
    pub(super) fn report<P>(&self, round: &Round<P>) {
        let Some(relaying) = self.member.relaying() else { return };
        if let Some(end) = self.cursor.position()
            && self.flow.has_taken_all()
        {
            relaying.wrote(end, round.has_been_seen(&self.cursor));
        }
    }
}

impl<V> From<Joining<V>> for Viewer<V> {
    fn from(joining: Joining<V>) -> Self {
        let Joining { viewer: connection, is_asked, cursor, formats, flow, member, slot } = joining;
        Self {
            connection,
            is_asked,
            cursor,
            formats,
            flow,
            allowed_lag_ms: u64::MAX,
            state_sent: None,
            path_sent: None,
            stalled: None,
            closing_sent: 0,
            member,
            _slot: slot,
        }
    }
}
