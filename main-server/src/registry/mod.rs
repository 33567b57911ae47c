//! The CDN nodes of the cluster: who they are, how loaded, and until when each may be chosen.
//!
//! A node is chosen while its lease runs; heartbeats renew it. A hostname belongs to one process at a time: a
//! second live one is refused, a restarted one takes over once the old lease has ended. Pure data: `now` is an
//! argument, and who was lost is told to the caller by [`Registry::expire`].

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

pub(crate) use node::Node;

/// How long things last here and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How long a node may be chosen after its last heartbeat.
    pub(crate) lease: Duration,
    /// How long a node without a lease keeps its hostname from older generations.
    pub(crate) forget_after: Duration,
    /// Most nodes known at a time.
    pub(crate) max_nodes: usize,
}

/// Why a node was not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    /// The hostname belongs to a live node, or to a newer generation.
    #[error(
        "hostname {0:?} belongs to another node that is live or newer: choose another name or wait for its lease to end"
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

/// A node was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    /// Its id.
    pub(crate) node_id: NodeId,
    /// The older process of the same hostname whose place it took.
    pub(crate) replaced: Option<NodeId>,
}

/// Every known node.
#[derive(Debug)]
pub(crate) struct Registry {
    settings: Settings,
    /// Part of every id, so that none comes back after a restart of the main server.
    run: u64,
    issued: u64,
    nodes: HashMap<NodeId, Node>,
    by_hostname: HashMap<String, NodeId>,
}

impl Registry {
    /// An empty registry. `run` differs at every start of the main server.
    pub(crate) fn new(settings: Settings, run: u64) -> Self {
        Self { settings, run, issued: 0, nodes: HashMap::new(), by_hostname: HashMap::new() }
    }

    /// Accepts a node and starts its lease, or refuses it.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::HostnameTaken`], [`Error::Full`].
    pub(crate) fn register(&mut self, request: RegisterServer, now: Instant) -> Result<Registration, Error> {
        address::check_hostname(&request.hostname)?;
        let public_url = address::public_url(&request.public_url)?;
        let lease_ends = now + self.settings.lease;
        let known = self.by_hostname.get(&request.hostname).cloned();
        if let Some((node_id, node)) = known.as_ref().and_then(|id| Some((id, self.nodes.get_mut(id)?))) {
            if node.generation == request.generation {
                node.public_url = public_url;
                node.capacity = request.capacity.unwrap_or_default();
                node.renew(lease_ends);
                return Ok(Registration { node_id: node_id.clone(), replaced: None });
            }
            if node.is_live(now) || node.generation > request.generation {
                return Err(Error::HostnameTaken(request.hostname));
            }
        } else if self.nodes.len() >= self.settings.max_nodes {
            return Err(Error::Full(self.settings.max_nodes));
        }
        if let Some(old) = &known {
            self.nodes.remove(old);
        }
        let node_id = self.next_id();
        self.by_hostname.insert(request.hostname.clone(), node_id.clone());
        self.nodes.insert(node_id.clone(), Node::new(request, public_url, lease_ends));
        Ok(Registration { node_id, replaced: known })
    }

    fn next_id(&mut self) -> NodeId {
        self.issued += 1;
        NodeId(format!("{:x}-{}", self.run, self.issued))
    }

    /// Renews a node's lease and takes its load over.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub(crate) fn heartbeat(&mut self, node_id: &NodeId, load: Load, now: Instant) -> Result<&Node, Error> {
        let lease_ends = now + self.settings.lease;
        let node = self.nodes.get_mut(node_id).ok_or_else(|| Error::UnknownNode(node_id.0.clone()))?;
        node.load = load;
        node.renew(lease_ends);
        Ok(node)
    }

    /// Forgets a node that said goodbye.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub(crate) fn remove(&mut self, node_id: &NodeId) -> Result<(), Error> {
        let node = self.nodes.remove(node_id).ok_or_else(|| Error::UnknownNode(node_id.0.clone()))?;
        self.by_hostname.remove(&node.hostname);
        Ok(())
    }

    /// The nodes whose lease ended since the last call. Those that ended long ago are forgotten.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<NodeId> {
        let forget_after = self.settings.forget_after;
        let forgotten = self.nodes.extract_if(|_, node| node.ended_for(now) >= Some(forget_after));
        for (_, node) in forgotten {
            self.by_hostname.remove(&node.hostname);
        }
        let ended = |(id, node): (&NodeId, &mut Node)| node.note_end(now).then(|| id.clone());
        self.nodes.iter_mut().filter_map(ended).collect()
    }

    /// The nodes that may be chosen.
    pub(crate) fn live(&self, now: Instant) -> impl Iterator<Item = (&NodeId, &Node)> {
        self.nodes.iter().filter(move |(_, node)| node.is_live(now))
    }

    /// Every known node by hostname; `streams` tells how many are placed on a hostname.
    pub(crate) fn list(&self, now: Instant, streams: impl Fn(&str) -> u32) -> Vec<NodeInfo> {
        let row = |(id, node): (&NodeId, &Node)| node.info(id, streams(&node.hostname), now);
        let mut rows: Vec<NodeInfo> = self.nodes.iter().map(row).collect();
        rows.sort_unstable_by(|a, b| a.hostname.cmp(&b.hostname));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings =
        Settings { lease: Duration::from_secs(3), forget_after: Duration::from_secs(300), max_nodes: 3 };

    fn registry() -> (Registry, Instant) {
        (Registry::new(SETTINGS, 7), Instant::now())
    }

    fn node(hostname: &str, generation: u64) -> RegisterServer {
        RegisterServer {
            hostname: hostname.into(),
            public_url: format!("https://{hostname}.example"),
            generation,
            capacity: None,
            region: None,
        }
    }

    fn taken(hostname: &str) -> Result<Registration, Error> {
        Err(Error::HostnameTaken(hostname.into()))
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_second_live_node_with_the_same_hostname_is_refused() {
        let (mut registry, now) = registry();
        registry.register(node("a", 1), now).unwrap();
        assert_eq!(registry.register(node("a", 2), now + seconds(2)), taken("a"));
        assert_eq!(registry.register(node("a", 0), now + seconds(2)), taken("a"));
        assert_eq!(registry.live(now).count(), 1);
    }

    #[test]
    fn the_same_process_keeps_its_id_and_brings_its_new_address() {
        let (mut registry, now) = registry();
        let first = registry.register(node("a", 1), now).unwrap();
        let moved = RegisterServer { public_url: "/cdn/a/".into(), ..node("a", 1) };
        assert_eq!(registry.register(moved, now + seconds(1)).unwrap(), first);
        let rows = registry.list(now + seconds(1), |_| 4);
        assert_eq!((rows.len(), rows[0].public_url.as_str(), rows[0].streams), (1, "/cdn/a", 4));
        assert_eq!(rows[0].lease_left_ms, 3000);
    }

    #[test]
    fn a_newer_generation_replaces_the_old_one_after_its_lease() {
        let (mut registry, now) = registry();
        let old = registry.register(node("a", 1), now).unwrap().node_id;
        let new = registry.register(node("a", 2), now + seconds(3)).unwrap();
        assert_eq!(new.replaced.as_ref(), Some(&old));
        assert_ne!(new.node_id, old);
        assert_eq!(
            registry.heartbeat(&old, Load::default(), now + seconds(3)).unwrap_err(),
            Error::UnknownNode(old.0)
        );
        assert!(registry.heartbeat(&new.node_id, Load::default(), now + seconds(3)).is_ok());
    }

    #[test]
    fn an_older_generation_waits_until_the_newer_is_forgotten() {
        let (mut registry, now) = registry();
        registry.register(node("a", 5), now).unwrap();
        let later = now + SETTINGS.lease + SETTINGS.forget_after;
        assert_eq!(registry.register(node("a", 4), later), taken("a"));
        registry.expire(later);
        assert!(registry.register(node("a", 4), later).is_ok());
    }

    #[test]
    fn heartbeats_renew_the_lease_and_silence_ends_it_once() {
        let (mut registry, now) = registry();
        let id = registry.register(node("a", 1), now).unwrap().node_id;
        registry.heartbeat(&id, Load { viewers: 9, ..Load::default() }, now + seconds(2)).unwrap();
        assert_eq!(registry.expire(now + seconds(4)), []);
        assert_eq!(registry.live(now + seconds(4)).count(), 1);
        assert_eq!(registry.live(now + seconds(5)).count(), 0);
        assert_eq!(registry.expire(now + seconds(5)), std::slice::from_ref(&id));
        assert_eq!(registry.expire(now + seconds(6)), []);
        registry.heartbeat(&id, Load::default(), now + seconds(7)).unwrap();
        assert_eq!(registry.live(now + seconds(7)).count(), 1);
        assert_eq!(registry.expire(now + seconds(10)), [id]);
    }

    #[test]
    fn a_node_that_said_goodbye_frees_its_hostname_at_once() {
        let (mut registry, now) = registry();
        let id = registry.register(node("a", 5), now).unwrap().node_id;
        registry.remove(&id).unwrap();
        assert_eq!(registry.remove(&id), Err(Error::UnknownNode(id.0.clone())));
        assert!(registry.register(node("a", 1), now).is_ok());
    }

    #[test]
    fn ids_do_not_come_back_after_a_restart() {
        let now = Instant::now();
        let id = |run| Registry::new(SETTINGS, run).register(node("a", 1), now).unwrap().node_id;
        assert_ne!(id(1), id(2));
    }

    #[test]
    fn no_more_nodes_than_agreed_are_known() {
        let (mut registry, now) = registry();
        for name in ["a", "b", "c"] {
            registry.register(node(name, 1), now).unwrap();
        }
        assert_eq!(registry.register(node("d", 1), now), Err(Error::Full(3)));
        assert!(registry.register(node("c", 1), now).is_ok());
    }
}
