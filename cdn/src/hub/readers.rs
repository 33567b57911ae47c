//! The readers of a stream: how many there are, and how they are woken when there is something to read.
//!
//! The producer wakes, a [`Subscriber`](super::Subscriber) waits. Waking costs one notification for each subscriber that wants media: a pump
//! that serves hundreds of viewers is one subscriber, and one that serves none is not woken for media.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
};

use tokio::sync::Notify;

use super::written::{Unwritten, Written};
use crate::lock::lock;

/// What a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A client that watches.
    Viewer,
    /// Another node that serves the stream onwards.
    Relay,
}

/// Follows the runs of a segment until every reader has read them.
pub trait Trace: Send + Sync {
    /// A subscriber read it and handed it to `viewers` viewers; the connections of `behind` others had no room.
    fn read(&self, viewers: u32, behind: u32);
}

/// How many readers there are, by role.
#[derive(Debug, Default)]
pub struct Counts {
    viewers: AtomicU32,
    relays: AtomicU32,
}

impl Counts {
    /// How many readers of this role there are.
    pub fn now(&self, role: Role) -> u32 {
        self.of(role).load(Relaxed)
    }

    /// The counter of a role.
    pub(crate) fn of(&self, role: Role) -> &AtomicU32 {
        match role {
            Role::Viewer => &self.viewers,
            Role::Relay => &self.relays,
        }
    }
}

/// The readers of a stream: their number, and those to wake.
#[derive(Default)]
pub struct Readers {
    counts: Counts,
    /// How many [`Kept`] there are.
    kept: AtomicU32,
    /// How far the recorder is.
    written: Arc<Written>,
    /// How far relays are.
    relays: Mutex<Vec<Arc<Written>>>,
    listeners: Mutex<Vec<Arc<Listener>>>,
}

/// The node's recorder as a reader: the node carries the stream as long as this lives and the stream is not over, and what the recorder has
/// not written is not acknowledged.
pub struct Kept(Arc<Readers>);

impl Kept {
    /// The recorder has written all runs before position `end` of the ring, apart from what it cannot write. It `has_caught_up` if there are
    /// no others.
    pub fn wrote(&self, end: u64, has_caught_up: bool) {
        self.0.written.advance(end, has_caught_up);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.written.release();
        self.0.kept.fetch_sub(1, Relaxed);
    }
}

/// Another node as a reader: as long as this lives, what its connection has not taken is not acknowledged where the stream is recorded.
pub struct Relaying {
    readers: Arc<Readers>,
    written: Arc<Written>,
}

impl Relaying {
    /// The connection has taken all runs before position `end` of the ring. It `has_caught_up` if there are no others.
    pub fn wrote(&self, end: u64, has_caught_up: bool) {
        self.written.advance(end, has_caught_up);
    }
}

impl Drop for Relaying {
    fn drop(&mut self) {
        lock(&self.readers.relays).retain(|other| !Arc::ptr_eq(other, &self.written));
        self.written.release();
    }
}

/// How one subscriber is woken.
pub(super) struct Listener {
    pub(super) wake: Arc<Notify>,
    pub(super) wants_media: AtomicBool,
    /// Of what it has to forward, if it forwards media.
    pub(super) traces: Option<Mutex<Vec<Arc<dyn Trace>>>>,
}

impl Readers {
    /// How many readers there are.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Lets the node carry the stream although no client reads it, and record it from position `end` of the ring on.
    pub fn keep(self: &Arc<Self>, end: u64) -> Kept {
        self.kept.fetch_add(1, Relaxed);
        self.written.advance(end, true);
        Kept(self.clone())
    }

    /// Another node reads the stream. It is waited for once it has caught up.
    pub fn relay(self: &Arc<Self>) -> Relaying {
        let written = Arc::new(Written::behind());
        lock(&self.relays).push(written.clone());
        Relaying { readers: self.clone(), written }
    }

    /// The runs up to the one that is newest now, if they are recorded here; `end` gives the position after it. They are acknowledged once
    /// they are [written](Unwritten::written).
    pub fn unwritten(&self, end: impl FnOnce() -> u64) -> Option<Unwritten> {
        self.written.is_recorded().then(|| {
            let relays = lock(&self.relays).clone();
            Unwritten::new(self.written.clone(), relays, end())
        })
    }

    /// Whether there is any reader: a client, another node, or the node itself.
    pub fn are_some(&self) -> bool {
        self.kept.load(Relaxed) > 0
            || [Role::Viewer, Role::Relay].iter().any(|role| self.counts.now(*role) > 0)
    }

    /// There is new media. Each subscriber that forwards it holds `trace` until it has read it.
    pub fn media(&self, trace: Option<&Arc<dyn Trace>>) {
        for listener in lock(&self.listeners).iter().filter(|listener| listener.wants_media.load(Relaxed)) {
            if let (Some(trace), Some(traces)) = (trace, &listener.traces) {
                lock(traces).push(trace.clone());
            }
            listener.wake.notify_one();
        }
    }

    /// The state or the path changed, or the stream was closed.
    pub fn changed(&self) {
        lock(&self.listeners).iter().for_each(|listener| listener.wake.notify_one());
    }

    /// Wakes `listener` from now on.
    pub(super) fn add(&self, listener: Arc<Listener>) {
        lock(&self.listeners).push(listener);
    }

    /// Wakes `listener` no more.
    pub(super) fn remove(&self, listener: &Arc<Listener>) {
        lock(&self.listeners).retain(|other| !Arc::ptr_eq(other, listener));
    }

    /// How many are woken.
    #[cfg(test)]
    pub(super) fn listeners(&self) -> usize {
        lock(&self.listeners).len()
    }
}
