//! One stream as placement sees it: where it belongs, which nodes carry it, and what it costs to serve.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::StreamId;

use crate::{capacity::Demand, carriers::Carriers};

/// Bytes per second a viewer is assumed to take until a node reports it: 2.4 Mbit/s.
const UNKNOWN_BYTES_PER_VIEWER: u64 = 300_000;
/// Edges opened so close together are one rush.
const RUSH: Duration = Duration::from_secs(1);

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    /// The hostname it belongs on, registered or not.
    pub(crate) placed_on: Option<Arc<str>>,
    /// Whether media has arrived for it.
    pub(crate) started: bool,
    pub(crate) carriers: Carriers,
    /// When the last edge was opened.
    opened: Option<Instant>,
    /// Grows with each viewer placed, so that standbys differ from viewer to viewer.
    pub(crate) turn: u32,
    /// The hostname that becomes an edge should the carriers be lost: the same for all viewers, so that it is one relay.
    pub(crate) reserve: Option<Arc<str>>,
    bytes_per_viewer: Option<u64>,
}

impl Stream {
    pub(crate) fn new(id: StreamId) -> Self {
        Self {
            id,
            placed_on: None,
            started: false,
            carriers: Carriers::default(),
            opened: None,
            turn: 0,
            reserve: None,
            bytes_per_viewer: None,
        }
    }

    /// Bytes per second one more viewer is expected to take.
    pub(crate) fn bytes_per_viewer(&self) -> u64 {
        self.bytes_per_viewer.unwrap_or(UNKNOWN_BYTES_PER_VIEWER)
    }

    /// What one more relay of it needs.
    pub(crate) fn relay(&self) -> Demand {
        Demand::relay(self.bytes_per_viewer())
    }

    /// Learns from one carrier what a viewer takes. A report of 0 is ignored. Each report moves the expectation by a quarter.
    pub(crate) fn learn(&mut self, bytes_per_s: u64) {
        if bytes_per_s > 0 {
            let known = self.bytes_per_viewer.unwrap_or(bytes_per_s);
            self.bytes_per_viewer = Some(known.saturating_mul(3).saturating_add(bytes_per_s) / 4);
        }
    }

    /// Notes that an edge is opened. Says whether another one was a moment ago.
    pub(crate) fn open_edge(&mut self, now: Instant) -> bool {
        let before = self.opened.replace(now);
        before.is_some_and(|before| now.saturating_duration_since(before) < RUSH)
    }

    /// Whether nothing is known of it any more.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.placed_on.is_none() && self.carriers.is_empty()
    }
}
