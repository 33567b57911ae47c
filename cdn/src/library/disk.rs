//! Blobs on the node's own disk, for a node whose object store is another machine.
//!
//! A file per blob, named by its hash, in a folder that belongs to the cache alone. Their bytes are bounded: the least recently used
//! are deleted. The files survive a restart, in the order of their last use, which is their modification time. What is read back
//! whole is verified: a damaged file is deleted, and counts as one that is not there. So nothing has to be synchronised.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use bytes::Bytes;
use objects::Hash;

use super::byte_lru::ByteLru;
use crate::lock::lock;

/// What a file is called until it is complete.
const UNFINISHED: &str = "unfinished";

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct DiskCache {
    folder: PathBuf,
    /// The files. What is dropped from here is deleted.
    files: Mutex<ByteLru<Hash, ()>>,
}

impl DiskCache {
    /// Opens a folder, which is created if it is missing; files beyond `most_bytes` are deleted.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn open(folder: &Path, most_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_name().to_str().and_then(|name| name.parse::<Hash>().ok()) {
                Some(hash) => found.extend(size(&entry).map(|bytes| (used_at(&entry), hash, bytes))),
                None => delete(&entry.path()),
            }
        }
        found.sort_unstable();
        let cache = Self { folder: folder.to_owned(), files: Mutex::new(ByteLru::new(most_bytes)) };
        for (_, hash, bytes) in found {
            cache.add(hash, bytes);
        }
        Ok(cache)
    }

    /// A whole blob, if it is here and is what its name says.
    pub(super) async fn read(self: &Arc<Self>, hash: Hash) -> Option<Bytes> {
        self.blocking(move |cache| cache.read_now(hash)).await
    }

    /// A range of a blob, not verified.
    pub(super) async fn read_range(self: &Arc<Self>, hash: Hash, range: Range<u64>) -> Option<Bytes> {
        self.blocking(move |cache| {
            lock(&cache.files).get(&hash)?;
            read_range(&cache.path(hash), range).ok()
        })
        .await
    }

    /// Keeps a blob. A disk that is full or fails is logged, and costs nothing but the cache.
    pub(super) async fn write(self: &Arc<Self>, hash: Hash, bytes: Bytes) {
        self.blocking(move |cache| {
            let written = cache.write_now(hash, &bytes);
            written.inspect_err(|error| tracing::warn!(%error, "a blob cannot be cached on disk")).ok()
        })
        .await;
    }

    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let cache = self.clone();
        tokio::task::spawn_blocking(move || work(&cache)).await.ok().flatten()
    }

    fn read_now(&self, hash: Hash) -> Option<Bytes> {
        lock(&self.files).get(&hash)?;
        let path = self.path(hash);
        let bytes = fs::read(&path).ok();
        match bytes.filter(|bytes| Hash::of(bytes) == hash) {
            Some(bytes) => {
                touch(&path);
                Some(bytes.into())
            }
            None => {
                tracing::warn!(blob = %hash, "a cached blob is damaged or gone; it is fetched again");
                lock(&self.files).remove(&hash);
                delete(&path);
                None
            }
        }
    }

    fn write_now(&self, hash: Hash, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(hash);
        let unfinished = path.with_extension(UNFINISHED);
        let written = File::create(&unfinished).and_then(|mut file| file.write_all(bytes));
        if let Err(error) = written.and_then(|()| fs::rename(&unfinished, &path)) {
            delete(&unfinished);
            return Err(error);
        }
        self.add(hash, bytes.len() as u64);
        Ok(())
    }

    /// Notes a file that is there, and deletes those that it takes the place of.
    fn add(&self, hash: Hash, bytes: u64) {
        let left = lock(&self.files).insert(hash, (), bytes);
        for (hash, ()) in left {
            delete(&self.path(hash));
        }
    }

    fn path(&self, hash: Hash) -> PathBuf {
        self.folder.join(hash.to_string())
    }
}

fn read_range(path: &Path, range: Range<u64>) -> io::Result<Bytes> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let bytes = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut read = vec![0; bytes];
    file.read_exact(&mut read)?;
    Ok(read.into())
}

/// Notes that the file was used now.
#[allow(clippy::disallowed_methods, reason = "compared with times of the file system alone")]
fn touch(path: &Path) {
    let touched =
        File::options().write(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = touched {
        tracing::debug!(%error, "the use of a cached blob cannot be noted");
    }
}

fn delete(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "a file of the library's cache cannot be deleted");
        }
        _ => {}
    }
}

fn used_at(entry: &fs::DirEntry) -> SystemTime {
    entry.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The size of a file in bytes; none if it cannot be read: then it is not used as a cached blob.
fn size(entry: &fs::DirEntry) -> Option<u64> {
    entry.metadata().ok().map(|metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(byte: u8) -> (Hash, Bytes) {
        let bytes = Bytes::from(vec![byte; 1000]);
        (Hash::of(&bytes), bytes)
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[tokio::test]
    async fn least_recently_used_files_are_deleted_beyond_the_bound_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Arc::new(DiskCache::open(folder.path(), 3000).unwrap());
        let [a, b, c, d] = [1, 2, 3, 4].map(blob);
        for (age, (hash, bytes)) in [&a, &b, &c].into_iter().enumerate() {
            cache.write(*hash, bytes.clone()).await;
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
            File::options().write(true).open(cache.path(*hash)).unwrap().set_modified(at).unwrap();
        }
        assert_eq!(cache.read(a.0).await, Some(a.1.clone()), "it is the most recently used now");
        cache.write(d.0, d.1.clone()).await;
        assert_eq!(files(folder.path()), 3);
        assert_eq!(cache.read(b.0).await, None);

        let restarted = Arc::new(DiskCache::open(folder.path(), 2000).unwrap());
        assert_eq!(files(folder.path()), 2);
        assert_eq!(restarted.read(c.0).await, None, "the least recently used of the three");
        assert_eq!(restarted.read(a.0).await, Some(a.1));
        assert_eq!(restarted.read_range(d.0, 998..1000).await, Some(Bytes::from_static(&[4, 4])));
        assert_eq!(restarted.read_range(d.0, 998..1001).await, None);
    }

    #[tokio::test]
    async fn a_damaged_file_counts_as_missing_and_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Arc::new(DiskCache::open(folder.path(), 3000).unwrap());
        let (hash, bytes) = blob(1);
        cache.write(hash, bytes.clone()).await;
        fs::write(cache.path(hash), b"something else").unwrap();
        assert_eq!(cache.read(hash).await, None);
        assert_eq!(files(folder.path()), 0);
        cache.write(hash, bytes.clone()).await;
        assert_eq!(cache.read(hash).await, Some(bytes));
    }

    #[test]
    fn what_a_crash_left_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (hash, _) = blob(1);
        fs::write(folder.path().join(hash.to_string()).with_extension(UNFINISHED), b"half").unwrap();
        DiskCache::open(folder.path(), 3000).unwrap();
        assert_eq!(files(folder.path()), 0);
    }
}
