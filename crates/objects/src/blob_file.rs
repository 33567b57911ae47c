//! Blobs as files: where the location is a folder on this machine, a blob can be sent without being read into memory.
//!
//! A file is verified by its hash before it is first used, and again if it changed since: if its device, inode, size, time of
//! modification or time of change differ. What was verified is remembered for a bounded number of blobs.

use std::{
    collections::HashMap,
    fs::{File, Metadata},
    io::{self, Read},
    ops::Range,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{Error, Hash, MAX_BYTES, key};

/// Most blobs that are remembered as verified: some megabytes. Beyond, all are forgotten.
const MOST_VERIFIED: usize = 1 << 16;
/// Two changes within the resolution of a file system's clock give a file the same times. So files that changed more recently than this
/// are not remembered.
const SETTLED_AFTER: Duration = Duration::from_secs(2);
/// Bytes that are read ahead at once.
const PART_BYTES: usize = 256 << 10;
/// Bytes that are read to be hashed at once: the nearer caches have room for them.
const HASHED_BYTES: usize = 64 << 10;
/// Bytes of a file of which one is tried for whether they are in memory. Each try costs about a microsecond.
const TRIED_EVERY: u64 = 256 << 10;

/// The blobs of a folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    verified: Mutex<HashMap<Hash, Stamp>>,
    settled_after: Duration,
}

/// What differs once a file was changed or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The open file of a blob, which was verified.
#[derive(Debug)]
pub struct BlobFile {
    file: File,
    stamp: Stamp,
    is_settled: bool,
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), verified: Mutex::default(), settled_after: SETTLED_AFTER }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a blob that was verified, if it can be opened without waiting for the disk.
    pub fn open_now(&self, hash: &Hash) -> Option<BlobFile> {
        let known = *self.verified().get(hash)?;
        let file = now::open(&self.file(hash))?;
        let stamp = Stamp::of(&file.metadata().ok()?);
        (stamp == known).then_some(BlobFile { file, stamp, is_settled: true })
    }

    /// The file of a blob, which is verified unless it was before; none if it cannot be opened or read. Blocks.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn open(&self, hash: &Hash) -> Result<Option<BlobFile>, Error> {
        let opened = File::open(self.file(hash)).and_then(|file| Ok((file.metadata()?, file)));
        let Ok((metadata, mut file)) = opened else { return Ok(None) };
        let stamp = Stamp::of(&metadata);
        if self.verified().get(hash) == Some(&stamp) {
            return Ok(Some(BlobFile { file, stamp, is_settled: true }));
        }
        let damaged = || Error::Damaged(hash.to_string());
        if stamp.bytes > MAX_BYTES {
            return Err(damaged());
        }
        let Ok(found) = hash_of(&mut file) else { return Ok(None) };
        if found != *hash {
            return Err(damaged());
        }
        let is_settled = stamp.is_older(self.settled_after);
        if is_settled {
            self.remember(*hash, stamp);
        }
        Ok(Some(BlobFile { file, stamp, is_settled }))
    }

    fn remember(&self, hash: Hash, stamp: Stamp) {
        let mut verified = self.verified();
        if verified.len() >= MOST_VERIFIED {
            verified.clear();
        }
        verified.insert(hash, stamp);
    }

    fn verified(&self) -> std::sync::MutexGuard<'_, HashMap<Hash, Stamp>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, hash: &Hash) -> PathBuf {
        self.path.join(key::blob(hash).as_ref())
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    #[allow(clippy::disallowed_methods, reason = "compared with times of the file system")]
    fn is_older(&self, age: Duration) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let past = |second: i64| u64::try_from(second).ok().filter(|second| *second <= now.as_secs());
        // A restored file may claim a modification time in the future, which is ignored. This system sets the change time itself.
        let changed = past(self.changed.0).map(|changed| changed.max(past(self.modified.0).unwrap_or(0)));
        changed.is_some_and(|changed| now >= Duration::from_secs(changed).saturating_add(age))
    }
}

impl BlobFile {
    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.stamp.bytes
    }

    /// Whether every later change shows in [`Self::is_unchanged`]. It may not if the file had just changed when it was verified.
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Whether the file is as it was when it was verified. It is not once it was deleted or replaced: both change its time of change.
    pub fn is_unchanged(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| Stamp::of(&metadata) == self.stamp)
    }

    /// Whether `range` can be read without waiting for the disk, as far as can be told at little cost.
    pub fn is_in_memory(&self, range: Range<u64>) -> bool {
        tried(range).all(|at| now::has_byte(&self.file, at))
    }

    /// Reads `range` so that it is in memory. Blocks.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn load(&self, range: Range<u64>) -> Result<(), Error> {
        let mut buffer = vec![0; PART_BYTES];
        let mut at = range.start;
        while at < range.end {
            let bytes = usize::try_from(range.end - at).map_or(PART_BYTES, |bytes| bytes.min(PART_BYTES));
            self.file.read_exact_at(&mut buffer[..bytes], at).map_err(unreadable)?;
            at += bytes as u64;
        }
        Ok(())
    }

    /// The bytes of `range`. Blocks.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also for a range that is not within the file.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let bytes = range.end.saturating_sub(range.start).min(self.bytes());
        let mut read = vec![0; usize::try_from(bytes).unwrap_or(0)];
        self.file.read_exact_at(&mut read, range.start).map_err(unreadable)?;
        Ok(read)
    }
}

/// A byte in each [`TRIED_EVERY`] bytes of `range`, its last one among them.
fn tried(range: Range<u64>) -> impl Iterator<Item = u64> {
    let last = range.end.saturating_sub(1);
    let is_before_last = move |at: &u64| last - at >= TRIED_EVERY;
    let last_one = (!range.is_empty()).then_some(last);
    range.step_by(TRIED_EVERY as usize).take_while(is_before_last).chain(last_one)
}

impl AsFd for BlobFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// What is done without waiting for the disk.
#[cfg(target_os = "linux")]
mod now {
    use std::{fs::File, io::IoSliceMut, path::Path};

    use rustix::{
        fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
        io::{ReadWriteFlags, preadv2},
    };

    pub(super) fn open(path: &Path) -> Option<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok().map(File::from)
    }

    pub(super) fn has_byte(file: &File, at: u64) -> bool {
        preadv2(file, &mut [IoSliceMut::new(&mut [0])], at, ReadWriteFlags::NOWAIT) == Ok(1)
    }
}

/// Other systems do not tell whether they would wait.
#[cfg(not(target_os = "linux"))]
mod now {
    use std::{fs::File, path::Path};

    pub(super) fn open(_: &Path) -> Option<File> {
        None
    }

    pub(super) fn has_byte(_: &File, _: u64) -> bool {
        false
    }
}

fn unreadable(error: io::Error) -> Error {
    Error::Unavailable(error.to_string())
}

fn hash_of(file: &mut File) -> io::Result<Hash> {
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; HASHED_BYTES]);
    let mut left = MAX_BYTES;
    while left > 0 {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        left = left.saturating_sub(read as u64);
    }
    Ok(Hash::from(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Blob {
        folder: Folder,
        hash: Hash,
        path: PathBuf,
        temporary: tempfile::TempDir,
    }

    /// A blob in a folder, where changes are told apart at once.
    fn blob() -> Blob {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder { settled_after: Duration::ZERO, ..Folder::new(temporary.path()) };
        let hash = Hash::of(b"0123456789");
        let path = folder.file(&hash);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"0123456789").unwrap();
        Blob { folder, hash, path, temporary }
    }

    #[test]
    fn a_blob_is_open_at_once_only_after_it_was_verified() {
        let Blob { folder, hash, temporary: _temporary, .. } = blob();
        assert!(folder.open_now(&hash).is_none());
        let file = folder.open(&hash).unwrap().unwrap();
        assert_eq!((file.bytes(), file.read(2..5).unwrap()), (10, b"234".to_vec()));
        assert!(file.read(8..11).is_err());
        file.load(0..10).unwrap();
        assert!(file.is_unchanged());
        let file = folder.open_now(&hash).unwrap();
        assert_eq!(file.read(0..10).unwrap(), b"0123456789");
        assert!(folder.open(&Hash::of(b"another")).unwrap().is_none());
    }

    #[test]
    fn a_file_that_changed_is_verified_again_whatever_its_modification_time_says() {
        let Blob { folder, hash, path, temporary: _temporary } = blob();
        let file = folder.open(&hash).unwrap().unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let later = modified + Duration::from_secs(1);
        // The same size and inode: other bytes, at another time.
        fs::write(&path, b"012345678x").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        assert!(!file.is_unchanged());
        assert!(folder.open_now(&hash).is_none());
        assert_eq!(folder.open(&hash).unwrap_err(), Error::Damaged(hash.to_string()));
        // Another file in its place, which is whole.
        fs::write(path.with_extension("new"), b"0123456789").unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        assert!(folder.open_now(&hash).is_none());
        assert!(folder.open(&hash).unwrap().is_some_and(|file| file.is_unchanged()));
        assert!(folder.open_now(&hash).is_some());
        // Another size.
        fs::write(&path, b"012345678").unwrap();
        assert!(folder.open_now(&hash).is_none() && folder.open(&hash).is_err());
    }

    #[test]
    fn a_file_that_changed_just_now_is_not_remembered() {
        let Blob { folder, hash, temporary: _temporary, .. } = blob();
        let folder = Folder { settled_after: SETTLED_AFTER, ..folder };
        assert!(folder.open(&hash).unwrap().is_some());
        assert!(folder.open_now(&hash).is_none());
    }

    #[test]
    fn a_file_with_a_modification_time_in_the_future_is_remembered() {
        let Blob { folder, hash, path, temporary: _temporary } = blob();
        let next_year =
            fs::metadata(&path).unwrap().modified().unwrap() + Duration::from_secs(366 * 24 * 3600);
        File::options().write(true).open(&path).unwrap().set_modified(next_year).unwrap();
        assert!(folder.open(&hash).unwrap().is_some());
        assert!(folder.open_now(&hash).is_some());
    }

    #[test]
    fn a_byte_of_each_part_is_tried_and_the_last_one() {
        const KIB: u64 = 1 << 10;
        let tried = |range| tried(range).collect::<Vec<_>>();
        assert_eq!(tried(7..7), [0; 0]);
        assert_eq!(tried(7..8), [7]);
        assert_eq!(tried(0..256 * KIB), [256 * KIB - 1]);
        assert_eq!(tried(0..320_000), [0, 319_999]);
        assert_eq!(tried(5..5 + 512 * KIB), [5, 5 + 512 * KIB - 1]);
        assert_eq!(tried(0..513 * KIB), [0, 256 * KIB, 513 * KIB - 1]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let Blob { folder, hash, temporary: _temporary, .. } = blob();
        let stamp = folder.open(&hash).unwrap().unwrap().stamp;
        for number in 0..MOST_VERIFIED + 10 {
            folder.remember(Hash::of(&number.to_be_bytes()), stamp);
            assert!(folder.verified().len() <= MOST_VERIFIED);
        }
    }
}
