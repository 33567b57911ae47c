//! The live nodes: by slot, by name, by URL, and in the orders that decisions read.
//!
//! A slot is a small number that a node has while it lives. Ranks by load also stand in one dense list by slot, so that the carriers
//! of a stream are compared without visiting each node.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use protocol::StreamId;

use crate::{
    node::{Node, NodeSpec, Placed},
    order::Order,
    policy::BroadcasterPolicy,
    share,
};

/// A node's place in the order by load: its share, ties by a hash of its name, which is the same at every main server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LoadRank {
    pub(crate) share: u32,
    pub(crate) tie: u32,
}

/// A node's place in the order for broadcasters: two numbers that the policy chooses, then the name.
type BroadcasterRank = (u64, u64, Arc<str>);

/// Where a node stands in all orders.
#[derive(PartialEq, Eq)]
struct Positions {
    by_load: LoadRank,
    for_broadcasters: BroadcasterRank,
    region: Option<Arc<str>>,
}

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct Nodes {
    policy: BroadcasterPolicy,
    slots: Vec<Option<Node>>,
    /// By slot; of free slots it means nothing.
    ranks: Vec<LoadRank>,
    free: BTreeSet<u32>,
    names: HashMap<Arc<str>, u32>,
    /// By public URL.
    urls: HashMap<String, u32>,
    for_broadcasters: Order<BroadcasterRank>,
    by_load: Order<LoadRank>,
    /// The sum of all nodes' shares.
    shares: u64,
}

impl Nodes {
    pub(crate) fn new(policy: BroadcasterPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Adds a node, or takes over what it says of itself now.
    pub(crate) fn join(&mut self, spec: &NodeSpec<'_>, placed: Placed) {
        match self.slot(spec.hostname) {
            Some(slot) if self.node(slot).matches(spec) => {}
            Some(slot) => {
                self.unaddress(slot);
                self.update(slot, |node| {
                    spec.public_url.clone_into(&mut node.public_url);
                    node.peer_url = spec.peer_url.map(str::to_owned);
                    node.capacity = spec.capacity;
                    node.region = spec.region.map(Arc::from);
                });
                self.urls.insert(spec.public_url.to_owned(), slot);
            }
            None => self.add(Node::new(spec, placed)),
        }
    }

    fn add(&mut self, node: Node) {
        let slot = self.free.pop_first().unwrap_or(self.slots.len() as u32);
        if slot as usize == self.slots.len() {
            self.slots.push(None);
            self.ranks.push(LoadRank::default());
        }
        self.ranks[slot as usize].tie = tie(&node.name);
        self.names.insert(Arc::clone(&node.name), slot);
        self.urls.insert(node.public_url.clone(), slot);
        self.slots[slot as usize] = Some(node);
        let places = self.places(slot);
        self.list(slot, places);
    }

    /// Takes a node out that left.
    pub(crate) fn leave(&mut self, slot: u32) {
        let places = self.places(slot);
        self.unlist(slot, places);
        self.unaddress(slot);
        if let Some(node) = self.slots[slot as usize].take() {
            self.names.remove(&node.name);
            self.free.insert(slot);
        }
    }

    /// Changes a node and puts it where it belongs then.
    pub(crate) fn update(&mut self, slot: u32, change: impl FnOnce(&mut Node)) {
        let before = self.places(slot);
        change(self.node_mut(slot));
        let after = self.places(slot);
        if before != after {
            self.unlist(slot, before);
            self.list(slot, after);
        }
    }

    /// Counts a session that was sent to a node.
    pub(crate) fn assign(&mut self, slot: u32, viewers: u32, egress_bytes_per_s: u64, now: Instant) {
        self.update(slot, |node| node.load.assign(viewers, egress_bytes_per_s, now));
    }

    /// Where a node belongs in the orders.
    fn places(&self, slot: u32) -> Positions {
        let node = self.node(slot);
        let share = node.load.share(&node.capacity);
        let streams = u64::from(node.placed.all);
        let (first, second) = match self.policy {
            BroadcasterPolicy::FewestStreams => (streams, node.load.egress_bytes_per_s()),
            BroadcasterPolicy::LeastEgress => (share.into(), streams),
        };
        Positions {
            by_load: LoadRank { share, ..self.rank(slot) },
            for_broadcasters: (first, second, Arc::clone(&node.name)),
            region: node.region.clone(),
        }
    }

    fn list(&mut self, slot: u32, places: Positions) {
        let region = places.region.as_ref();
        self.ranks[slot as usize] = places.by_load;
        self.shares += u64::from(places.by_load.share);
        self.by_load.insert(places.by_load, slot, region);
        self.for_broadcasters.insert(places.for_broadcasters, slot, region);
    }

    fn unlist(&mut self, slot: u32, places: Positions) {
        let region = places.region.as_ref();
        self.shares -= u64::from(places.by_load.share);
        self.by_load.remove(places.by_load, slot, region);
        self.for_broadcasters.remove(places.for_broadcasters, slot, region);
    }

    fn unaddress(&mut self, slot: u32) {
        let url = self.node(slot).public_url.clone();
        // Another node may have registered with the same URL since.
        if self.urls.get(&url) == Some(&slot) {
            self.urls.remove(&url);
        }
    }

    pub(crate) fn node(&self, slot: u32) -> &Node {
        self.slots[slot as usize].as_ref().expect("slots in orders, names and carriers hold nodes")
    }

    fn node_mut(&mut self, slot: u32) -> &mut Node {
        self.slots[slot as usize].as_mut().expect("slots in orders, names and carriers hold nodes")
    }

    /// The streams that a node carries or is about to, to be kept sorted.
    pub(crate) fn carries_mut(&mut self, slot: u32) -> &mut Vec<StreamId> {
        &mut self.node_mut(slot).carries
    }

    pub(crate) fn slot(&self, hostname: &str) -> Option<u32> {
        self.names.get(hostname).copied()
    }

    /// The slots of the nodes at `urls`.
    pub(crate) fn at_urls(&self, urls: &[String]) -> impl Iterator<Item = u32> {
        urls.iter().filter_map(|url| self.urls.get(url.trim_end_matches('/')).copied())
    }

    pub(crate) fn rank(&self, slot: u32) -> LoadRank {
        self.ranks[slot as usize]
    }

    pub(crate) fn share(&self, slot: u32) -> u32 {
        self.rank(slot).share
    }

    /// The least loaded first: in `region`, or everywhere.
    pub(crate) fn by_load(&self, region: Option<&str>) -> impl Iterator<Item = u32> {
        self.by_load.best(region)
    }

    /// Best first by the policy for broadcasters: in `region`, or everywhere.
    pub(crate) fn for_broadcasters(&self, region: Option<&str>) -> impl Iterator<Item = u32> {
        self.for_broadcasters.best(region)
    }

    /// How many more streams the nodes have places for, over all of them.
    pub(crate) fn stream_room(&self) -> usize {
        let room = |node: &Node| match node.capacity.streams {
            Some(limit) => limit.saturating_sub(node.placed.started) as usize,
            None => usize::MAX,
        };
        self.slots.iter().flatten().map(room).fold(0, usize::saturating_add)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    fn mean_share(&self) -> u32 {
        let mean = self.shares.checked_div(self.len() as u64).unwrap_or(0);
        u32::try_from(mean).unwrap_or(u32::MAX)
    }

    /// Up to where viewers fill a carrier now.
    pub(crate) fn threshold(&self) -> u32 {
        share::threshold(self.mean_share())
    }

    /// Up to where relays fill a node now.
    pub(crate) fn ceiling(&self) -> u32 {
        share::ceiling(self.mean_share())
    }

    /// How many more receivers of `each` bytes per second fit on a node below `share`.
    pub(crate) fn fit_below(&self, slot: u32, share: u32, each: u64) -> u32 {
        let node = self.node(slot);
        node.load.fit_below(share, each, &node.capacity)
    }
}

/// FNV-1a.
fn tie(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
