//! All live streams of a node, each with a bounded ring of frames, and cursors that read them.
//!
//! A frame is stored once; viewers hold a position, not a copy. What a run of frames is in a format is made when the first reader
//! of that format wants it (see [`crate::rendition`]). Nothing here knows a transport, a clock, a socket or a task: times come in as
//! values, what a transport writes before a message as a function, and [`Cursor::next`] is a plain read. All rings together stay
//! under one [`Budget`]: when it is exceeded, the stream that holds most gives up its oldest group.

mod budget;
mod cursor;
mod entry;
mod eviction;
mod readers;
mod rendering;
mod ring;
mod span;
mod stream;
mod subscriber;
mod upstream;
mod written;

#[cfg(test)]
mod gaps;
#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod samples;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
};

use protocol::{StreamId, node::Access};

pub use budget::Budget;
pub use cursor::{Cursor, Next};
pub use readers::{Counts, Kept, Readers, Relaying, Role, Trace};
pub use ring::{Error, Ring, RingLimits};
pub use span::Span;
pub use stream::{Closed, LiveStream, SharedStream};
pub use subscriber::Subscriber;
pub use upstream::{AskKeyframe, Upstream};
pub use written::Unwritten;

use crate::{lock::lock, rendition::Prefix};
use budget::GiveWay;

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
    budget: Budget,
    limits: HubLimits,
    prefix: Prefix,
}

impl Hub {
    /// A hub without streams, whose chunks are laid out behind `prefix`.
    pub fn new(limits: HubLimits, prefix: Prefix) -> Self {
        Self { streams: HashMap::new(), budget: Budget::new(limits.budget_bytes), limits, prefix }
    }

    /// The stream called `id`, if this node carries it.
    pub fn get(&self, id: StreamId) -> Option<SharedStream> {
        self.streams.get(&id).cloned()
    }

    /// The stream called `id`, made if it is new; none if the node has as many streams as it may.
    pub fn open(&mut self, id: StreamId, access: impl Into<Access>) -> Option<SharedStream> {
        if let Some(known) = self.get(id) {
            return Some(known);
        }
        if self.streams.len() >= self.limits.streams {
            return None;
        }
        let access = access.into();
        let stream = Arc::new_cyclic(|me: &Weak<Mutex<LiveStream>>| {
            let ring = Ring::new(self.limits.ring, self.budget.open(me.clone()), self.prefix);
            Mutex::new(LiveStream::new(id, access, ring))
        });
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

    /// What the rings hold, and may hold.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl GiveWay for Mutex<LiveStream> {
    fn give_way(&self) -> bool {
        lock(self).ring_mut().give_way()
    }
}
