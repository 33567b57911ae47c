//! Where a change may last while the engine cannot take it: the contract of the journal.
//!
//! Only a cluster of NATS servers has one. It is no second store: an entry stays there until what it says is in the store,
//! and whoever finds it may bring it there. So what is written has to be something that may be brought there twice, and in
//! any order. Its revisions are its own and compare with no other.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Entry, Error, Revision};

/// Entries that wait for the store, at most one for each key.
///
/// Every call may fail with [`Error::Unavailable`].
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Writes an entry in the place of the one there is; with `is_new` only if there is none. When this returns, it lasts.
    ///
    /// # Errors
    /// [`Error::Conflict`] if there is one that must not be there, [`Error::Invalid`] as for the store.
    async fn append(&self, key: &str, value: Bytes, is_new: bool) -> Result<Revision, Error>;

    /// The entry at `key`.
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error>;

    /// The oldest entries, at most `limit`.
    async fn oldest(&self, limit: usize) -> Result<Vec<Entry>, Error>;

    /// Whether it takes entries, as last seen.
    fn is_writable(&self) -> bool;

    /// Removes the entry at `key`, unless it was written after `revision`.
    async fn remove(&self, key: &str, revision: Revision) -> Result<(), Error>;
}
