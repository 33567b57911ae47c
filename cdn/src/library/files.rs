//! Blobs that are sent as files, where the object store is a folder on this machine: the page cache is the cache, and the kernel sends from it.
//!
//! A blob is verified when its file is first opened, and again once the file changed. Files stay open for further answers, each of which
//! compares its file with what was verified: that takes one call, where opening and closing take two more. A file that was deleted or
//! replaced differs too.
//!
//! Open files are bounded: the least recently used are closed. If answers need all of them, further blobs are read into memory like those
//! of other stores. So are small blobs, for which opening a file costs more than copying.

use std::{
    io,
    ops::Range,
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use hashlink::LruCache;
use objects::{BlobFile, Error, Folder, Hash};
use serving::{FileSender, Loading, SendableFile};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{blob::PIECE_BYTES, blobs::FETCH_TIMEOUT, refusal::Refusal};
use crate::{clock::Clock, lock::lock, metrics::Metrics};

/// Smaller blobs are read into memory.
const LEAST_BYTES: u64 = 64 << 10;
/// A file that no answer needed for so long is closed: one that was deleted keeps its place on the disk until then.
const UNUSED: Duration = Duration::from_secs(60);
/// A file that was used counts as the most recently used one at most this often: moving it there touches the memory of three others.
const PLACED_FOR: Duration = Duration::from_secs(1);
/// Files that are tried for one that can be closed.
const TRIED: usize = 16;
/// Part of a file of which is remembered that it is in memory.
const PART_BYTES: u64 = PIECE_BYTES as u64;
/// How long bytes that were in memory are taken to be there. The kernel drops those first that were not used for longest.
const TRUSTED_FOR: Duration = Duration::from_secs(5);
/// Most files that are verified at once. A blob is verified once for all that wait for it.
const VERIFIED_AT_ONCE: usize = 8;
/// Most files that are read into memory at once. On a disk that hangs, no more threads wait than this and [`VERIFIED_AT_ONCE`].
const LOADED_AT_ONCE: usize = 32;

/// See the [module](self).
pub(super) struct OpenFiles {
    folder: Arc<Folder>,
    kept: Mutex<LruCache<Hash, Kept>>,
    /// One for each file that may be open.
    places: Arc<Semaphore>,
    turns: [Arc<tokio::sync::Mutex<()>>; VERIFIED_AT_ONCE],
    loads: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

/// A file that stays open.
struct Kept {
    file: Arc<OpenFile>,
    /// When an answer asked for it, in node time, at most [`PLACED_FOR`] before the last one did.
    used_ms: u64,
}

impl Kept {
    /// Whether answers need the file.
    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.file) > 1
    }
}

/// The open file of a blob.
pub(super) struct OpenFile {
    file: BlobFile,
    /// When each part of [`PART_BYTES`] was last found in memory: node time plus 1; 0 for never.
    found_ms: Box<[AtomicU64]>,
    clock: Clock,
    loads: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
}

impl OpenFile {
    fn new(file: BlobFile, clock: Clock, loads: Arc<Semaphore>, place: OwnedSemaphorePermit) -> Self {
        let found_ms = (0..file.bytes().div_ceil(PART_BYTES)).map(|_| AtomicU64::new(0)).collect();
        Self { file, found_ms, clock, loads, _place: place }
    }

    /// Whether the part with this index is in memory.
    fn has_part(&self, index: usize, now_ms: u64) -> bool {
        let Some(found_ms) = self.found_ms.get(index) else { return false };
        let found = found_ms.load(Relaxed);
        if found > 0 && Duration::from_millis(now_ms.saturating_sub(found)) < TRUSTED_FOR {
            return true;
        }
        let begin = index as u64 * PART_BYTES;
        let is_in_memory = self.file.is_in_memory(begin..self.file.bytes().min(begin + PART_BYTES));
        found_ms.store(if is_in_memory { now_ms } else { 0 }, Relaxed);
        is_in_memory
    }
}

impl SendableFile for OpenFile {
    fn is_in_memory(&self, range: Range<u64>) -> bool {
        let now_ms = self.clock.now().ms + 1;
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let parts = index(range.start / PART_BYTES)..index(range.end.div_ceil(PART_BYTES));
        parts.into_iter().all(|part| self.has_part(part, now_ms))
    }

    fn load(self: Arc<Self>, range: Range<u64>) -> Loading {
        let loading = async move {
            let turn = self.loads.clone().acquire_owned().await.map_err(io::Error::other)?;
            let load = move || {
                let _turn = turn;
                self.file.load(range)
            };
            spawn_blocking(load).await?.map_err(io::Error::other)
        };
        Box::pin(async move {
            let loaded = timeout(FETCH_TIMEOUT, loading).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
            loaded.inspect_err(|error| tracing::warn!(%error, "the file of a blob cannot be read"))
        })
    }
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Sends blobs as files on the connection of one client.
#[derive(Clone)]
pub(super) struct SendFiles {
    pub(super) files: Arc<OpenFiles>,
    pub(super) sender: FileSender,
}

impl SendFiles {
    /// As [`OpenFiles::get`].
    ///
    /// # Errors
    /// As [`OpenFiles::get`].
    pub(super) async fn get(&self, hash: Hash, bytes: u64) -> Result<Option<SentFile>, Refusal> {
        let file = self.files.get(hash, bytes).await?;
        Ok(file.map(|file| SentFile::new(file, self.sender.clone())))
    }
}

/// A blob that is sent as a file.
#[derive(Clone)]
pub(super) struct SentFile {
    file: Arc<OpenFile>,
    sender: FileSender,
}

impl SentFile {
    pub(super) fn new(file: Arc<OpenFile>, sender: FileSender) -> Self {
        Self { file, sender }
    }

    /// The frame of an answer that stands for the bytes from `begin` to `end`.
    pub(super) fn frame(&self, begin: u64, end: u64) -> Bytes {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        self.sender.frame(self.file.clone(), place(begin), place(end - begin))
    }
}

impl OpenFiles {
    /// At most `most_open` files are open at once.
    pub(super) fn new(folder: Arc<Folder>, most_open: u32, metrics: Arc<Metrics>, clock: Clock) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(most_open as usize));
        let loads = Arc::new(Semaphore::new(LOADED_AT_ONCE));
        let kept = Mutex::new(LruCache::new_unbounded());
        Arc::new(Self { folder, kept, places, turns: Default::default(), loads, metrics, clock })
    }

    /// Closes files that are not needed any more, until it is dropped.
    pub(super) async fn close_unused(&self) {
        loop {
            sleep(UNUSED / 2).await;
            let now = self.clock.now();
            while self.take_oldest(|kept| now.since(kept.used_ms) >= UNUSED).is_some() {}
        }
    }

    /// The file of a blob, which has so many `bytes`; none if it is to be read into memory, or is not there.
    ///
    /// # Errors
    /// `objects_unavailable` if it is damaged, or cannot be read in time.
    pub(super) async fn get(&self, hash: Hash, bytes: u64) -> Result<Option<Arc<OpenFile>>, Refusal> {
        if bytes < LEAST_BYTES {
            return Ok(None);
        }
        if let Some(file) = self.kept(&hash) {
            self.metrics.library_file_hits.add(1);
            return Ok(Some(file));
        }
        let Some(place) = self.place() else { return Ok(None) };
        let file = match self.folder.open_now(&hash) {
            Some(file) => {
                self.metrics.library_file_hits.add(1);
                Ok(Some(Arc::new(OpenFile::new(file, self.clock.clone(), self.loads.clone(), place))))
            }
            None => timeout(FETCH_TIMEOUT, self.verified(hash, place))
                .await
                .unwrap_or_else(|elapsed| Err(Error::Unavailable(elapsed.to_string()))),
        };
        let is_whole = |file: &Arc<OpenFile>| file.file.bytes() == bytes;
        match file {
            Ok(Some(file)) if is_whole(&file) => {
                self.keep(hash, &file);
                Ok(Some(file))
            }
            Ok(None) => Ok(None),
            failed => {
                let error = failed.err().unwrap_or_else(|| Error::Damaged(hash.to_string()));
                self.metrics.library_fetches_failed.add(1);
                tracing::warn!(blob = %hash, %error, "a blob cannot be read");
                Err(Refusal::objects_unavailable())
            }
        }
    }

    /// The same, if the file is open already.
    pub(super) fn open(&self, hash: &Hash, bytes: u64) -> Option<Arc<OpenFile>> {
        let file = self.kept(hash).filter(|file| file.file.bytes() == bytes)?;
        self.metrics.library_file_hits.add(1);
        Some(file)
    }

    async fn verified(
        &self,
        hash: Hash,
        place: OwnedSemaphorePermit,
    ) -> Result<Option<Arc<OpenFile>>, Error> {
        let turn = usize::from(hash.as_bytes()[0]) % VERIFIED_AT_ONCE;
        let turn = self.turns[turn].clone().lock_owned().await;
        // Another may have opened it meanwhile.
        if let Some(file) = self.kept(&hash) {
            return Ok(Some(file));
        }
        let (folder, clock, loads) = (self.folder.clone(), self.clock.clone(), self.loads.clone());
        // The turn and the place are held for as long as the thread works, also when nothing waits for it any more.
        let open = move || {
            let file = folder.open(&hash)?;
            drop(turn);
            Ok(file.map(|file| Arc::new(OpenFile::new(file, clock, loads, place))))
        };
        let file = spawn_blocking(open).await.map_err(|error| Error::Unavailable(error.to_string()))?;
        file.map(|file| {
            file.inspect(|file| {
                self.metrics.library_fetches.add(1);
                self.keep(hash, file);
            })
        })
    }

    /// The file that is open, if it is as it was when it was verified. A change of one that is not settled might not show, so it counts only
    /// while other answers need it.
    fn kept(&self, hash: &Hash) -> Option<Arc<OpenFile>> {
        let now = self.clock.now();
        let (file, is_in_use) = {
            let mut all = lock(&self.kept);
            let kept = all.peek_mut(hash)?;
            let is_in_use = kept.is_in_use();
            let has_its_place = now.since(kept.used_ms) < PLACED_FOR;
            let file = kept.file.clone();
            if !has_its_place {
                kept.used_ms = now.ms;
                all.get(hash);
            }
            (file, is_in_use)
        };
        if file.file.is_unchanged() && (file.file.is_settled() || is_in_use) {
            return Some(file);
        }
        let changed = lock(&self.kept).remove(hash);
        drop(changed);
        None
    }

    fn keep(&self, hash: Hash, file: &Arc<OpenFile>) {
        let kept = Kept { file: file.clone(), used_ms: self.clock.now().ms };
        let replaced = lock(&self.kept).insert(hash, kept);
        drop(replaced);
    }

    /// A place for one more file, perhaps that of one which no answer needs.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        let free = || self.places.clone().try_acquire_owned().ok();
        free().or_else(|| {
            drop(self.take_oldest(|kept| !kept.is_in_use())?);
            free()
        })
    }

    /// Takes a file that `leaves` from those that stay open, one of the least recently used.
    fn take_oldest(&self, leaves: impl Fn(&Kept) -> bool) -> Option<Kept> {
        let mut all = lock(&self.kept);
        let oldest = all.iter().take(TRIED).find(|(_, kept)| leaves(kept));
        let hash = *oldest?.0;
        all.remove(&hash)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use objects::{Location, Objects};
    use tempfile::TempDir;

    use super::*;

    const BYTES: u64 = PART_BYTES + LEAST_BYTES;

    struct Store {
        files: Arc<OpenFiles>,
        objects: Objects,
        folder: TempDir,
    }

    impl Store {
        fn new(most_open: u32) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let location = Location::Folder(folder.path().to_owned());
            let objects = Objects::open(&location, &tls::Trust::default()).unwrap();
            let folder_of_blobs = objects.folder().unwrap().clone();
            let files = OpenFiles::new(folder_of_blobs, most_open, Arc::default(), Clock::start());
            Self { files, objects, folder }
        }

        async fn put(&self, byte: u8) -> Hash {
            self.objects.put(vec![byte; BYTES as usize].into()).await.unwrap()
        }

        async fn get(&self, hash: Hash) -> Result<Option<Arc<OpenFile>>, Refusal> {
            self.files.get(hash, BYTES).await
        }

        fn path(&self, hash: Hash) -> PathBuf {
            let name = hash.to_string();
            self.folder.path().join("blobs").join(&name[..2]).join(name)
        }

        /// Files that could still be opened.
        fn places(&self) -> usize {
            self.files.places.available_permits()
        }

        /// Files that were verified, and answers that needed no verification, so far.
        fn counted(&self) -> (u64, u64) {
            (self.files.metrics.library_fetches.get(), self.files.metrics.library_file_hits.get())
        }
    }

    #[tokio::test]
    async fn a_file_stays_open_for_further_answers_until_it_is_deleted() {
        let store = Store::new(8);
        let hash = store.put(1).await;
        // Until then a change might not show.
        sleep(Duration::from_millis(2_100)).await;
        for hits in 0..3 {
            assert!(store.get(hash).await.unwrap().is_some());
            assert_eq!((store.counted(), store.places()), ((1, hits), 7));
        }
        fs::remove_file(store.path(hash)).unwrap();
        assert!(store.get(hash).await.unwrap().is_none());
        assert_eq!(store.places(), 8, "it is closed");
    }

    #[tokio::test]
    async fn a_file_that_changed_while_it_is_open_is_verified_again() {
        let store = Store::new(8);
        let hash = store.put(1).await;
        let (path, other) = (store.path(hash), store.folder.path().join("other"));
        let in_use = store.get(hash).await.unwrap().unwrap();
        let again = store.get(hash).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&in_use, &again), "answers share an open file");

        fs::write(&other, vec![2; BYTES as usize]).unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(store.get(hash).await.is_err(), "replaced by a damaged one");
        fs::write(&other, vec![1; BYTES as usize]).unwrap();
        fs::rename(&other, &path).unwrap();
        let replaced = store.get(hash).await.unwrap().unwrap();
        assert!(!Arc::ptr_eq(&in_use, &replaced), "replaced by a good one");
        fs::write(&path, b"short").unwrap();
        assert!(store.get(hash).await.is_err(), "truncated");
    }

    #[tokio::test]
    async fn the_least_recently_used_file_that_no_answer_needs_makes_room() {
        let store = Store::new(2);
        let [a, b, c] = [store.put(1).await, store.put(2).await, store.put(3).await];
        let is_open = |hash| lock(&store.files.kept).contains_key(&hash);
        for hash in [a, b, a] {
            assert!(store.get(hash).await.unwrap().is_some());
        }
        let needed = store.get(a).await.unwrap();
        let also_needed = store.get(c).await.unwrap();
        assert_eq!([a, b, c].map(is_open), [true, false, true]);
        assert!(store.get(b).await.unwrap().is_none(), "it is read into memory");
        drop(needed);
        assert!(store.get(b).await.unwrap().is_some());
        assert_eq!([a, b, c].map(is_open), [false, true, true]);
        drop(also_needed);
    }

    #[tokio::test(start_paused = true)]
    async fn files_are_closed_when_they_were_not_used_for_a_while() {
        let store = Store::new(2);
        let hash = store.put(1).await;
        let closing = tokio::spawn({
            let files = store.files.clone();
            async move { files.close_unused().await }
        });
        assert!(store.get(hash).await.unwrap().is_some());
        sleep(UNUSED / 2).await;
        assert_eq!(store.places(), 1);
        sleep(2 * UNUSED).await;
        assert_eq!(store.places(), 2);
        closing.abort();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(start_paused = true)]
    async fn what_was_found_in_memory_is_taken_to_be_there_for_a_while() {
        let store = Store::new(2);
        let hash = store.put(1).await;
        let file = store.get(hash).await.unwrap().unwrap();
        assert!(file.is_in_memory(0..10) && !file.is_in_memory(0..2 * BYTES));
        fs::write(store.path(hash), b"").unwrap();
        assert!(file.is_in_memory(0..10) && file.is_in_memory(BYTES - 10..BYTES));
        sleep(TRUSTED_FOR).await;
        assert!(!file.is_in_memory(0..10) && !file.is_in_memory(BYTES - 10..BYTES));
    }
}
