//! One node that carries a stream, or is about to: how it gets the stream, and which relays it feeds.

use std::time::Instant;

use crate::load::ASSIGNMENT_LIFETIME;

/// What a node has of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carriage {
    /// A viewer was sent there, so it is about to pull the stream.
    Coming(Coming),
    /// The last seconds, waiting for the broadcaster.
    Interrupted,
    /// The stream, live.
    Live,
}

/// What was decided for an edge when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coming {
    /// When that was.
    pub(crate) since: Instant,
    /// The slot of the node it is to pull from.
    pub(crate) source: u32,
    /// Its hops from the origin.
    pub(crate) depth: usize,
}

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Carrier {
    pub(crate) carriage: Carriage,
    /// Hostnames it gets the stream through, the origin first; empty on the origin.
    pub(crate) path: Vec<String>,
    /// Nodes that pull from it, as reported.
    reported: u32,
    /// Nodes that were sent to pull from it since, and when the last one was.
    assigned: (u32, Option<Instant>),
    /// More relays that room is kept for, and since when.
    kept: (u32, Option<Instant>),
}

impl Carrier {
    pub(crate) fn new(carriage: Carriage) -> Self {
        Self { carriage, path: Vec::new(), reported: 0, assigned: (0, None), kept: (0, None) }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.carriage == Carriage::Live
    }

    pub(crate) fn is_coming(&self) -> bool {
        matches!(self.carriage, Carriage::Coming(_))
    }

    /// Whether viewers may be sent there.
    pub(crate) fn serves(&self) -> bool {
        self.carriage != Carriage::Interrupted
    }

    /// Relays it feeds or is about to.
    pub(crate) fn relays(&self) -> u32 {
        self.reported.saturating_add(self.assigned.0)
    }

    /// Hops from the origin.
    pub(crate) fn depth(&self) -> usize {
        match self.carriage {
            Carriage::Coming(coming) => coming.depth,
            Carriage::Interrupted | Carriage::Live => self.path.len(),
        }
    }

    /// More relays that room is kept for.
    pub(crate) fn kept(&self) -> u32 {
        self.kept.0
    }

    pub(crate) fn keep(&mut self, relays: u32, now: Instant) {
        self.kept = (relays, Some(now));
    }

    pub(crate) fn report(&mut self, carriage: Carriage, path: &[String], relays: u32, now: Instant) {
        self.carriage = carriage;
        // Relays that were sent here and have arrived are in the report.
        let arrived = relays.saturating_sub(self.reported);
        self.assigned.0 = self.assigned.0.saturating_sub(arrived);
        self.reported = relays;
        if self.path != path {
            self.path = path.to_vec();
        }
        for expected in [&mut self.assigned, &mut self.kept] {
            if expected.1.is_some_and(|since| now.saturating_duration_since(since) >= ASSIGNMENT_LIFETIME) {
                *expected = (0, None);
            }
        }
    }

    /// Counts a relay that is sent to it. Says whether room was kept for it.
    pub(crate) fn assign_relay(&mut self, now: Instant) -> bool {
        self.assigned = (self.assigned.0.saturating_add(1), Some(now));
        let was_kept = self.kept.0 > 0;
        self.kept.0 = self.kept.0.saturating_sub(1);
        was_kept
    }

    /// Whether the node may still be about to pull the stream, though it does not report it.
    pub(crate) fn may_still_come(&self, now: Instant) -> bool {
        matches!(self.carriage, Carriage::Coming(coming) if now.saturating_duration_since(coming.since) < ASSIGNMENT_LIFETIME)
    }
}
