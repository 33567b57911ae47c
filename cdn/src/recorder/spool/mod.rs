//! The disk of the recorder: runs are appended as they come, and stay until the manifest holds their groups.
//!
//! ```text
//! {folder}/lock                        held while the process lives
//! {folder}/{item_id}/{number}.spool    successive groups of one take and one fragment's time; see `record`
//! ```
//!
//! All files together stay under a bound: beyond it the oldest finished file is lost, counted, and told once. Functions that reach the
//! disk say so; they run on threads for blocking work. The lock around the index is held for moments, never during I/O.

mod index;
mod record;
mod recovery;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use bytes::{Bytes, BytesMut};
use protocol::{
    ItemId, StreamId,
    item::{GroupName, GroupRange, RecordStream},
};

use self::{
    index::{FileKey, Index, SpoolFile},
    record::Record,
};
pub(super) use self::{
    index::{TakeHead, Wanted},
    writer::{NewRun, Writer},
};
use super::{
    fragments::{Cut, Group},
    group_set::GroupSet,
    groups::Assembler,
};
use crate::{lock::lock, metrics::Metrics};

/// Why a spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Another process has it.
    #[error("another process uses the folder")]
    InUse,
    /// The folder cannot be made or read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// See the [module](self).
pub(super) struct Spool {
    folder: PathBuf,
    most_bytes: u64,
    metrics: Arc<Metrics>,
    index: Mutex<Index>,
    /// The bytes that it had when it was full, if that was logged and it has not had less than half of them since; otherwise 0.
    full_bytes: AtomicU64,
    /// A failure was logged, and nothing has been written since.
    is_failing: AtomicBool,
    /// The lock of the folder is released with it.
    _lock: File,
}

/// A fragment that can be read.
#[derive(Clone, Debug)]
pub(super) struct SpooledFragment {
    key: FileKey,
    pub(super) take: Arc<TakeHead>,
    pub(super) cut: Cut,
}

impl Spool {
    /// Opens the spool in `folder`, which is made if it is missing, and reads what a process left in it. All files together get
    /// at most `most_bytes`. Reaches the disk.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) fn open(folder: &Path, most_bytes: u64, metrics: Arc<Metrics>) -> Result<Self, Error> {
        fs::create_dir_all(folder)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let index = recovery::recover(folder)?;
        metrics.spool_bytes.set(index.bytes());
        let (folder, index) = (folder.to_owned(), Mutex::new(index));
        let (full_bytes, is_failing) = (AtomicU64::new(0), AtomicBool::new(false));
        Ok(Self { folder, most_bytes, metrics, index, full_bytes, is_failing, _lock: lock })
    }

    /// The recordings that it has files of.
    pub(super) fn recordings(&self) -> Vec<(ItemId, StreamId)> {
        let index = lock(&self.index);
        index.recordings.iter().map(|(item_id, recording)| (*item_id, recording.stream_id)).collect()
    }

    /// What writes a recording; it continues the file that was left unfinished, if there is one. A recording has one writer at a
    /// time. Groups of more than `most_group_bytes` are passed over. Reaches the disk.
    pub(super) fn writer(
        self: &Arc<Self>,
        item_id: ItemId,
        stream_id: StreamId,
        most_group_bytes: u64,
    ) -> Writer {
        let unfinished = self.unfinished(item_id, stream_id);
        let continued = unfinished.and_then(|(key, open)| {
            let file = OpenOptions::new().write(true).open(self.path_of(key));
            file.inspect_err(|error| self.note_failure(error)).ok().map(|file| (open, (key, file)))
        });
        let (open, file) = continued.unzip();
        let assembler = Assembler::new(open, most_group_bytes);
        Writer::new(self.clone(), (item_id, stream_id), assembler, file)
    }

    fn unfinished(
        &self,
        item_id: ItemId,
        stream_id: StreamId,
    ) -> Option<(FileKey, super::groups::OpenGroup)> {
        let mut index = lock(&self.index);
        let (number, file) = index.open(item_id, stream_id).files.last_key_value()?;
        Some((FileKey { item_id, number: *number }, file.open()?))
    }

    /// Whether a group is not here, and the main server may lack it.
    pub(super) fn lacks(&self, item_id: ItemId, name: GroupName) -> bool {
        lock(&self.index).recordings.get(&item_id).is_none_or(|recording| recording.lacks(name))
    }

    /// The first fragment to hand in that has nothing of `refused`.
    pub(super) fn first_fragment(
        &self,
        item_id: ItemId,
        wanted: Wanted,
        refused: &GroupSet,
    ) -> Option<SpooledFragment> {
        let index = lock(&self.index);
        let (number, take, cut) = index.recordings.get(&item_id)?.first_fragment(wanted, refused)?;
        Some(SpooledFragment { key: FileKey { item_id, number }, take, cut })
    }

    /// The media of a fragment. Reaches the disk.
    ///
    /// # Errors
    /// `InvalidData` if it is damaged, and those of reading.
    pub(super) fn read(&self, fragment: &SpooledFragment) -> io::Result<Bytes> {
        let mut file = File::open(self.path_of(fragment.key))?;
        let extent = &fragment.cut.extent;
        file.seek(SeekFrom::Start(extent.start))?;
        let mut input = BufReader::new(file.take(extent.end - extent.start));
        let (mut media, mut left) = (BytesMut::new(), extent.end - extent.start);
        while left > 0 {
            let Some((Record::Run(_, data), bytes)) = record::read(&mut input)? else {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a damaged record"));
            };
            media.extend_from_slice(&data);
            left = left.saturating_sub(bytes);
        }
        Ok(media.freeze())
    }

    /// A fragment cannot be read: its file has what is before the damage. Reaches the disk.
    pub(super) fn give_up(&self, fragment: &SpooledFragment, error: &io::Error) {
        let SpooledFragment { key, .. } = fragment;
        let FileKey { item_id, number } = *key;
        let groups = lock(&self.index).file(*key).map_or(0, |file| file.whole().groups.len());
        let rescued = recovery::rescue(&self.path_of(*key), item_id).ok().flatten();
        match rescued.filter(|rescued| rescued.whole().groups.len() < groups) {
            Some(rescued) => {
                tracing::error!(item.id = %item_id, %error, "file {number} of the spool is damaged; its end is lost: {error}");
                let mut index = lock(&self.index);
                self.metrics.recording_groups_lost.add(index.replace(*key, rescued));
                self.metrics.spool_bytes.set(index.bytes());
            }
            None => {
                tracing::error!(item.id = %item_id, %error, "file {number} of the spool cannot be read and is lost: {error}");
                self.lose(*key);
            }
        }
        self.prune(item_id);
    }

    /// An answer to a report: deletes what is not needed any more. Reaches the disk.
    pub(super) fn confirm(&self, item_id: ItemId, recorded: &[GroupRange]) {
        if let Some(recording) = lock(&self.index).recordings.get_mut(&item_id) {
            recording.recorded.confirm(recorded);
        }
        self.prune(item_id);
    }

    /// An entry of the answer to a heartbeat: begins the recording if it is new. Nothing is deleted because of it.
    pub(super) fn learn(&self, entry: &RecordStream) {
        let RecordStream { item_id, stream_id, next, ref missing, .. } = *entry;
        lock(&self.index).open(item_id, stream_id).recorded.learn(next, missing);
    }

    /// Whether a report would tell if files can be deleted: a heartbeat said that the manifest has groups of them.
    pub(super) fn has_unconfirmed(&self, item_id: ItemId) -> bool {
        lock(&self.index).recordings.get(&item_id).is_some_and(index::Recording::has_unconfirmed)
    }

    /// Whether the manifest holds any of these groups.
    pub(super) fn is_any_recorded(&self, item_id: ItemId, first: GroupName, groups: u64) -> bool {
        let index = lock(&self.index);
        let Some(recording) = index.recordings.get(&item_id) else { return true };
        let mut names = (0..groups).map(|at| GroupName { group: first.group.saturating_add(at), ..first });
        names.any(|name| recording.recorded.contains(name))
    }

    /// Forgets a recording and deletes its files. Reaches the disk.
    pub(super) fn forget(&self, item_id: ItemId) {
        let keys = {
            let index = lock(&self.index);
            let files = index.recordings.get(&item_id).map(|recording| recording.files.keys().copied());
            files.into_iter().flatten().map(|number| FileKey { item_id, number }).collect::<Vec<_>>()
        };
        for key in keys {
            self.delete(key);
        }
        lock(&self.index).recordings.remove(&item_id);
        drop(fs::remove_dir(self.folder_of(item_id)));
    }

    /// Deletes files of which nothing is needed any more.
    fn prune(&self, item_id: ItemId) {
        let done = lock(&self.index).done(item_id);
        for key in done {
            self.delete(key);
        }
    }

    /// Deletes a file. Gives how many groups are lost with it.
    fn delete(&self, key: FileKey) -> u64 {
        let lost = {
            let mut index = lock(&self.index);
            let lost = index.remove(key);
            self.metrics.spool_bytes.set(index.bytes());
            if index.bytes() < self.full_bytes.load(Relaxed) / 2 {
                self.full_bytes.store(0, Relaxed);
            }
            lost
        };
        if let Err(error) = fs::remove_file(self.path_of(key)) {
            tracing::warn!(%error, "a file of the spool cannot be deleted: {error}");
        }
        lost
    }

    fn lose(&self, key: FileKey) {
        let lost = self.delete(key);
        self.metrics.recording_groups_lost.add(lost);
    }

    fn folder_of(&self, item_id: ItemId) -> PathBuf {
        self.folder.join(item_id.to_string())
    }

    fn path_of(&self, key: FileKey) -> PathBuf {
        recovery::path(&self.folder_of(key.item_id), key.number)
    }

    fn take_number(&self) -> u64 {
        lock(&self.index).take_number()
    }

    fn insert(&self, key: FileKey, stream_id: StreamId, file: SpoolFile) {
        let mut index = lock(&self.index);
        index.insert(key, stream_id, file);
        self.metrics.spool_bytes.set(index.bytes());
    }

    /// Changes a file.
    ///
    /// # Errors
    /// `NotFound` if it was deleted meanwhile.
    fn change(&self, key: FileKey, change: impl FnOnce(&mut SpoolFile)) -> io::Result<()> {
        let mut index = lock(&self.index);
        let is_here = index.change(key, change);
        self.metrics.spool_bytes.set(index.bytes());
        if is_here { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Where the next record of a file begins.
    fn end_of(&self, key: FileKey) -> Option<u64> {
        lock(&self.index).file(key).map(SpoolFile::bytes)
    }

    /// The groups of a file, and where its next record begins.
    fn groups_of(&self, key: FileKey) -> Option<(u64, Vec<Group>)> {
        lock(&self.index).file(key).map(|file| (file.bytes(), file.groups().to_vec()))
    }

    /// Writes a record at the end of a file, as soon as there is room for it: within the bound, and on the disk.
    fn write_at(&self, file: &File, record: &[u8], at: u64) -> io::Result<()> {
        while lock(&self.index).bytes().saturating_add(record.len() as u64) > self.most_bytes {
            let bound = self.most_bytes;
            if !self.lose_oldest(format_args!("it has {bound} bytes")) {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "the spool is full"));
            }
        }
        loop {
            match file.write_all_at(record, at) {
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    if !self.lose_oldest(format_args!("the disk is full")) {
                        return Err(error);
                    }
                }
                written => return written,
            }
        }
    }

    /// Deletes the oldest file that is not being written; false if there is none.
    fn lose_oldest(&self, why: std::fmt::Arguments<'_>) -> bool {
        let (oldest, bytes) = {
            let index = lock(&self.index);
            (index.oldest(), index.bytes())
        };
        let Some(key) = oldest else { return false };
        // The disk may be full although the spool has little.
        if self.full_bytes.compare_exchange(0, bytes, Relaxed, Relaxed).is_ok() {
            let FileKey { item_id, number } = key;
            tracing::error!(
                item.id = %item_id,
                "the oldest fragments of recordings are lost, from file {number} of {item_id} on: the spool is full, {why}, and \
                 they cannot be handed in fast enough"
            );
        }
        self.lose(key);
        true
    }

    /// Waits until these files are on the disk. Reaches the disk.
    pub(super) fn sync(&self, files: &[File]) {
        for error in files.iter().filter_map(|file| file.sync_data().err()) {
            self.note_failure(&error);
        }
    }

    /// Something could not be written.
    fn note_failure(&self, error: &io::Error) {
        if !self.is_failing.swap(true, Relaxed) {
            let folder = self.folder.display();
            tracing::error!(%error, "recordings lose groups: {folder} cannot be written: {error}");
        }
    }

    /// Something was written without a loss.
    fn note_written(&self) {
        self.is_failing.store(false, Relaxed);
    }
}
