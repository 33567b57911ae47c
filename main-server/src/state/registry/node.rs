//! One node as the registry knows it.

use std::time::{Duration, Instant};

use placement::NodeSpec;
use protocol::{
    NodeId,
    node::{Heartbeat, Load, NodeInfo},
};

use super::record::Registration;
use crate::state::heartbeat::Received;

/// Most grant keys of a node that are remembered; a cluster has two or three.
const MOST_GRANT_KEYS: usize = 16;

/// A registered node.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its name, unique.
    pub(crate) hostname: String,
    /// What the store has of it.
    pub(super) registration: Registration,
    /// As of its last heartbeat.
    pub(crate) load: Load,
    /// When its registration has to be written again, before the store forgets it.
    pub(super) renewal_due: Instant,
    /// Ids of the grant keys that it has; none before its first heartbeat, and of a node of an older version.
    grant_keys: Option<Vec<String>>,
    /// How far its machine's clock is ahead of the main server's.
    clock_offset_ms: Option<i64>,
    /// Whether it serves items of the library, as of its last heartbeat.
    pub(crate) serves_library: bool,
    received: Received,
    /// Whether a main server has heard a heartbeat of it since this one started.
    is_heard: bool,
    lease_ends: Instant,
    /// Whether the end of the present lease was reported.
    end_noted: bool,
}

impl Node {
    pub(super) fn new(
        hostname: &str,
        registration: Registration,
        lease_ends: Instant,
        renewal_due: Instant,
    ) -> Self {
        Self {
            hostname: hostname.to_owned(),
            registration,
            load: Load::default(),
            renewal_due,
            grant_keys: None,
            clock_offset_ms: None,
            serves_library: false,
            received: Received::Forwarded,
            is_heard: false,
            lease_ends,
            end_noted: false,
        }
    }

    /// What placement has to know of it.
    pub(crate) fn spec(&self) -> NodeSpec<'_> {
        NodeSpec {
            hostname: &self.hostname,
            public_url: &self.registration.public_url,
            peer_url: self.registration.peer_url.as_deref(),
            capacity: self.registration.capacity,
            region: self.registration.region.as_deref(),
        }
    }

    pub(super) fn renew(&mut self, lease_ends: Instant) {
        self.lease_ends = lease_ends;
        self.end_noted = false;
    }

    pub(super) fn hear(&mut self, load: Load, received: Received, lease_ends: Instant) {
        self.load = load;
        self.received = received;
        self.is_heard = true;
        self.renew(lease_ends);
    }

    /// Takes over what a heartbeat says beside load and streams.
    pub(super) fn note(&mut self, heartbeat: &Heartbeat) {
        self.clock_offset_ms = heartbeat.clock_offset_ms;
        self.serves_library = heartbeat.serves_library;
        self.grant_keys =
            heartbeat.grant_keys.as_ref().map(|kids| kids.iter().take(MOST_GRANT_KEYS).cloned().collect());
    }

    /// Whether it has the grant key `kid`, as far as is known.
    pub(super) fn has_grant_key(&self, kid: &str) -> bool {
        self.grant_keys.as_ref().is_some_and(|kids| kids.iter().any(|known| known == kid))
    }

    /// Whether it accepts grants that name the cluster.
    pub(super) fn reads_cluster_ids(&self) -> bool {
        self.grant_keys.is_some()
    }

    /// Whether its heartbeat arrived at this server, so lately that its lease runs until after `until`.
    pub(super) fn was_just_heard(&self, until: Instant) -> bool {
        self.received == Received::Directly && self.lease_ends > until
    }

    /// Whether its heartbeats come by way of other main servers.
    pub(super) fn is_heard_by_others(&self) -> bool {
        self.received == Received::Forwarded
    }

    /// Whether its lease has not been given up.
    pub(super) fn is_kept(&self) -> bool {
        !self.end_noted
    }

    /// Ends its lease, as if it were reported already.
    pub(super) fn end_lease(&mut self, now: Instant) {
        self.lease_ends = now;
        self.end_noted = true;
    }

    /// Whether its heartbeat has arrived here or at another main server since this one started. Until then it may be dead, although the
    /// store has it.
    pub(crate) fn is_heard(&self) -> bool {
        self.is_heard
    }

    /// Whether its lease runs.
    pub(crate) fn is_live(&self, now: Instant) -> bool {
        now < self.lease_ends
    }

    /// Whether its lease has ended since the last call.
    pub(super) fn note_end(&mut self, now: Instant) -> bool {
        !self.is_live(now) && !std::mem::replace(&mut self.end_noted, true)
    }

    pub(super) fn info(&self, node_id: &NodeId, (streams, waiting): (u32, u32), now: Instant) -> NodeInfo {
        let left: Duration = self.lease_ends.saturating_duration_since(now);
        let registration = self.registration.clone();
        NodeInfo {
            node_id: node_id.clone(),
            hostname: self.hostname.clone(),
            public_url: registration.public_url,
            peer_url: registration.peer_url,
            generation: registration.generation,
            streams,
            waiting,
            capacity: registration.capacity,
            region: registration.region,
            load: self.load,
            lease_left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            clock_offset_ms: self.clock_offset_ms,
        }
    }
}
