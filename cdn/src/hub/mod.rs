//! The heart of a node: all its live streams, each with a bounded ring of chunks, and cursors that read them.
//!
//! A chunk is stored once; viewers hold a position, not a copy. Nothing here knows a transport, a clock, a socket or a
//! task: times come in as values, what a transport writes before a message as a function, and [`Cursor::next`] is a plain read. All rings together stay under one byte budget:
//! when it is exceeded, the group that is oldest on the whole node leaves first.

mod budget;
mod cursor;
mod layout;
mod ring;
mod stream;

#[cfg(test)]
mod gaps;
#[cfg(test)]
mod properties;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use protocol::{StreamId, stream::Visibility};

pub use budget::Usage;
pub use cursor::{Cursor, Next};
pub use layout::{Prefix, Stored};
pub use ring::{Chunk, Error, InitSegment, Ring, RingLimits};
pub use stream::{Closed, LiveStream};

use crate::lock::lock;

/// A stream, shared between its producer and those who read it.
pub type SharedStream = Arc<Mutex<LiveStream>>;

/// Bounds of a hub.
#[derive(Clone, Copy, Debug)]
pub struct HubLimits {
    /// Bounds of every ring.
    pub ring: RingLimits,
    /// Most bytes of all rings together.
    pub budget_bytes: u64,
    /// Most streams at once.
    pub streams: usize,
}

/// All live streams of one node, by id.
pub struct Hub {
    streams: HashMap<StreamId, SharedStream>,
    usage: Usage,
    limits: HubLimits,
    prefix: Prefix,
}

impl Hub {
    /// A hub without streams, whose chunks are laid out behind `prefix`.
    pub fn new(limits: HubLimits, prefix: Prefix) -> Self {
        Self { streams: HashMap::new(), usage: Usage::default(), limits, prefix }
    }

    /// The stream called `id`, if this node carries it.
    pub fn get(&self, id: StreamId) -> Option<SharedStream> {
        self.streams.get(&id).cloned()
    }

    /// The stream called `id`, made if it is new; none if the node has as many streams as it may.
    pub fn open(&mut self, id: StreamId, visibility: Visibility) -> Option<SharedStream> {
        if let Some(known) = self.get(id) {
            return Some(known);
        }
        if self.streams.len() >= self.limits.streams {
            return None;
        }
        let ring = Ring::new(self.limits.ring, self.usage.clone(), self.prefix);
        let stream = Arc::new(Mutex::new(LiveStream::new(id, visibility, ring)));
        self.streams.insert(id, stream.clone());
        Some(stream)
    }

    /// Forgets a stream. Whoever still holds it may read what it has, which no longer counts as held by the hub.
    pub fn remove(&mut self, id: StreamId) -> Option<SharedStream> {
        let stream = self.streams.remove(&id)?;
        lock(&stream).ring_mut().leave_budget();
        Some(stream)
    }

    /// Every stream.
    pub fn streams(&self) -> impl Iterator<Item = &SharedStream> {
        self.streams.values()
    }

    /// How many streams there are.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// What the rings hold.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Whether the rings hold more than they may, so that [`Hub::enforce_budget`] is due.
    pub fn over_budget(&self) -> bool {
        self.usage.bytes() > self.limits.budget_bytes
    }

    /// Evicts until the rings hold no more than the budget: the oldest groups of the node first; when every stream is
    /// down to its newest group, the oldest chunks of the largest one.
    pub fn enforce_budget(&self) {
        while self.over_budget() && self.evict_oldest_group() {}
        while self.over_budget() && self.shrink_largest_group() {}
    }

    fn evict_oldest_group(&self) -> bool {
        let age = |stream: &&SharedStream| lock(stream).ring().oldest_group_arrived_ms();
        let oldest = self.streams.values().filter(|stream| age(stream).is_some()).min_by_key(age);
        oldest.is_some_and(|stream| lock(stream).ring_mut().evict_oldest_group())
    }

    fn shrink_largest_group(&self) -> bool {
        let largest = self.streams.values().max_by_key(|stream| lock(stream).ring().newest_group_bytes());
        largest.is_some_and(|stream| lock(stream).ring_mut().shrink_newest_group())
    }
}
