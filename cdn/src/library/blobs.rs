//! Blobs of the object store, cached: in memory, and on disk where the object store is another machine.
//!
//! ```text
//! asker ─► memory ─miss─► one fetch for all askers ─► disk ─miss─► object store
//! ```
//!
//! Only the requests that wait for a read see its failure. Bytes on their way are bounded, so that reading for the
//! library takes a bounded share of the threads for blocking work and of memory. What is read whole is verified by its hash.

use std::{
    collections::HashMap,
    future::Future,
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use objects::{Error, Hash, Objects};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{blob::Pieces, byte_lru::ByteLru, disk::DiskCache, refusal::Refusal};
use crate::{lock::lock, metrics::Metrics};

/// Longest wait for a blob, the wait for other fetches included. A client goes to another node sooner than that.
pub(super) const FETCH_TIMEOUT: Duration = Duration::from_secs(15);
/// Most bytes on their way from the object store, in units of the least that one fetch counts as: so at most 16 at once.
const FETCH_UNIT_BYTES: u64 = 4 << 20;
const FETCH_UNITS: u32 = 16;

/// Bytes on their way.
pub(super) type Reading<'a> = Pin<Box<dyn Future<Output = Result<Bytes, Error>> + Send + 'a>>;

/// Where blobs come from: the object store, the windows of live streams, or a fake in tests.
pub(crate) trait BlobStore: Send + Sync {
    /// A whole blob, verified; or a range of it.
    fn read(&self, hash: Hash, range: Option<Range<u64>>) -> Reading<'_>;

    /// The answer to requests for a blob that it does not have, though a manifest names it. What an operator has to know is logged.
    fn missing(&self, hash: Hash) -> Refusal {
        tracing::error!(blob = %hash, "a manifest names a blob that the object store does not have");
        Refusal::missing_blob(&hash)
    }
}

impl BlobStore for Objects {
    fn read(&self, hash: Hash, range: Option<Range<u64>>) -> Reading<'_> {
        Box::pin(async move { self.get(&hash, range).await })
    }
}

/// What all askers for a blob get.
pub(super) type Outcome = Result<Arc<Pieces>, Refusal>;
type Fetch = BoxFuture<'static, Outcome>;

/// Fetches that may have been abandoned by all askers, from which number on they are looked through.
const MANY_FETCHES: usize = 256;

/// See the [module](self).
pub(super) struct Blobs {
    state: Mutex<State>,
    disk: Option<Arc<DiskCache>>,
    store: Arc<dyn BlobStore>,
    permits: Semaphore,
    metrics: Arc<Metrics>,
}

struct State {
    memory: ByteLru<Hash, Arc<Pieces>>,
    /// A fetch goes on as long as an asker waits for it.
    fetches: HashMap<Hash, WeakShared<Fetch>>,
}

impl Blobs {
    /// At most `most_bytes` are kept in memory.
    pub(super) fn new(
        store: Arc<dyn BlobStore>,
        disk: Option<DiskCache>,
        most_bytes: u64,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let state = State { memory: ByteLru::new(most_bytes), fetches: HashMap::new() };
        let permits = Semaphore::new(FETCH_UNITS as usize);
        Arc::new(Self { state: Mutex::new(state), disk: disk.map(Arc::new), store, permits, metrics })
    }

    /// A whole blob, which has so many `bytes`.
    ///
    /// # Errors
    /// `unknown_blob` if the object store has none, `objects_unavailable`.
    pub(super) async fn get(self: &Arc<Self>, hash: Hash, bytes: u64) -> Outcome {
        let fetch = {
            let mut state = lock(&self.state);
            if let Some(blob) = state.memory.get(&hash) {
                self.metrics.library_memory_hits.add(1);
                return Ok(blob.clone());
            }
            self.shared_fetch(&mut state, hash, bytes)
        };
        fetch.await
    }

    /// A blob as a manifest names it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn get_named(self: &Arc<Self>, blob: &protocol::item::Blob) -> Outcome {
        let hash = blob.hash.parse().map_err(|_| Refusal::unknown_blob(&blob.hash))?;
        self.get(hash, blob.bytes).await
    }

    /// Bytes of blobs in memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        lock(&self.state).memory.bytes()
    }

    /// The fetch that is on its way, or a new one.
    fn shared_fetch(self: &Arc<Self>, state: &mut State, hash: Hash, bytes: u64) -> Shared<Fetch> {
        if let Some(fetch) = state.fetches.get(&hash).and_then(WeakShared::upgrade) {
            return fetch;
        }
        if state.fetches.len() >= MANY_FETCHES {
            state.fetches.retain(|_, fetch| fetch.upgrade().is_some());
        }
        let fetch = self.clone().fetch(hash, bytes).boxed().shared();
        state.fetches.extend(fetch.downgrade().map(|fetch| (hash, fetch)));
        fetch
    }

    /// A range of a blob that was read whole before and is not in memory any more. It is not kept.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn range(&self, hash: Hash, range: Range<u64>) -> Result<Bytes, Refusal> {
        let bytes = range.end.saturating_sub(range.start);
        let read = async {
            let _permit = self.permit(bytes).await?;
            if let Some(disk) = &self.disk
                && let Some(read) = disk.read_range(hash, range.clone()).await
            {
                return Ok(read);
            }
            self.store.read(hash, Some(range)).await
        };
        self.in_time(hash, read).await
    }

    async fn fetch(self: Arc<Self>, hash: Hash, bytes: u64) -> Outcome {
        let whole = self.in_time(hash, self.fetch_whole(hash, bytes)).await;
        let blob = whole.map(|whole| Arc::new(Pieces::of(whole)));
        let mut state = lock(&self.state);
        state.fetches.remove(&hash);
        let left = blob.as_ref().map(|blob| state.memory.insert(hash, blob.clone(), blob.bytes()));
        drop(state);
        // What leaves is freed without the lock.
        drop(left);
        blob
    }

    async fn fetch_whole(&self, hash: Hash, bytes: u64) -> Result<Bytes, Error> {
        let _permit = self.permit(bytes).await?;
        if let Some(disk) = &self.disk
            && let Some(read) = disk.read(hash).await
        {
            self.metrics.library_disk_hits.add(1);
            return Ok(read);
        }
        self.metrics.library_fetches.add(1);
        let read = self.store.read(hash, None).await?;
        if read.len() as u64 != bytes {
            return Err(Error::Damaged(hash.to_string()));
        }
        if let Some(disk) = &self.disk {
            disk.write(hash, read.clone()).await;
        }
        Ok(read)
    }

    async fn permit(&self, bytes: u64) -> Result<SemaphorePermit<'_>, Error> {
        let units = u32::try_from(bytes.div_ceil(FETCH_UNIT_BYTES)).unwrap_or(FETCH_UNITS);
        let permit = self.permits.acquire_many(units.clamp(1, FETCH_UNITS)).await;
        permit.map_err(|closed| Error::Unavailable(closed.to_string()))
    }

    /// The outcome of a read that has its time limit. What an operator has to know is logged here.
    async fn in_time(
        &self,
        hash: Hash,
        read: impl Future<Output = Result<Bytes, Error>>,
    ) -> Result<Bytes, Refusal> {
        let error = match timeout(FETCH_TIMEOUT, read).await {
            Ok(Ok(bytes)) => return Ok(bytes),
            Ok(Err(error)) => error,
            Err(elapsed) => Error::Unavailable(elapsed.to_string()),
        };
        self.metrics.library_fetches_failed.add(1);
        match error {
            Error::Missing(_) => Err(self.store.missing(hash)),
            error => {
                tracing::warn!(blob = %hash, %error, "a blob cannot be read");
                Err(Refusal::objects_unavailable())
            }
        }
    }
}

#[cfg(test)]
pub(super) mod fake {
    use std::{collections::HashMap, sync::Mutex};

    use super::*;
    use crate::lock::lock;

    /// An object store whose reads are counted.
    #[derive(Default)]
    pub(crate) struct FakeStore {
        blobs: HashMap<Hash, Bytes>,
        pub(crate) reads: Mutex<Vec<(Hash, Option<Range<u64>>)>>,
        pub(crate) fails: Mutex<Option<Error>>,
        /// Reads wait while a test holds it.
        pub(crate) gate: tokio::sync::RwLock<()>,
    }

    impl FakeStore {
        pub(crate) fn of(blobs: impl IntoIterator<Item = Bytes>) -> Arc<Self> {
            let blobs = blobs.into_iter().map(|bytes| (Hash::of(&bytes), bytes)).collect();
            Arc::new(Self { blobs, ..Self::default() })
        }

        pub(crate) fn reads(&self) -> usize {
            lock(&self.reads).len()
        }
    }

    impl BlobStore for FakeStore {
        fn read(&self, hash: Hash, range: Option<Range<u64>>) -> Reading<'_> {
            Box::pin(async move {
                lock(&self.reads).push((hash, range.clone()));
                drop(self.gate.read().await);
                if let Some(error) = lock(&self.fails).clone() {
                    return Err(error);
                }
                let blob = self.blobs.get(&hash).ok_or_else(|| Error::Missing(hash.to_string()))?;
                Ok(range.map_or_else(
                    || blob.clone(),
                    |range| blob.slice(range.start as usize..range.end as usize),
                ))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use protocol::ErrorCode;

    use super::{fake::FakeStore, *};
    use crate::lock::lock;

    fn blob(byte: u8) -> Bytes {
        Bytes::from(vec![byte; 1000])
    }

    fn blobs(store: &Arc<FakeStore>, most_bytes: u64) -> Arc<Blobs> {
        Blobs::new(store.clone(), None, most_bytes, Arc::default())
    }

    /// The answers to many who all ask before there is one.
    async fn at_once(store: &FakeStore, blobs: &Arc<Blobs>, hash: Hash) -> Vec<Outcome> {
        let closed = store.gate.write().await;
        let mut asks: Vec<_> = (0..100).map(|_| Box::pin(blobs.get(hash, 1000))).collect();
        for ask in &mut asks {
            assert!(futures_util::poll!(ask).is_pending());
        }
        drop(closed);
        join_all(asks).await
    }

    #[tokio::test]
    async fn many_askers_cost_one_fetch_and_a_failure_is_not_kept() {
        let store = FakeStore::of([blob(1)]);
        let (blobs, hash) = (blobs(&store, 10_000), Hash::of(&blob(1)));
        *lock(&store.fails) = Some(Error::Unavailable("away".into()));
        let answers = at_once(&store, &blobs, hash).await;
        assert!(
            answers.into_iter().all(|answer| answer.unwrap_err().code() == ErrorCode::ObjectsUnavailable)
        );
        assert_eq!(store.reads(), 1);
        *lock(&store.fails) = None;
        let answers = at_once(&store, &blobs, hash).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap().whole() == blob(1)));
        assert_eq!(store.reads(), 2);
    }

    #[tokio::test]
    async fn an_asker_that_leaves_does_not_take_the_answer_of_the_others_with_it() {
        let store = FakeStore::of([blob(1)]);
        let (blobs, hash) = (blobs(&store, 10_000), Hash::of(&blob(1)));
        let closed = store.gate.write().await;
        let mut first = Box::pin(blobs.get(hash, 1000));
        assert!(futures_util::poll!(&mut first).is_pending());
        let second = blobs.get(hash, 1000);
        drop((first, closed));
        assert_eq!(second.await.unwrap().whole(), blob(1));
    }

    #[tokio::test]
    async fn memory_is_bounded_and_the_least_recently_used_goes_first() {
        let store = FakeStore::of((0..4).map(blob));
        let blobs = blobs(&store, 3000);
        let get = async |number| blobs.get(Hash::of(&blob(number)), 1000).await.unwrap().bytes();
        for number in [0, 1, 2, 0, 3] {
            assert_eq!(get(number).await, 1000);
        }
        assert_eq!((blobs.memory_bytes(), store.reads()), (3000, 4));
        get(0).await;
        assert_eq!(store.reads(), 4);
        get(1).await;
        assert_eq!(store.reads(), 5);
    }

    #[tokio::test]
    async fn what_the_store_lacks_and_what_has_another_size_is_told_apart() {
        let store = FakeStore::of([blob(1)]);
        let blobs = blobs(&store, 10_000);
        let code = async |hash, bytes| blobs.get(hash, bytes).await.unwrap_err().code();
        assert_eq!(code(Hash::of(b"another"), 1).await, ErrorCode::UnknownBlob);
        assert_eq!(code(Hash::of(&blob(1)), 999).await, ErrorCode::ObjectsUnavailable);
    }

    #[tokio::test]
    async fn a_blob_on_disk_is_not_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let store = FakeStore::of([blob(1)]);
        for _ in 0..2 {
            let disk = DiskCache::open(folder.path(), 10_000).unwrap();
            let blobs = Blobs::new(store.clone(), Some(disk), 0, Arc::default());
            let hash = Hash::of(&blob(1));
            assert_eq!(blobs.get(hash, 1000).await.unwrap().whole(), blob(1));
            assert_eq!(blobs.range(hash, 1..3).await.unwrap(), [1, 1][..]);
        }
        assert_eq!(store.reads(), 1, "not after a restart either");
    }
}
