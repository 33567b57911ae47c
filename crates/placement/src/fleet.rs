//! The live nodes and their streams. A fleet receives all events, and decides where clients and relays go.
//!
//! A report costs a logarithm of the nodes and of each stream's carriers. A decision looks its stream up once, decides by functions that
//! change nothing ([`viewers`], [`broadcasters`], [`sources`]), and counts what it decided.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Instant,
};

use protocol::{
    StreamId,
    node::{CarriedStream, Load, SourceAddress},
    stream::StreamState,
};

use crate::{
    broadcasters,
    carrier::Carriage,
    decision::{Decision, Refusal, Request, Role},
    node::{Node, NodeSpec, Placed},
    nodes::Nodes,
    policy::Policies,
    sources,
    stream::Stream,
    tree, viewers,
};

/// The live nodes and their streams, updated by every change; it decides where clients and relays go.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    policies: Policies,
    pub(crate) nodes: Nodes,
    pub(crate) streams: HashMap<StreamId, Stream>,
    /// Streams that have not ended, per hostname they belong on, registered or not.
    placed: HashMap<Arc<str>, Placed>,
}

impl Fleet {
    /// How many more streams the nodes have places for.
    pub fn stream_room(&self) -> usize {
        self.nodes.stream_room()
    }
}

/// What happens.
impl Fleet {
    /// No nodes, no streams.
    pub fn new(policies: Policies) -> Self {
        Self { policies, nodes: Nodes::new(policies.broadcasters), ..Self::default() }
    }

    /// A node registered, or says something else of itself than before.
    pub fn join(&mut self, spec: &NodeSpec<'_>) {
        let placed = self.placed.get(spec.hostname).copied().unwrap_or_default();
        self.nodes.join(spec, placed);
    }

    /// A node is gone, or its lease ended: it is chosen no more, and what it carried is gone with it.
    pub fn leave(&mut self, hostname: &str) {
        let Some(slot) = self.nodes.slot(hostname) else { return };
        for stream_id in std::mem::take(self.nodes.carries_mut(slot)) {
            self.drop_carrier(stream_id, slot);
        }
        self.nodes.leave(slot);
    }

    /// A node reports its load and what it carries. Reports of nodes that did not [join](Self::join) are ignored.
    pub fn report(&mut self, hostname: &str, load: &Load, streams: &[CarriedStream], now: Instant) {
        let Some(slot) = self.nodes.slot(hostname) else { return };
        self.nodes.update(slot, |node| node.load.report(*load, now));
        let mut carried = Vec::with_capacity(streams.len());
        for row in streams {
            if let Some(carriage) = carriage(row.state) {
                self.report_stream(slot, carriage, row, now);
                carried.push(row.stream_id);
            }
        }
        carried.sort_unstable();
        carried.dedup();
        let reported = carried.len();
        for stream_id in std::mem::take(self.nodes.carries_mut(slot)) {
            if carried[..reported].binary_search(&stream_id).is_ok() {
                continue;
            }
            let carrier = self.streams.get(&stream_id).and_then(|stream| stream.carriers.get(slot));
            if carrier.is_some_and(|carrier| carrier.may_still_come(now)) {
                carried.push(stream_id);
            } else {
                self.drop_carrier(stream_id, slot);
            }
        }
        carried.sort_unstable();
        *self.nodes.carries_mut(slot) = carried;
    }

    fn report_stream(&mut self, slot: u32, carriage: Carriage, row: &CarriedStream, now: Instant) {
        let stream = self.streams.entry(row.stream_id).or_insert_with(|| Stream::new(row.stream_id));
        stream.carriers.report(slot, self.nodes.rank(slot).tie, carriage, row, now);
        stream.learn(row.bytes_per_s);
        let starts = row.state != StreamState::Created && !std::mem::replace(&mut stream.started, true);
        if let Some(hostname) = stream.placed_on.clone().filter(|_| starts) {
            self.count_placed(hostname, 0, 1);
        }
    }

    fn drop_carrier(&mut self, stream_id: StreamId, slot: u32) {
        let Entry::Occupied(mut stream) = self.streams.entry(stream_id) else { return };
        stream.get_mut().carriers.remove(slot, self.nodes.rank(slot).tie);
        if stream.get().is_forgotten() {
            stream.remove();
        }
    }

    /// A stream belongs on `hostname` from now on, whether that is registered or not.
    pub fn place(&mut self, stream_id: StreamId, hostname: &str) {
        let known = self.placed.get_key_value(hostname).map(|(hostname, _)| Arc::clone(hostname));
        let hostname = known.unwrap_or_else(|| hostname.into());
        let stream = self.streams.entry(stream_id).or_insert_with(|| Stream::new(stream_id));
        let started = i32::from(stream.started);
        let before = stream.placed_on.replace(Arc::clone(&hostname));
        if before.as_ref() == Some(&hostname) {
            return;
        }
        if let Some(before) = before {
            self.count_placed(before, -1, -started);
        }
        self.count_placed(hostname, 1, started);
    }

    /// A stream has ended.
    pub fn forget(&mut self, stream_id: StreamId) {
        let Some(stream) = self.streams.remove(&stream_id) else { return };
        for (slot, _) in stream.carriers.iter() {
            self.nodes.carries_mut(slot).retain(|id| *id != stream_id);
        }
        if let Some(hostname) = stream.placed_on {
            self.count_placed(hostname, -1, -i32::from(stream.started));
        }
    }

    /// A stream is being created on `hostname`: it counts there from now on, until [`Self::release`].
    pub fn hold(&mut self, hostname: &str) {
        self.count_placed(hostname.into(), 1, 0);
    }

    /// The stream was created and [placed](Self::place), or was not created.
    pub fn release(&mut self, hostname: &str) {
        self.count_placed(hostname.into(), -1, 0);
    }

    fn count_placed(&mut self, hostname: Arc<str>, all: i32, started: i32) {
        let slot = self.nodes.slot(&hostname);
        let count = self.placed.entry(Arc::clone(&hostname)).or_default();
        count.all = count.all.saturating_add_signed(all);
        count.started = count.started.saturating_add_signed(started);
        let placed = *count;
        if placed.all == 0 {
            self.placed.remove(&hostname);
        }
        if let Some(slot) = slot {
            self.nodes.update(slot, |node| node.placed = placed);
        }
    }
}

fn carriage(state: StreamState) -> Option<Carriage> {
    match state {
        StreamState::Live => Some(Carriage::Live),
        StreamState::Created | StreamState::Interrupted => Some(Carriage::Interrupted),
        StreamState::Ended => None,
    }
}

/// Decisions.
impl Fleet {
    /// Decides where the broadcaster of a stream goes, or of one to be created. The caller [places](Self::place) the stream.
    ///
    /// # Errors
    /// [`Refusal::NoNode`] if no node lives, [`Refusal::NoCapacity`] if none takes another stream.
    pub fn publish(&self, stream_id: Option<StreamId>, request: Request<'_>) -> Result<Decision, Refusal> {
        let stream = stream_id.and_then(|stream_id| self.streams.get(&stream_id));
        let picks = broadcasters::decide(self.policies.broadcasters, &self.nodes, stream, request)?;
        Ok(Decision::new(&self.nodes, &picks))
    }

    /// Decides where a viewer of a stream goes, and counts the viewer there.
    ///
    /// # Errors
    /// [`Refusal::NoNode`] if no live node carries the stream or is expected to, [`Refusal::NoCapacity`] if no node has room.
    pub fn watch(
        &mut self,
        stream_id: StreamId,
        request: Request<'_>,
        now: Instant,
    ) -> Result<Decision, Refusal> {
        let stream = self.streams.get_mut(&stream_id).ok_or(Refusal::NoNode)?;
        let plan = viewers::decide(self.policies.viewers, &self.nodes, stream, request)?;
        let decision = Decision::new(&self.nodes, &plan.picks);
        if let Some(first) = plan.picks.first() {
            self.nodes.assign(first.slot, 1, stream.bytes_per_viewer(), now);
            if first.role == Role::Edge {
                tree::open_edge(&mut self.nodes, stream, first.slot, now);
            }
        }
        stream.turn = stream.turn.wrapping_add(1);
        stream.reserve = plan.reserve;
        Ok(decision)
    }

    /// What [`Self::watch`] would answer now; the viewer is not counted.
    ///
    /// # Errors
    /// As [`Self::watch`].
    pub fn explain_watch(&self, stream_id: StreamId, request: Request<'_>) -> Result<Decision, Refusal> {
        let stream = self.streams.get(&stream_id).ok_or(Refusal::NoNode)?;
        let plan = viewers::decide(self.policies.viewers, &self.nodes, stream, request)?;
        Ok(Decision::new(&self.nodes, &plan.picks))
    }

    /// Decides which nodes `asking` may pull a stream from, first choice first, and counts the relay at the first. Nodes at `avoid`
    /// come last.
    ///
    /// # Errors
    /// [`Refusal::NoNode`] if no other node has the stream live, [`Refusal::NoCapacity`] if none has room for a relay, or the planned
    /// source does not have the stream yet.
    pub fn sources(
        &mut self,
        stream_id: StreamId,
        asking: &str,
        avoid: &[String],
        at_most: usize,
        now: Instant,
    ) -> Result<Vec<SourceAddress>, Refusal> {
        let stream = self.streams.get_mut(&stream_id).ok_or(Refusal::NoNode)?;
        let request = Request { avoid, region: None, at_most };
        let plan = sources::decide(&self.nodes, stream, asking, request, now)?;
        let address = |slot: &u32| {
            let Node { public_url, peer_url, .. } = self.nodes.node(*slot);
            SourceAddress { public_url: public_url.clone(), peer_url: peer_url.clone() }
        };
        let addresses = plan.slots.iter().map(address).collect();
        if !plan.is_counted {
            tree::assign_relay(&mut self.nodes, stream, plan.slots[0], now);
        }
        Ok(addresses)
    }
}
