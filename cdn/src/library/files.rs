//! Blobs that are sent as files, where the object store is a folder on this machine: the page cache is the cache, and the kernel sends from it.
//!
//! A blob is verified when its file is first opened, and again once the file changed. Answers with the same blob share its open file. Open
//! files are bounded; further blobs are read into memory like those of other stores. So are small blobs, for which opening a file
//! costs more than copying.

use std::{
    collections::HashMap,
    io,
    ops::Range,
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, Mutex, Weak},
};

use bytes::Bytes;
use objects::{BlobFile, Error, Folder, Hash};
use serving::{FileSender, Loading, SendableFile};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

use super::{blobs::FETCH_TIMEOUT, refusal::Refusal};
use crate::{lock::lock, metrics::Metrics};

/// Smaller blobs are read into memory.
const LEAST_BYTES: u64 = 64 << 10;
/// Most files that are open at once. It is part of the descriptors that connections leave free.
const MOST_OPEN: usize = 512;
/// Most files that are verified at once. A blob is verified once for all that wait for it.
const VERIFIED_AT_ONCE: usize = 8;
/// Most files that are read into memory at once. On a disk that hangs, no more threads wait than this and [`VERIFIED_AT_ONCE`].
const LOADED_AT_ONCE: usize = 32;
/// Files that may be closed, from which number on they are looked through.
const MANY_FILES: usize = 2 * MOST_OPEN;

/// See the [module](self).
pub(super) struct OpenFiles {
    folder: Arc<Folder>,
    open: Mutex<HashMap<Hash, Weak<OpenFile>>>,
    places: Arc<Semaphore>,
    turns: [Arc<tokio::sync::Mutex<()>>; VERIFIED_AT_ONCE],
    loads: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// The open file of a blob.
pub(super) struct OpenFile {
    file: BlobFile,
    loads: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
}

impl SendableFile for OpenFile {
    fn is_in_memory(&self, range: Range<u64>) -> bool {
        self.file.is_in_memory(range)
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
        Ok(file.map(|file| SentFile { file, sender: self.sender.clone() }))
    }
}

/// A blob that is sent as a file.
#[derive(Clone)]
pub(super) struct SentFile {
    file: Arc<OpenFile>,
    sender: FileSender,
}

impl SentFile {
    /// The frame of an answer that stands for the bytes from `begin` to `end`.
    pub(super) fn frame(&self, begin: u64, end: u64) -> Bytes {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        self.sender.frame(self.file.clone(), place(begin), place(end - begin))
    }
}

impl OpenFiles {
    pub(super) fn new(folder: Arc<Folder>, metrics: Arc<Metrics>) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(MOST_OPEN));
        let loads = Arc::new(Semaphore::new(LOADED_AT_ONCE));
        Arc::new(Self { folder, open: Mutex::default(), places, turns: Default::default(), loads, metrics })
    }

    /// The file of a blob, which has so many `bytes`; none if it is to be read into memory, or is not there.
    ///
    /// # Errors
    /// `objects_unavailable` if it is damaged, or cannot be read in time.
    pub(super) async fn get(&self, hash: Hash, bytes: u64) -> Result<Option<Arc<OpenFile>>, Refusal> {
        if bytes < LEAST_BYTES {
            return Ok(None);
        }
        if let Some(file) = self.opened(&hash) {
            self.metrics.library_file_hits.add(1);
            return Ok(Some(file));
        }
        let Ok(place) = self.places.clone().try_acquire_owned() else { return Ok(None) };
        let file = match self.folder.open_now(&hash) {
            Some(file) => {
                self.metrics.library_file_hits.add(1);
                Ok(Some(Arc::new(OpenFile { file, loads: self.loads.clone(), _place: place })))
            }
            None => timeout(FETCH_TIMEOUT, self.verified(hash, place))
                .await
                .unwrap_or_else(|elapsed| Err(Error::Unavailable(elapsed.to_string()))),
        };
        let is_whole = |file: &Arc<OpenFile>| file.file.bytes() == bytes;
        match file {
            Ok(Some(file)) if is_whole(&file) => {
                self.share(hash, &file);
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

    async fn verified(
        &self,
        hash: Hash,
        place: OwnedSemaphorePermit,
    ) -> Result<Option<Arc<OpenFile>>, Error> {
        let turn = usize::from(hash.as_bytes()[0]) % VERIFIED_AT_ONCE;
        let turn = self.turns[turn].clone().lock_owned().await;
        // Another may have opened it meanwhile.
        if let Some(file) = self.opened(&hash) {
            return Ok(Some(file));
        }
        let (folder, loads) = (self.folder.clone(), self.loads.clone());
        // The turn and the place are held for as long as the thread works, also when nothing waits for it any more.
        let open = move || {
            let file = folder.open(&hash)?;
            drop(turn);
            Ok(file.map(|file| Arc::new(OpenFile { file, loads, _place: place })))
        };
        let file = spawn_blocking(open).await.map_err(|error| Error::Unavailable(error.to_string()))?;
        file.map(|file| {
            file.inspect(|file| {
                self.metrics.library_fetches.add(1);
                self.share(hash, file);
            })
        })
    }

    /// The file that other answers are sent from, if it is as it was when it was verified.
    fn opened(&self, hash: &Hash) -> Option<Arc<OpenFile>> {
        let file = lock(&self.open).get(hash)?.upgrade()?;
        file.file.is_unchanged().then_some(file)
    }

    fn share(&self, hash: Hash, file: &Arc<OpenFile>) {
        let mut open = lock(&self.open);
        if open.len() >= MANY_FILES {
            open.retain(|_, file| file.strong_count() > 0);
        }
        open.insert(hash, Arc::downgrade(file));
    }
}
