//! Calls to a folder or a bucket: their time limits, and what their errors mean.

use std::{
    fmt, fs, io,
    ops::Range,
    path,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path};
use tokio::time::timeout;

use crate::{Error, Folder, Hash, Info, MAX_BYTES, bucket, key, location::Bucket, room};

/// Longest wait for a call that moves an object, retries included.
const MOVE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for any other call, and for the next page of a list.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A folder or a bucket.
pub(crate) struct Store {
    /// Set once a folder was usable; that of a bucket is there from the start.
    store: OnceLock<Arc<dyn ObjectStore>>,
    /// Its files, if it is a folder.
    folder: Option<Arc<Folder>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the settings of a bucket's client, which has credentials.
        match (self.store.get(), self.path()) {
            (Some(store), _) => write!(f, "Store({store})"),
            (None, folder) => write!(f, "Store({})", folder.unwrap_or(path::Path::new("")).display()),
        }
    }
}

impl Store {
    /// Creates the folder if it is missing. What is written to it is on the disk when a call returns. A folder that cannot be used now is
    /// away: each call tries again, and creates nothing, because an empty folder may be where a disk is to be mounted.
    ///
    /// # Errors
    /// [`Error::Location`] if the path is that of a file, or the folder that it is to be in does not exist.
    pub(crate) fn folder(folder: &path::Path) -> Result<Self, Error> {
        check_path(folder)?;
        let this = Self { store: OnceLock::new(), folder: Some(Arc::new(Folder::new(folder))) };
        match fs::create_dir_all(folder.join(key::BLOBS)).and_then(|()| open_folder(folder)) {
            Ok(store) => drop(this.store.set(store)),
            Err(error) => tracing::warn!(
                %error,
                "the media of the library is not available, trying again when it is needed: object folder {}: {error}",
                folder.display()
            ),
        }
        Ok(this)
    }

    /// Where the file of an object is, if the location is a folder.
    pub(crate) fn file(&self, key: &Path) -> Option<std::path::PathBuf> {
        self.folder.as_ref().map(|folder| folder.path().join(key.as_ref()))
    }

    /// Sends nothing.
    ///
    /// # Errors
    /// As [`bucket::open`].
    pub(crate) fn bucket(bucket: &Bucket, trust: &tls::Trust) -> Result<Self, Error> {
        Ok(Self { store: OnceLock::from(bucket::open(bucket, trust)?), folder: None })
    }

    async fn store(&self) -> Result<&Arc<dyn ObjectStore>, Error> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let Some(folder) = self.path().map(path::Path::to_owned) else {
            return Err(Error::Unavailable("it was not opened".into()));
        };
        let shown = folder.display().to_string();
        let opened = limited(CALL_TIMEOUT, tokio::task::spawn_blocking(move || open_folder(&folder))).await?;
        let store = opened
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| Error::Unavailable(format!("object folder {shown}: {error}")))?;
        Ok(self.store.get_or_init(|| {
            tracing::info!("object folder {shown} can be used now");
            store
        }))
    }

    /// Replaces what is there.
    pub(crate) async fn put(&self, key: &Path, bytes: Bytes) -> Result<(), Error> {
        let length = bytes.len() as u64;
        if length > MAX_BYTES {
            return Err(Error::TooLarge(length));
        }
        let store = self.store().await?;
        self.is_here().await?;
        if let Some(folder) = self.path() {
            limited(CALL_TIMEOUT, room::check(folder, length)).await??;
        }
        let result = limited(MOVE_TIMEOUT, store.put(key, bytes.into())).await?;
        // Nothing that is written can be missing, except the bucket.
        result.map(drop).map_err(|error| unavailable(&error))
    }

    /// The whole object, or the bytes of a range that must lie within it.
    pub(crate) async fn get(&self, key: &Path, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        if range.as_ref().is_some_and(Range::is_empty) {
            return Err(Error::Range(name(key)));
        }
        let options = GetOptions { range: range.clone().map(Into::into), ..GetOptions::default() };
        let store = self.store().await?;
        let read = async {
            let found = store.get_opts(key, options).await?;
            let length = found.range.end - found.range.start;
            if length > MAX_BYTES { Ok(Err(Error::TooLarge(length))) } else { found.bytes().await.map(Ok) }
        };
        let bytes = match limited(MOVE_TIMEOUT, read).await? {
            Ok(bytes) => bytes?,
            Err(error) => return Err(self.failed_read(key, range, error).await),
        };
        match range {
            Some(range) if bytes.len() as u64 != range.end - range.start => Err(Error::Range(name(key))),
            _ => Ok(bytes),
        }
    }

    /// Stores report a range past an object's end as an error of no kind of its own.
    async fn failed_read(&self, key: &Path, range: Option<Range<u64>>, error: object_store::Error) -> Error {
        match (self.failed(key, error).await, range) {
            (Error::Unavailable(reason), Some(range)) => match self.head(key).await {
                Ok(Some(info)) if range.end > info.bytes => Error::Range(name(key)),
                _ => Error::Unavailable(reason),
            },
            (error, _) => error,
        }
    }

    /// Replaces what is at `to`.
    pub(crate) async fn copy(&self, from: &Path, to: &Path) -> Result<(), Error> {
        match limited(MOVE_TIMEOUT, self.store().await?.copy(from, to)).await? {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(from, error).await),
        }
    }

    /// None if there is no such object.
    pub(crate) async fn head(&self, key: &Path) -> Result<Option<Info>, Error> {
        match limited(CALL_TIMEOUT, self.store().await?.head(key)).await? {
            Ok(meta) => Ok(Some(info(&meta))),
            Err(error) => match self.failed(key, error).await {
                Error::Missing(_) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// A missing object is no error.
    pub(crate) async fn delete(&self, key: &Path) -> Result<(), Error> {
        match limited(CALL_TIMEOUT, self.store().await?.delete(key)).await? {
            Ok(()) => Ok(()),
            Err(error) => match self.failed(key, error).await {
                Error::Missing(_) => Ok(()),
                error => Err(error),
            },
        }
    }

    /// All objects below `prefix`, in no order, page by page.
    pub(crate) fn list(self: &Arc<Self>, prefix: Path) -> BoxStream<'static, Result<(Path, Info), Error>> {
        let this = self.clone();
        let listed = async move {
            let store = this.store().await?;
            this.is_here().await?;
            Ok(Self::pages(store.list(Some(&prefix))))
        };
        stream::once(listed).try_flatten().boxed()
    }

    fn pages(
        list: BoxStream<'static, object_store::Result<ObjectMeta>>,
    ) -> impl futures_util::Stream<Item = Result<(Path, Info), Error>> {
        stream::try_unfold(list, |mut list| async move {
            let next = limited(CALL_TIMEOUT, list.try_next()).await?;
            let next = next.map_err(|error| unavailable(&error))?;
            Ok(next.map(|meta| ((meta.location.clone(), info(&meta)), list)))
        })
    }

    /// Names directly below `prefix` that have objects below them.
    pub(crate) async fn folders(&self, prefix: &Path) -> Result<Vec<String>, Error> {
        let store = self.store().await?;
        self.is_here().await?;
        let listed = limited(MOVE_TIMEOUT, store.list_with_delimiter(Some(prefix))).await?;
        let listed = listed.map_err(|error| unavailable(&error))?;
        Ok(listed.common_prefixes.iter().filter_map(|path| Some(path.filename()?.to_owned())).collect())
    }

    /// Fails unless the store answers and has the bucket or folder.
    pub(crate) async fn health(&self) -> Result<(), Error> {
        let store = self.store().await?;
        self.is_here().await?;
        // A prefix without objects: one request and no more, which only fails if the bucket is not there.
        let mut list = store.list(Some(&Path::from("health")));
        let first = limited(CALL_TIMEOUT, list.next()).await?;
        first.transpose().map(drop).map_err(|error| unavailable(&error))
    }

    /// The folder; none for a bucket.
    pub(crate) fn path(&self) -> Option<&std::path::Path> {
        self.folder.as_ref().map(|folder| folder.path())
    }

    /// The files of blobs; none for a bucket.
    pub(crate) fn files(&self) -> Option<&Arc<Folder>> {
        self.folder.as_ref()
    }

    /// Removes a folder that has become empty; what has objects stays. In a bucket there is nothing to remove.
    pub(crate) async fn remove_empty(&self, prefix: &Path) {
        if let Some(folder) = self.path() {
            // Most often it is not empty, and the next call tries again.
            let _ = tokio::fs::remove_dir(folder.join(prefix.as_ref())).await;
        }
    }

    /// A folder that was unmounted is away, not empty: it always has the folder of blobs.
    async fn is_here(&self) -> Result<(), Error> {
        let Some(folder) = self.path() else { return Ok(()) };
        let marker = folder.join(key::BLOBS);
        match limited(CALL_TIMEOUT, tokio::fs::metadata(&marker)).await? {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::Unavailable(format!("{}: {error}", marker.display()))),
        }
    }

    async fn failed(&self, key: &Path, error: object_store::Error) -> Error {
        // An answer that the bucket is missing has the status of one that the object is.
        let is_missing = matches!(&error, object_store::Error::NotFound { source, .. }
            if !source.to_string().contains("NoSuchBucket"));
        if !is_missing {
            return unavailable(&error);
        }
        self.is_here().await.err().unwrap_or_else(|| Error::Missing(name(key)))
    }
}

/// Tells a mistyped path from a folder that is away.
fn check_path(folder: &path::Path) -> Result<(), Error> {
    let mistyped = |what: &str| Error::Location(format!("object folder {}: {what}", folder.display()));
    match fs::metadata(folder) {
        Ok(metadata) if !metadata.is_dir() => return Err(mistyped("this is not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(mistyped(&error.to_string()));
        }
        _ => {}
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let is_missing =
        |path: &path::Path| fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    match parent {
        Some(parent) if is_missing(parent) => {
            Err(mistyped(&format!("{} does not exist; make it first", parent.display())))
        }
        _ => Ok(()),
    }
}

/// Opens a folder that has its folder of blobs. Blocks.
fn open_folder(folder: &path::Path) -> io::Result<Arc<dyn ObjectStore>> {
    let marker = folder.join(key::BLOBS);
    let failed = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", marker.display()));
    if !fs::metadata(&marker).map_err(failed)?.is_dir() {
        return Err(failed(io::ErrorKind::NotADirectory.into()));
    }
    let store = LocalFileSystem::new_with_prefix(folder).map_err(io::Error::other)?;
    Ok(Arc::new(store.with_fsync(true)))
}

/// What errors call an object: the hash of a blob, the key of a part.
pub(crate) fn name(key: &Path) -> String {
    key::hash(key).as_ref().map_or_else(|| key.to_string(), Hash::to_string)
}

fn info(meta: &ObjectMeta) -> Info {
    Info { bytes: meta.size, modified_at: SystemTime::from(meta.last_modified) }
}

async fn limited<F: Future>(limit: Duration, call: F) -> Result<F::Output, Error> {
    let late = |_| Error::Unavailable(format!("no answer within {} s", limit.as_secs()));
    timeout(limit, call).await.map_err(late)
}

fn unavailable(error: &object_store::Error) -> Error {
    Error::Unavailable(error.to_string())
}
