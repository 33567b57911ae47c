//! A simulated node: its true load, whatever the main server believes.

use std::collections::BTreeMap;

/// A stream on a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Carried {
    /// Viewers here.
    pub(super) viewers: u32,
    /// The node it comes from; none on the origin, and on an edge that lost its source.
    pub(super) source: Option<u32>,
    /// Whether the broadcaster is here.
    pub(super) is_origin: bool,
    /// Nodes that pull it from here.
    pub(super) relays: Vec<u32>,
}

impl Carried {
    /// Whether an edge no longer needs the stream.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_origin && self.viewers == 0 && self.relays.is_empty()
    }
}

/// The state of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Number of the process: events for an earlier one are ignored.
    pub(super) life: u32,
    pub(super) alive: bool,
    /// Bytes per second it may send.
    pub(super) limit: u64,
    /// By stream.
    pub(super) carries: BTreeMap<u32, Carried>,
    /// All viewers here.
    pub(super) viewers: Vec<u32>,
    /// Bytes per second it sends now.
    pub(super) rate: u64,
    sent: u128,
    counted_to_us: u64,
    reported_us: u64,
    /// Whether it will report before the next heartbeat.
    pub(super) has_news: bool,
}

impl Node {
    /// A node that was never started.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(super) fn start(&mut self, now_us: u64) {
        *self = Self {
            life: self.life + 1,
            alive: true,
            limit: self.limit,
            counted_to_us: now_us,
            reported_us: now_us,
            ..Self::default()
        };
    }

    /// Changes its egress by `by` bytes per second.
    pub(super) fn change_rate(&mut self, by: i64, now_us: u64) {
        self.count(now_us);
        self.rate = self.rate.saturating_add_signed(by);
    }

    fn count(&mut self, now_us: u64) {
        self.sent += u128::from(self.rate) * u128::from(now_us - self.counted_to_us);
        self.counted_to_us = now_us;
    }

    /// Bytes per second, averaged since the last report.
    pub(super) fn report_rate(&mut self, now_us: u64) -> u64 {
        self.count(now_us);
        self.has_news = false;
        let interval_us = now_us - std::mem::replace(&mut self.reported_us, now_us);
        let average = std::mem::take(&mut self.sent) / u128::from(interval_us.max(1));
        u64::try_from(average).unwrap_or(u64::MAX)
    }

    /// Whether it accepts `rate` more bytes per second; for moved sessions the limit is a tenth higher.
    pub(super) fn admits(&self, rate: u64, moves: bool) -> bool {
        let limit = if moves { self.limit + self.limit / 10 } else { self.limit };
        self.alive && self.rate + rate <= limit
    }

    pub(super) fn share(&self) -> f64 {
        self.rate as f64 / self.limit as f64
    }
}
