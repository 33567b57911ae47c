//! One stream as placement sees it: where it belongs, who carries it, and what it costs to serve.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{load::SETTLE, order::Place};

/// Bytes per second a viewer is believed to take until a node's reports tell: 2.4 Mbit/s.
const UNKNOWN_BYTES_PER_VIEWER: u64 = 300_000;
/// Edges opened so close together are one rush.
const RUSH: Duration = Duration::from_secs(1);
/// A node that was made an edge counts as a carrier for so many [`SETTLE`]s without reporting the stream.
const COMING: u32 = 1;

/// How a node has to do with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carriage {
    /// A viewer was sent there, so it is about to pull the stream.
    Coming(Coming),
    /// It has the stream's last seconds and waits for the broadcaster.
    Interrupted,
    /// It has it live.
    Live,
}

/// What was settled for an edge when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coming {
    /// When that was.
    pub(super) since: Instant,
    /// The slot of the node it is to pull from.
    pub(super) source: u32,
    /// Hops from the origin there.
    pub(super) depth: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Carrier {
    pub(super) carriage: Carriage,
    /// Hostnames it gets the stream through, the origin first; empty on the origin.
    pub(super) path: Vec<String>,
    /// Nodes that pull from it, as reported.
    relays: u32,
    /// Nodes that were sent to pull from it since, and when the last one was.
    relays_coming: (u32, Option<Instant>),
    /// More relays that room is kept for, and since when.
    held: (u32, Option<Instant>),
}

impl Carrier {
    pub(super) fn new(carriage: Carriage) -> Self {
        Self { carriage, path: Vec::new(), relays: 0, relays_coming: (0, None), held: (0, None) }
    }

    pub(super) fn is_live(&self) -> bool {
        self.carriage == Carriage::Live
    }

    pub(super) fn is_coming(&self) -> bool {
        matches!(self.carriage, Carriage::Coming(_))
    }

    /// Relays it has or is about to have.
    pub(super) fn relays(&self) -> u32 {
        self.relays.saturating_add(self.relays_coming.0)
    }

    /// Hops from the origin.
    pub(super) fn depth(&self) -> usize {
        match self.carriage {
            Carriage::Coming(coming) => coming.depth,
            Carriage::Interrupted | Carriage::Live => self.path.len(),
        }
    }

    /// More relays that room is kept for on it.
    pub(super) fn held(&self) -> u32 {
        self.held.0
    }

    pub(super) fn hold(&mut self, relays: u32, now: Instant) {
        self.held = (relays, Some(now));
    }

    pub(super) fn report(&mut self, carriage: Carriage, path: &[String], relays: u32, now: Instant) {
        self.carriage = carriage;
        // Those that were sent here and have come are in the report.
        let come = relays.saturating_sub(self.relays);
        self.relays_coming.0 = self.relays_coming.0.saturating_sub(come);
        self.relays = relays;
        if self.path != path {
            self.path = path.to_vec();
        }
        if self.relays_coming.1.is_some_and(|last| now.saturating_duration_since(last) >= SETTLE) {
            self.relays_coming = (0, None);
        }
        if self.held.1.is_some_and(|since| now.saturating_duration_since(since) >= SETTLE) {
            self.held = (0, None);
        }
    }

    /// Counts a relay that is sent to it. Says whether room was kept for it.
    pub(super) fn expect_relay(&mut self, now: Instant) -> bool {
        self.relays_coming = (self.relays_coming.0.saturating_add(1), Some(now));
        let was_held = self.held.0 > 0;
        self.held.0 = self.held.0.saturating_sub(1);
        was_held
    }

    /// Whether it is still to be believed that the stream comes, though the node does not report it.
    pub(super) fn may_still_come(&self, now: Instant) -> bool {
        matches!(self.carriage, Carriage::Coming(coming) if now.saturating_duration_since(coming.since) < SETTLE * COMING)
    }
}

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    /// The hostname it belongs on, registered or not.
    pub(super) placed_on: Option<Arc<str>>,
    /// Whether media has arrived for it.
    pub(super) started: bool,
    /// By slot.
    pub(super) carriers: BTreeMap<u32, Carrier>,
    /// Those that have it live or are about to, in the order of load.
    pub(super) ready: BTreeSet<Place>,
    /// The slots of those among them that others may pull from, as far as their depth goes.
    pub(super) shallow: BTreeSet<u32>,
    /// When the last edge was opened.
    opened: Option<Instant>,
    /// Grows with each viewer placed, so that standbys differ from viewer to viewer.
    pub(super) turn: u32,
    /// The hostname that becomes an edge should the carriers be lost: the same for all viewers, so that it is one relay.
    pub(super) reserve: Option<Arc<str>>,
    bytes_per_viewer: Option<u64>,
}

impl Stream {
    /// Bytes per second one more viewer is expected to take.
    pub(super) fn bytes_per_viewer(&self) -> u64 {
        self.bytes_per_viewer.unwrap_or(UNKNOWN_BYTES_PER_VIEWER)
    }

    /// Learns what it takes from one of its carriers; 0 says nothing. Each report moves what is believed by a quarter.
    pub(super) fn learn(&mut self, bytes_per_s: u64) {
        if bytes_per_s > 0 {
            let known = self.bytes_per_viewer.unwrap_or(bytes_per_s);
            self.bytes_per_viewer = Some(known.saturating_mul(3).saturating_add(bytes_per_s) / 4);
        }
    }

    /// Puts a carrier into the orders it belongs to now; `depth` is how deep the tree may be.
    pub(super) fn sort(&mut self, slot: u32, by_load: &Place, depth: usize) {
        let carrier = self.carriers.get(&slot).filter(|carrier| carrier.carriage != Carriage::Interrupted);
        match carrier {
            Some(_) => self.ready.insert(by_load.clone()),
            None => self.ready.remove(by_load),
        };
        match carrier.is_some_and(|carrier| carrier.depth() < depth) {
            true => self.shallow.insert(slot),
            false => self.shallow.remove(&slot),
        };
    }

    /// Notes that an edge is opened. Says whether another one was a moment ago.
    pub(super) fn is_rush(&mut self, now: Instant) -> bool {
        let before = self.opened.replace(now);
        before.is_some_and(|before| now.saturating_duration_since(before) < RUSH)
    }

    pub(super) fn is_live(&self) -> bool {
        self.carriers.values().any(Carrier::is_live)
    }

    /// Whether nothing is known of it any more.
    pub(super) fn is_forgotten(&self) -> bool {
        self.placed_on.is_none() && self.carriers.is_empty()
    }
}
