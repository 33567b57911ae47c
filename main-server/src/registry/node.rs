//! One node as the registry knows it.

use std::time::{Duration, Instant};

use protocol::{
    NodeId,
    node::{Capacity, Load, NodeInfo, RegisterServer},
};

/// A registered node.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its name, unique.
    pub(crate) hostname: String,
    /// Where clients reach it; never ends in a slash.
    pub(crate) public_url: String,
    /// Which start of its process this is.
    pub(crate) generation: u64,
    /// What its operator allows it to take.
    pub(crate) capacity: Capacity,
    /// As of its last heartbeat.
    pub(crate) load: Load,
    lease_ends: Instant,
    /// Whether the end of the present lease was reported.
    end_noted: bool,
}

impl Node {
    pub(super) fn new(request: RegisterServer, public_url: String, lease_ends: Instant) -> Self {
        Self {
            hostname: request.hostname,
            public_url,
            generation: request.generation,
            capacity: request.capacity.unwrap_or_default(),
            load: Load::default(),
            lease_ends,
            end_noted: false,
        }
    }

    pub(super) fn renew(&mut self, lease_ends: Instant) {
        self.lease_ends = lease_ends;
        self.end_noted = false;
    }

    /// Whether its lease runs.
    pub(crate) fn is_live(&self, now: Instant) -> bool {
        now < self.lease_ends
    }

    /// For how long its lease has been over, if it is.
    pub(super) fn ended_for(&self, now: Instant) -> Option<Duration> {
        now.checked_duration_since(self.lease_ends)
    }

    /// Whether its lease has ended and this is the first time anybody asks.
    pub(super) fn note_end(&mut self, now: Instant) -> bool {
        !self.is_live(now) && !std::mem::replace(&mut self.end_noted, true)
    }

    pub(super) fn info(&self, node_id: &NodeId, streams: u32, now: Instant) -> NodeInfo {
        let left = self.lease_ends.saturating_duration_since(now);
        NodeInfo {
            node_id: node_id.clone(),
            hostname: self.hostname.clone(),
            public_url: self.public_url.clone(),
            generation: self.generation,
            streams,
            capacity: self.capacity,
            region: None,
            load: self.load,
            lease_left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
