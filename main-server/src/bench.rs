//! The store's writes, for `benches/store.rs` alone.

use std::{path::Path, sync::Arc};

use bytes::Bytes;

use crate::{
    Persistence,
    store::{Bucket, Expect, Kv, Revision, Store},
};

/// Writes to one store.
#[derive(Clone)]
pub struct Writer(Arc<dyn Kv>);

impl Writer {
    /// Opens a store.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub async fn open(persistence: &Persistence, data_dir: &Path) -> Self {
        Self(Store::open(persistence, data_dir).await.expect("a store to measure").kv)
    }

    /// Writes an entry.
    ///
    /// # Panics
    /// If it cannot be written.
    pub async fn put(&self, key: &str, value: Bytes) {
        self.0.put(Bucket::Settings, key, value, None).await.expect("the store works");
    }

    /// Writes an entry that is from write `revision`, or not there if none; gives the new one.
    ///
    /// # Panics
    /// If it cannot be written or is not as expected.
    pub async fn compare_and_set(&self, key: &str, value: Bytes, revision: Option<u64>) -> u64 {
        let expect = revision.map_or(Expect::Absent, |revision| Expect::Revision(Revision(revision)));
        let written = self.0.compare_and_set(Bucket::Settings, key, value, None, expect).await;
        written.expect("nobody else writes this key").0
    }
}
