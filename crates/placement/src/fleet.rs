//! The live nodes and their streams, told of every change and ordered for decisions.
//!
//! A change costs a logarithm of the nodes, and another for each stream the node carries if its load changed.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
    time::Instant,
};

use protocol::{
    StreamId,
    node::{CarriedStream, Load},
    stream::StreamState,
};

use super::{
    Policies,
    node::{Node, Placed, Spec},
    order::Order,
    stream::{Carriage, Carrier, Stream},
};

/// The live nodes and their streams, told of every change and ordered for decisions.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    pub(super) policies: Policies,
    slots: Vec<Option<Node>>,
    free: BTreeSet<u32>,
    names: HashMap<Arc<str>, u32>,
    /// By public URL.
    urls: HashMap<String, u32>,
    pub(super) streams: HashMap<StreamId, Stream>,
    /// Streams that are not over, per hostname they belong on, registered or not.
    placed: HashMap<Arc<str>, Placed>,
    pub(super) for_broadcasters: Order,
    pub(super) by_load: Order,
    /// Of all nodes.
    shares: u64,
}

/// A node as an operator wants to know it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing<'a> {
    /// Its name.
    pub hostname: &'a str,
    /// The share of its narrowest limit that is taken, in parts of [`WHOLE`](super::WHOLE).
    pub share: u32,
    /// Streams placed on it that are not over.
    pub streams: u32,
    /// Streams it carries or is about to.
    pub carries: usize,
    /// Viewers it has or is about to have.
    pub viewers: u32,
}

impl Fleet {
    /// No nodes, no streams.
    pub fn new(policies: Policies) -> Self {
        Self { policies, ..Self::default() }
    }

    /// A node registered, or says something else of itself than before.
    pub fn join(&mut self, spec: &Spec<'_>) {
        match self.names.get(spec.hostname) {
            Some(&slot) => {
                if !self.node(slot).is(spec) {
                    self.readdress(slot, spec.public_url);
                    self.update(slot, |node| {
                        spec.public_url.clone_into(&mut node.public_url);
                        node.peer_url = spec.peer_url.map(str::to_owned);
                        node.capacity = spec.capacity;
                        node.region = spec.region.map(Arc::from);
                    });
                }
            }
            None => self.add(spec),
        }
    }

    fn add(&mut self, spec: &Spec<'_>) {
        let slot = self.free.pop_first().unwrap_or(self.slots.len() as u32);
        if slot as usize == self.slots.len() {
            self.slots.push(None);
        }
        let placed = self.placed.get(spec.hostname).copied().unwrap_or_default();
        let mut node = Node::new(spec, slot, placed);
        node.settle(&self.policies);
        self.names.insert(Arc::clone(&node.name), slot);
        self.urls.insert(node.public_url.clone(), slot);
        self.by_load.insert(node.by_load.clone(), node.region.as_ref());
        self.for_broadcasters.insert(node.for_broadcasters.clone(), node.region.as_ref());
        self.shares += u64::from(node.share);
        self.slots[slot as usize] = Some(node);
    }

    fn readdress(&mut self, slot: u32, public_url: &str) {
        self.unaddress(slot);
        self.urls.insert(public_url.to_owned(), slot);
    }

    fn unaddress(&mut self, slot: u32) {
        let url = &self.node(slot).public_url;
        // Another node may have said since that it is there.
        if self.urls.get(url) == Some(&slot) {
            let url = url.clone();
            self.urls.remove(&url);
        }
    }

    /// A node is gone, or its lease ended: it is chosen no more, and what it carried with it.
    pub fn leave(&mut self, hostname: &str) {
        let Some(slot) = self.names.remove(hostname) else { return };
        for stream_id in self.node(slot).carries.clone() {
            self.drop_carrier(stream_id, slot);
        }
        self.unaddress(slot);
        let Some(node) = self.slots[slot as usize].take() else { return };
        self.by_load.remove(&node.by_load, node.region.as_ref());
        self.for_broadcasters.remove(&node.for_broadcasters, node.region.as_ref());
        self.shares -= u64::from(node.share);
        self.free.insert(slot);
    }

    /// Takes over how loaded a node is and what it carries. Nodes that did not [join](Self::join) are passed over.
    pub fn report(&mut self, hostname: &str, load: &Load, streams: &[CarriedStream], now: Instant) {
        let Some(&slot) = self.names.get(hostname) else { return };
        self.update(slot, |node| node.burden.report(*load, now));
        self.carry(slot, streams, now);
    }

    fn carry(&mut self, slot: u32, rows: &[CarriedStream], now: Instant) {
        let mut carried = Vec::with_capacity(rows.len());
        let by_load = self.node(slot).by_load.clone();
        for row in rows {
            let carriage = match row.state {
                StreamState::Live => Carriage::Live,
                StreamState::Created | StreamState::Interrupted => Carriage::Interrupted,
                StreamState::Ended => continue,
            };
            let stream = self.streams.entry(row.stream_id).or_default();
            let carrier = stream.carriers.entry(slot).or_insert_with(|| Carrier::new(carriage));
            carrier.report(carriage, &row.path, row.relays, now);
            stream.sort(slot, &by_load, self.policies.depth);
            stream.learn(row.bytes_per_s);
            carried.push(row.stream_id);
            let starts = row.state != StreamState::Created && !std::mem::replace(&mut stream.started, true);
            if let Some(name) = stream.placed_on.clone().filter(|_| starts) {
                self.count_placed(name, 0, 1);
            }
        }
        carried.sort_unstable();
        carried.dedup();
        let before = self.node(slot).carries.iter();
        let missing: Vec<StreamId> =
            before.copied().filter(|id| carried.binary_search(id).is_err()).collect();
        for stream_id in missing {
            let carrier = self.streams.get(&stream_id).and_then(|stream| stream.carriers.get(&slot));
            if carrier.is_some_and(|carrier| carrier.may_still_come(now)) {
                carried.push(stream_id);
            } else {
                self.drop_carrier(stream_id, slot);
            }
        }
        carried.sort_unstable();
        self.node_mut(slot).carries = carried;
    }

    fn drop_carrier(&mut self, stream_id: StreamId, slot: u32) {
        let Entry::Occupied(mut entry) = self.streams.entry(stream_id) else { return };
        let stream = entry.get_mut();
        stream.carriers.remove(&slot);
        if let Some(node) = self.slots[slot as usize].as_ref() {
            stream.sort(slot, &node.by_load, self.policies.depth);
        }
        if stream.is_forgotten() {
            entry.remove();
        }
    }

    /// The stream belongs on `hostname` now, whether that is registered or not.
    pub fn place(&mut self, stream_id: StreamId, hostname: &str) {
        let known = self.streams.get(&stream_id).and_then(|stream| stream.placed_on.as_deref());
        if known == Some(hostname) {
            return;
        }
        self.unplace(stream_id);
        let name =
            self.placed.get_key_value(hostname).map_or_else(|| hostname.into(), |(name, _)| Arc::clone(name));
        let stream = self.streams.entry(stream_id).or_default();
        stream.placed_on = Some(Arc::clone(&name));
        let started = stream.started;
        self.count_placed(name, 1, i32::from(started));
    }

    /// The stream is over.
    pub fn forget(&mut self, stream_id: StreamId) {
        self.unplace(stream_id);
        let Some(stream) = self.streams.remove(&stream_id) else { return };
        for slot in stream.carriers.into_keys() {
            self.node_mut(slot).carries.retain(|id| *id != stream_id);
        }
    }

    fn unplace(&mut self, stream_id: StreamId) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        if let Some(name) = stream.placed_on.take() {
            let started = stream.started;
            self.count_placed(name, -1, -i32::from(started));
        }
    }

    fn count_placed(&mut self, name: Arc<str>, all: i32, started: i32) {
        let count = self.placed.entry(Arc::clone(&name)).or_default();
        count.all = count.all.saturating_add_signed(all);
        count.started = count.started.saturating_add_signed(started);
        let placed = *count;
        if placed.all == 0 {
            self.placed.remove(&name);
        }
        if let Some(&slot) = self.names.get(&name) {
            self.update(slot, |node| node.placed = placed);
        }
    }

    /// A stream is being created there and counts already, until it is [placed](Self::place) or was not created.
    pub fn hold(&mut self, hostname: &str) {
        self.count_placed(hostname.into(), 1, 0);
    }

    /// It was, or was not.
    pub fn release(&mut self, hostname: &str) {
        self.count_placed(hostname.into(), -1, 0);
    }

    /// Streams placed on `hostname` that are not over.
    pub fn streams_on(&self, hostname: &str) -> u32 {
        self.placed.get(hostname).map_or(0, |placed| placed.all)
    }

    /// Counts what was sent to a node.
    pub(super) fn assign(&mut self, slot: u32, viewers: u32, egress_bytes_per_s: u64, now: Instant) {
        self.update(slot, |node| node.burden.assign(viewers, egress_bytes_per_s, now));
    }

    /// Changes a node and puts it where it belongs then.
    fn update(&mut self, slot: u32, change: impl FnOnce(&mut Node)) {
        let Some(node) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let (by_load, for_broadcasters) = (node.by_load.clone(), node.for_broadcasters.clone());
        let (region, share) = (node.region.clone(), node.share);
        change(node);
        if !node.settle(&self.policies) && node.region == region {
            return;
        }
        self.shares = self.shares - u64::from(share) + u64::from(node.share);
        self.by_load.remove(&by_load, region.as_ref());
        self.by_load.insert(node.by_load.clone(), node.region.as_ref());
        self.for_broadcasters.remove(&for_broadcasters, region.as_ref());
        self.for_broadcasters.insert(node.for_broadcasters.clone(), node.region.as_ref());
        if by_load == node.by_load {
            return;
        }
        for stream_id in &node.carries {
            let Some(stream) = self.streams.get_mut(stream_id) else { continue };
            if stream.ready.remove(&by_load) {
                stream.ready.insert(node.by_load.clone());
            }
        }
    }

    pub(super) fn node(&self, slot: u32) -> &Node {
        self.slots[slot as usize].as_ref().expect("slots in orders, names and carriers hold nodes")
    }

    pub(super) fn node_mut(&mut self, slot: u32) -> &mut Node {
        self.slots[slot as usize].as_mut().expect("slots in orders, names and carriers hold nodes")
    }

    /// The slot of a live node.
    pub(super) fn slot(&self, hostname: &str) -> Option<u32> {
        self.names.get(hostname).copied()
    }

    /// The slots of the nodes at `urls`.
    pub(super) fn at_urls(&self, urls: &[String]) -> impl Iterator<Item = u32> {
        urls.iter().filter_map(|url| self.urls.get(url.trim_end_matches('/')).copied())
    }

    /// Live nodes.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no node lives.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The mean over all nodes of the share of its limit that is taken, in parts of [`WHOLE`](super::WHOLE).
    pub fn mean_share(&self) -> u32 {
        u32::try_from(self.shares.checked_div(self.len() as u64).unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Where a carrier's headroom ends now, in parts of [`WHOLE`](super::WHOLE).
    pub fn threshold(&self) -> u32 {
        self.policies.threshold(self.mean_share())
    }

    /// Every live node, the least loaded first.
    pub fn standings(&self) -> impl Iterator<Item = Standing<'_>> {
        self.by_load.best(None).map(|slot| {
            let node = self.node(slot);
            Standing {
                hostname: &node.name,
                share: node.share,
                streams: node.placed.all,
                carries: node.carries.len(),
                viewers: node.burden.viewers(),
            }
        })
    }
}
