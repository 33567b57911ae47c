//! The CDN nodes of the cluster: who they are, how loaded, and until when each may be chosen.
//!
//! A node is chosen while its lease runs; heartbeats renew it. A hostname belongs to one process at a time: a
//! second live one is refused, another one takes over once the old lease has ended, whatever its clock says. Who is registered is for the
//! store to say ([`Registry::learn`], [`Registry::forget`]); leases are counted here, by this server's own clock. Pure
//! data: `now` is an argument, and who was lost is told to the caller by [`Registry::expire`].

mod address;
mod node;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use protocol::{
    NodeId,
    node::{Load, NodeInfo, RegisterServer},
};
use store::{Expect, Namespace, Revision};

pub(crate) use node::Node;

pub(crate) use crate::nodes::record::Registration;
use crate::streams::catalogue::Heard;

/// The registrations of nodes, by hostname.
pub(crate) const NODES: Namespace = Namespace::new("nodes");

/// How long things last here and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How long a node may be chosen after its last heartbeat.
    pub(crate) lease: Duration,
    /// How long the store keeps a registration that nobody renews.
    pub(crate) forget_after: Duration,
    /// Most nodes known at a time.
    pub(crate) max_nodes: usize,
}

/// Why a node was not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    /// The hostname belongs to a live node.
    #[error(
        "hostname {0:?} belongs to another node that is live: choose another name or wait for its lease to end"
    )]
    HostnameTaken(String),
    /// Not registered, or replaced, or forgotten.
    #[error("no node has the id {0:?}: register again")]
    UnknownNode(String),
    /// A name or address no node can have; says why.
    #[error("{0}")]
    Invalid(&'static str),
    /// [`Settings::max_nodes`] is reached.
    #[error("this main server already knows {0} nodes, as many as it accepts")]
    Full(usize),
}

/// What has to be done so that a node is registered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing: the store has it already.
    Registered(NodeId),
    /// This has to be written; whoever writes first has the hostname.
    Write(Registration, Expect),
}

/// A registration that has to be written again before the store forgets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Renewal {
    /// Whose.
    pub(crate) hostname: String,
    /// What is kept of it.
    pub(crate) registration: Registration,
    /// The write that it comes from.
    pub(crate) revision: Revision,
}

/// Every known node.
#[derive(Debug)]
pub(crate) struct Registry {
    settings: Settings,
    nodes: HashMap<NodeId, Node>,
    by_hostname: HashMap<String, NodeId>,
    renewals: Vec<NodeId>,
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
        Self { settings, nodes: HashMap::new(), by_hostname: HashMap::new(), renewals: Vec::new() }
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
        let known = self.by_hostname.get(&request.hostname);
        let Some((node_id, node)) = known.and_then(|id| Some((id, self.nodes.get(id)?))) else {
            let has_room = self.nodes.len() < self.settings.max_nodes;
            let claim = || Claim::Write(Registration::new(new_id.clone(), request), Expect::Absent);
            return has_room.then(claim).ok_or(Error::Full(self.settings.max_nodes));
        };
        let expect = Expect::Revision(node.revision);
        if node.generation == request.generation {
            let registration = Registration::new(node_id.clone(), request);
            let is_known = registration == node.registration(node_id);
            let written = || Claim::Registered(node_id.clone());
            return Ok(if is_known { written() } else { Claim::Write(registration, expect) });
        }
        // Once the lease has ended any process may have the name: generations come from clocks, and one may be wrong.
        if node.is_live(now) {
            return Err(Error::HostnameTaken(request.hostname.clone()));
        }
        Ok(Claim::Write(Registration::new(new_id.clone(), request), expect))
    }

    /// Takes over what the store has under `hostname`, if that is newer than what is known; a node that is new here gets
    /// a lease. Gives the node whose place it took.
    pub(crate) fn learn(
        &mut self,
        hostname: &str,
        registration: Registration,
        revision: Revision,
        now: Instant,
    ) -> Option<NodeId> {
        let renewal_due = now + self.settings.forget_after / 3;
        let known = self.by_hostname.get(hostname).cloned();
        if let Some(node) = known.as_ref().and_then(|id| self.nodes.get_mut(id)) {
            if revision <= node.revision {
                return None;
            }
            if known.as_ref() == Some(&registration.node_id) {
                node.take_over(registration, revision);
                node.renewal_due = renewal_due;
                return None;
            }
        }
        let replaced = known.inspect(|old| drop(self.nodes.remove(old)));
        let node_id = registration.node_id.clone();
        self.by_hostname.insert(hostname.to_owned(), node_id.clone());
        let lease_ends = now + self.settings.lease;
        self.nodes.insert(node_id, Node::new(hostname, registration, revision, lease_ends, renewal_due));
        replaced
    }

    /// The store has nothing under `hostname` any more, as of `revision`. Gives the node that was there.
    pub(crate) fn forget(&mut self, hostname: &str, revision: Revision) -> Option<NodeId> {
        let node_id = self.by_hostname.get(hostname)?;
        if self.nodes.get(node_id).is_some_and(|node| node.revision > revision) {
            return None;
        }
        let node_id = self.by_hostname.remove(hostname)?;
        self.nodes.remove(&node_id);
        Some(node_id)
    }

    /// From which write what is known under `hostname` comes.
    pub(crate) fn revision(&self, hostname: &str) -> Option<Revision> {
        self.by_hostname.get(hostname).and_then(|id| self.nodes.get(id)).map(|node| node.revision)
    }

    /// Everything that is known, and from which write.
    pub(crate) fn known(&self) -> HashMap<String, Revision> {
        self.nodes.values().map(|node| (node.hostname.clone(), node.revision)).collect()
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
        heard: Heard,
        now: Instant,
    ) -> Result<&Node, Error> {
        let Settings { lease, forget_after, .. } = self.settings;
        let node = self.nodes.get_mut(node_id).ok_or_else(|| Error::UnknownNode(node_id.0.clone()))?;
        node.hear(load, heard, now + lease);
        if heard == Heard::Directly && node.renewal_due <= now {
            node.renewal_due = now + forget_after / 3;
            self.renewals.push(node_id.clone());
        }
        Ok(node)
    }

    /// Whether what others say of a node is news: not if its own heartbeat came here just before.
    pub(crate) fn is_news(&self, node_id: &NodeId, now: Instant) -> bool {
        self.nodes.get(node_id).is_some_and(|node| !node.was_just_heard(now + self.settings.lease * 2 / 3))
    }

    /// Ends the lease of a node that said goodbye.
    pub(crate) fn end_lease(&mut self, node_id: &NodeId, now: Instant) {
        if let Some(node) = self.nodes.get_mut(node_id) {
            node.end_lease(now);
        }
    }

    /// Whether anything waits for [`Self::take_renewals`].
    pub(crate) fn has_renewals(&self) -> bool {
        !self.renewals.is_empty()
    }

    /// The registrations that have to be written again now.
    pub(crate) fn take_renewals(&mut self) -> Vec<Renewal> {
        let renewal = |node_id: NodeId| {
            let node = self.nodes.get(&node_id)?;
            let registration = node.registration(&node_id);
            Some(Renewal { hostname: node.hostname.clone(), registration, revision: node.revision })
        };
        std::mem::take(&mut self.renewals).into_iter().filter_map(renewal).collect()
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

    /// The nodes that may be chosen.
    pub(crate) fn live(&self, now: Instant) -> impl Iterator<Item = (&NodeId, &Node)> {
        self.nodes.iter().filter(move |(_, node)| node.is_live(now))
    }

    /// Every known node by hostname; `streams` tells how many are placed on a hostname, and how many of them wait.
    pub(crate) fn list(&self, now: Instant, streams: impl Fn(&str) -> (u32, u32)) -> Vec<NodeInfo> {
        let row = |(id, node): (&NodeId, &Node)| node.info(id, streams(&node.hostname), now);
        let mut rows: Vec<NodeInfo> = self.nodes.iter().map(row).collect();
        rows.sort_unstable_by(|a, b| a.hostname.cmp(&b.hostname));
        rows
    }
}

#[cfg(test)]
mod tests;
