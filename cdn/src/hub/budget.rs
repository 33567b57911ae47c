//! What all rings of a node hold together, counted as they grow and shrink.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A shared count of bytes. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Usage(Arc<AtomicU64>);

impl Usage {
    /// Bytes held now.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn sub(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}
