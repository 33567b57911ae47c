//! The CDN nodes of the cluster: identity, load, and lease.
//!
//! A node is chosen while its lease runs; heartbeats renew it. A hostname belongs to one process at a time: a
//! second live one is refused; another one takes over once the old lease has ended, whatever its clock says. The store says
//! which nodes are registered ([`Registry::records`]); leases are counted here, by this server's own clock. Pure
//! data: `now` is an argument, and [`Registry::expire`] returns the nodes that were lost.

mod address;
mod error;
mod node;
pub(crate) mod record;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use placement::{
    Fleet,
    rendezvous::{self, Candidate},
};
use protocol::{
    NodeId,
    node::{Heartbeat, Load, NodeInfo, RegisterServer},
};
use store::Replica;

pub(crate) use error::Error;
pub(crate) use node::Node;

use self::record::Registration;
use super::heartbeat::Received;

/// How long things last here and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How long a node may be chosen after its last heartbeat.
    pub(crate) lease: Duration,
    /// How long the store keeps a registration that is not renewed.
    pub(crate) forget_after: Duration,
    /// Most nodes known at a time.
    pub(crate) max_nodes: usize,
}

/// What has to be done so that a node is registered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing: the store has it already.
    Registered(NodeId),
    /// This has to be written; the first writer has the hostname.
    Add(Registration),
    /// `by` has to be written in the place of `known`, if the store still has that.
    Replace {
        /// What the store has, as far as is known.
        known: Registration,
        /// What it is to have.
        by: Registration,
    },
}

/// A hostname that belongs to another process than before, or to none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Handover {
    /// Which.
    pub(crate) hostname: String,
    /// The node it belonged to.
    pub(crate) from: Option<NodeId>,
    /// The node it belongs to.
    pub(crate) to: Option<NodeId>,
}

/// Every known node.
#[derive(Debug)]
pub(crate) struct Registry {
    settings: Settings,
    /// The store's part, by hostname.
    records: Replica<Registration>,
    nodes: HashMap<NodeId, Node>,
}

/// Checks what a node says of itself, and gives it back with its URLs in the form they are kept in.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn checked(mut request: RegisterServer) -> Result<RegisterServer, Error> {
    address::check_hostname(&request.hostname)?;
    request.public_url = address::public_url(&request.public_url)?;
    request.peer_url = request.peer_url.map(|text| address::peer_url(&text)).transpose()?;
    if let Some(region) = &request.region {
        address::check_region(region)?;
    }
    Ok(request)
}

impl Registry {
    /// An empty registry.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, records: Replica::default(), nodes: HashMap::new() }
    }

    /// What has to be written so that the node of `request`, which is [`checked`], is registered; `new_id` is its id if it
    /// is new. What the store has under its hostname is known here already.
    ///
    /// # Errors
    /// [`Error::HostnameTaken`], [`Error::Full`].
    pub(crate) fn claim(
        &self,
        request: &RegisterServer,
        new_id: &NodeId,
        now: Instant,
    ) -> Result<Claim, Error> {
        let Some(known) = self.records.get(&request.hostname) else {
            let has_room = self.nodes.len() < self.settings.max_nodes;
            let claim = || Claim::Add(Registration::new(new_id.clone(), request));
            return has_room.then(claim).ok_or(Error::Full(self.settings.max_nodes));
        };
        let replace = |by| Claim::Replace { known: known.clone(), by };
        if known.generation == request.generation {
            let registration = Registration::new(known.node_id.clone(), request);
            let is_known = registration == *known;
            let registered = || Claim::Registered(known.node_id.clone());
            return Ok(if is_known { registered() } else { replace(registration) });
        }
        // Once the lease has ended any process may have the name: generations come from clocks, and one may be wrong.
        if self.nodes.get(&known.node_id).is_some_and(|node| node.is_live(now)) {
            return Err(Error::HostnameTaken(request.hostname.clone()));
        }
        Ok(replace(Registration::new(new_id.clone(), request)))
    }

    /// The table of registrations. Call [`Self::apply_changes`] after changing it.
    pub(crate) fn records(&mut self) -> &mut Replica<Registration> {
        &mut self.records
    }

    /// Brings the nodes in line with the table; a node that is new here gets a lease. Gives the hostnames whose node may be
    /// another one, or says something else of itself.
    pub(crate) fn apply_changes(&mut self, now: Instant) -> Vec<Handover> {
        let mut handovers = Vec::new();
        for change in self.records.take_changes() {
            let before = change.before.map(|before| before.node_id);
            let after = change.after.as_ref().map(|after| after.node_id.clone());
            let from = before.filter(|before| after.as_ref() != Some(before));
            if let Some(from) = &from {
                self.nodes.remove(from);
            }
            if let Some(registration) = change.after {
                self.add(&change.key, registration, now);
            }
            handovers.push(Handover { hostname: change.key, from, to: after });
        }
        handovers
    }

    fn add(&mut self, hostname: &str, registration: Registration, now: Instant) {
        let renewal_due = now + self.settings.forget_after / 3;
        let lease_ends = now + self.settings.lease;
        match self.nodes.get_mut(&registration.node_id) {
            Some(node) => node.registration = registration,
            None => {
                let node_id = registration.node_id.clone();
                self.nodes.insert(node_id, Node::new(hostname, registration, lease_ends, renewal_due));
            }
        }
    }

    /// Lets a node be chosen, if its lease runs.
    pub(crate) fn join(&self, node_id: &NodeId, fleet: &mut Fleet, now: Instant) {
        if let Some(node) = self.nodes.get(node_id).filter(|node| node.is_live(now)) {
            fleet.join(&node.spec());
        }
    }

    /// A node that is registered, live or not.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub(crate) fn get(&self, node_id: &NodeId) -> Result<&Node, Error> {
        self.nodes.get(node_id).ok_or_else(|| Error::UnknownNode(node_id.0.clone()))
    }

    /// A node whose process registered once more is alive.
    pub(crate) fn renew(&mut self, node_id: &NodeId, now: Instant) {
        if let Some(node) = self.nodes.get_mut(node_id) {
            node.renew(now + self.settings.lease);
        }
    }

    /// Renews a node's lease and takes its load over.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub(crate) fn heartbeat(
        &mut self,
        node_id: &NodeId,
        load: Load,
        received: Received,
        now: Instant,
    ) -> Result<&Node, Error> {
        let Settings { lease, forget_after, .. } = self.settings;
        let node = self.nodes.get_mut(node_id).ok_or_else(|| Error::UnknownNode(node_id.0.clone()))?;
        node.hear(load, received, now + lease);
        if received == Received::Directly && node.renewal_due <= now {
            node.renewal_due = now + forget_after / 3;
            self.records.renew(&node.hostname);
        }
        Ok(node)
    }

    /// Takes over what a node's heartbeat says beside load and streams.
    pub(crate) fn note(&mut self, node_id: &NodeId, heartbeat: &Heartbeat) {
        if let Some(node) = self.nodes.get_mut(node_id) {
            node.note(heartbeat);
        }
    }

    /// Hostnames of the live nodes that do not have the grant key `kid`.
    pub(crate) fn lacking_grant_key(&self, kid: &str, now: Instant) -> Vec<String> {
        let lacking = self.live(now).filter(|(_, node)| !node.has_grant_key(kid));
        let mut hostnames: Vec<String> = lacking.map(|(_, node)| node.hostname.clone()).collect();
        hostnames.sort_unstable();
        hostnames
    }

    /// Whether every live node accepts grants that name the cluster.
    pub(crate) fn all_read_cluster_ids(&self, now: Instant) -> bool {
        self.live(now).all(|(_, node)| node.reads_cluster_ids())
    }

    /// Whether a forwarded report of a node is news: not if its own heartbeat has just arrived here.
    pub(crate) fn is_news(&self, node_id: &NodeId, now: Instant) -> bool {
        self.nodes.get(node_id).is_some_and(|node| !node.was_just_heard(now + self.settings.lease * 2 / 3))
    }

    /// Ends the lease of a node that said goodbye.
    pub(crate) fn end_lease(&mut self, node_id: &NodeId, now: Instant) {
        if let Some(node) = self.nodes.get_mut(node_id) {
            node.end_lease(now);
        }
    }

    /// The nodes whose lease ended since the last call.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<NodeId> {
        let ended = |(id, node): (&NodeId, &mut Node)| node.note_end(now).then(|| id.clone());
        self.nodes.iter_mut().filter_map(ended).collect()
    }

    /// Keeps the leases of nodes that only other main servers hear, as long as those cannot be heard.
    pub(crate) fn hold_for_others(&mut self, now: Instant) {
        self.renew_where(Node::is_heard_by_others, now);
    }

    /// Gives every lease that was not given up a fresh term: what is known here is old.
    pub(crate) fn renew_leases(&mut self, now: Instant) {
        self.renew_where(|_| true, now);
    }

    fn renew_where(&mut self, wanted: impl Fn(&Node) -> bool, now: Instant) {
        let lease_ends = now + self.settings.lease;
        for node in self.nodes.values_mut().filter(|node| node.is_kept() && wanted(node)) {
            node.renew(lease_ends);
        }
    }

    /// The live nodes that serve items of the library.
    pub(crate) fn library_nodes(&self, now: Instant) -> Vec<Candidate> {
        let serving = self.live(now).filter(|(_, node)| node.serves_library);
        let candidate = |(_, node): (&NodeId, &Node)| {
            let spec = node.spec();
            Candidate {
                hostname: spec.hostname.to_owned(),
                public_url: spec.public_url.to_owned(),
                is_full: rendezvous::is_full(&spec.capacity, &node.load),
            }
        };
        serving.map(candidate).collect()
    }

    /// The nodes that may be chosen.
    pub(crate) fn live(&self, now: Instant) -> impl Iterator<Item = (&NodeId, &Node)> {
        self.nodes.iter().filter(move |(_, node)| node.is_live(now))
    }

    /// Every known node by hostname; `streams` gives the number of streams on a hostname, and how many of them wait.
    pub(crate) fn list(&self, now: Instant, streams: impl Fn(&str) -> (u32, u32)) -> Vec<NodeInfo> {
        let row = |(id, node): (&NodeId, &Node)| node.info(id, streams(&node.hostname), now);
        let mut rows: Vec<NodeInfo> = self.nodes.iter().map(row).collect();
        rows.sort_unstable_by(|a, b| a.hostname.cmp(&b.hostname));
        rows
    }
}

#[cfg(test)]
mod tests;
