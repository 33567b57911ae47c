//! A pump as the rest of the node reaches it: the viewers on their way to it, and how many it serves.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use protocol::Formats;
use tokio::sync::Notify;

use super::{audience::AudienceMember, flow::Flow};
use crate::{hub::Cursor, lock::lock};

/// Most viewers that one pump serves.
pub(super) const SHARD_VIEWERS: u32 = 256;

/// See the [module](self).
pub(super) struct Shard<V> {
    /// Viewers that the pump has not seen yet; none once the pump stopped.
    pub(super) joining: Mutex<Option<Vec<Joining<V>>>>,
    viewers: AtomicU32,
    pub(super) wake: Arc<Notify>,
}

/// A viewer on its way to the pump.
pub(super) struct Joining<V> {
    pub(super) viewer: V,
    /// See [`Applicant::is_asked`](super::Applicant::is_asked).
    pub(super) is_asked: bool,
    pub(super) cursor: Cursor,
    pub(super) formats: Option<Formats>,
    pub(super) flow: Arc<Flow>,
    pub(super) member: Arc<AudienceMember>,
    pub(super) slot: ShardSlot<V>,
}

/// Counts as one of a shard's viewers, until dropped.
pub(super) struct ShardSlot<V>(Arc<Shard<V>>);

impl<V> Shard<V> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            joining: Mutex::new(Some(Vec::new())),
            viewers: AtomicU32::new(0),
            wake: Arc::default(),
        })
    }

    /// Whether its pump still takes viewers.
    pub(super) fn runs(&self) -> bool {
        lock(&self.joining).is_some()
    }
}

impl<V> ShardSlot<V> {
    /// A slot of `shard`; none if that has as many viewers as it may.
    pub(super) fn take(shard: &Arc<Shard<V>>) -> Option<Self> {
        let more = |viewers: u32| (viewers < SHARD_VIEWERS).then_some(viewers + 1);
        shard.viewers.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Self(shard.clone()))
    }

    /// The first slot of a shard.
    pub(super) fn first(shard: &Arc<Shard<V>>) -> Self {
        shard.viewers.fetch_add(1, Relaxed);
        Self(shard.clone())
    }

    pub(super) fn shard(&self) -> &Arc<Shard<V>> {
        &self.0
    }
}

impl<V> Drop for ShardSlot<V> {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Relaxed);
    }
}
