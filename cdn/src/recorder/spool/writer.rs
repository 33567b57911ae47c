//! Writes one recording to the spool, run by run. Blocking: every call may wait for the disk.
//!
//! A process that is killed loses nothing that was written. A file is to be synced once a group of it is closed, so a machine that loses its
//! power loses the newest groups alone; that happens apart, because frames that wait for it would be lost with the process. What cannot be written is lost, counted, and logged once until something can be again.

use std::{
    fs::{self, File},
    io,
    sync::Arc,
};

use protocol::{
    ItemId, StreamId,
    event::{ChunkHead, FrameName},
    item::GroupName,
};

use super::super::groups::{Arrival, Assembler, Finish, Step};
use super::{
    Spool,
    index::{FileKey, SpoolFile, TakeHead},
    record::{FileHead, MAGIC, encode_end, encode_head, encode_run},
};
use crate::rendition::Chunk;

/// Most files that wait to be synced; a disk that is so slow syncs the rest in its own time.
const MOST_UNSYNCED: usize = 8;

/// A run on its way to the disk.
pub(in super::super) struct NewRun {
    pub(in super::super) chunk: Arc<Chunk>,
    pub(in super::super) take: Arc<TakeHead>,
    /// Whether it is known to be the very next run after the one before.
    pub(in super::super) follows: bool,
    /// Whether the node had runs between that one and this one, which were not read.
    pub(in super::super) lagged: bool,
}

/// See the [module](self).
pub(in super::super) struct Writer {
    spool: Arc<Spool>,
    item_id: ItemId,
    stream_id: StreamId,
    assembler: Assembler,
    /// The file of the assembler's open group.
    file: Option<(FileKey, File)>,
    /// Groups before this one are not recorded.
    from: Option<GroupName>,
    /// Files with groups that were closed since they were last synced.
    unsynced: Vec<File>,
}

impl Writer {
    /// Continues with `file`, whose last group is open, or begins with the next group.
    pub(super) fn new(
        spool: Arc<Spool>,
        (item_id, stream_id): (ItemId, StreamId),
        assembler: Assembler,
        file: Option<(FileKey, File)>,
    ) -> Self {
        Self { spool, item_id, stream_id, assembler, file, from: None, unsynced: Vec::new() }
    }

    /// The last frame that was written, if more of its group may follow.
    pub(in super::super) fn last(&self) -> Option<FrameName> {
        self.assembler.last()
    }

    /// Reading begins anew, right after [`Self::last`] if it `follows`.
    pub(in super::super) fn read_anew(&mut self, follows: bool) {
        self.assembler.read_anew(follows);
    }

    /// Groups before this one are not recorded.
    pub(in super::super) fn begin_at(&mut self, from: GroupName) {
        self.from = Some(from);
    }

    /// Writes runs. Returns whether a file was finished.
    pub(in super::super) fn write(&mut self, runs: &[NewRun]) -> bool {
        let mut has_finished = false;
        for run in runs {
            let (spool, item_id, from) = (&self.spool, self.item_id, self.from);
            let is_wanted = |name| from.is_none_or(|from| from <= name) && spool.lacks(item_id, name);
            let head = &run.chunk.head;
            let arrival = Arrival {
                head,
                bytes: run.chunk.data.len() as u64,
                follows: run.follows,
                lagged: run.lagged,
            };
            for step in self.assembler.push(arrival, is_wanted) {
                has_finished |= matches!(step, Step::Finish(_));
                if let Err(error) = self.perform(step, run) {
                    has_finished |= self.fail(&error);
                    break;
                }
                self.spool.note_written();
            }
        }
        has_finished
    }

    /// No more runs come. Returns whether a file was finished.
    pub(in super::super) fn end(&mut self, stream_ended: bool) -> bool {
        let Some(finish) = self.assembler.end(stream_ended) else { return false };
        if let Err(error) = self.finish(finish) {
            self.fail(&error);
        }
        true
    }

    /// Files that are to be synced.
    pub(in super::super) fn take_unsynced(&mut self) -> Vec<File> {
        std::mem::take(&mut self.unsynced)
    }

    /// Waits until all that was written is on the disk.
    pub(in super::super) fn sync(&mut self) {
        let synced = self.file.as_ref().map_or(Ok(()), |(_, file)| file.sync_data());
        if let Err(error) = synced {
            self.spool.note_failure(&error);
        }
    }

    fn perform(&mut self, step: Step, run: &NewRun) -> io::Result<()> {
        match step {
            Step::Finish(finish) => {
                if !finish.whole {
                    self.spool.metrics.recording_groups_lost.add(1);
                }
                self.finish(finish)
            }
            Step::Begin => self.begin(&run.take),
            Step::Append => self.append(&run.chunk.head, &run.chunk.data),
        }
    }

    fn begin(&mut self, take: &Arc<TakeHead>) -> io::Result<()> {
        let key = FileKey { item_id: self.item_id, number: self.spool.take_number() };
        let head = FileHead {
            item_id: self.item_id,
            stream_id: self.stream_id,
            take: take.number(),
            mime: take.mime.clone(),
        };
        let record = [&MAGIC[..], &encode_head(&head, &take.init)].concat();
        let folder = self.spool.folder_of(self.item_id);
        fs::create_dir_all(&folder)?;
        let path = self.spool.path_of(key);
        let file = File::create_new(&path)?;
        let written = self.spool.write_at(&file, &record, 0).and_then(|()| File::open(&folder)?.sync_all());
        if let Err(error) = written {
            // It has nothing yet.
            drop(fs::remove_file(path));
            return Err(error);
        }
        self.spool.insert(key, self.stream_id, SpoolFile::new(take.clone(), record.len() as u64));
        self.file = Some((key, file));
        Ok(())
    }

    fn append(&mut self, head: &ChunkHead, data: &[u8]) -> io::Result<()> {
        let Some((key, file)) = &self.file else { return Err(io::ErrorKind::NotFound.into()) };
        let at = self.spool.end_of(*key).ok_or(io::ErrorKind::NotFound)?;
        let record = encode_run(head, data);
        self.spool.write_at(file, &record, at)?;
        // One file is written at a time, and one that is finished is moved here.
        if head.name.index == 0 && self.unsynced.is_empty() {
            self.unsynced.push(file.try_clone()?);
        }
        let (data_bytes, record_bytes) = (data.len() as u64, record.len() as u64);
        self.spool.metrics.recording_bytes.add(data_bytes);
        self.spool.change(*key, |file| file.append(head, data_bytes, record_bytes))
    }

    fn finish(&mut self, finish: Finish) -> io::Result<()> {
        let Some((key, file)) = self.file.take() else { return Ok(()) };
        let Some((at, groups)) = self.spool.groups_of(key) else { return Ok(()) };
        let record = encode_end(finish, &groups);
        let written = self.spool.write_at(&file, &record, at);
        if self.unsynced.len() < MOST_UNSYNCED {
            self.unsynced.push(file);
        }
        let record_bytes = if written.is_ok() { record.len() as u64 } else { 0 };
        self.spool.change(key, |file| file.finish(finish, record_bytes))?;
        self.spool.prune(self.item_id);
        written
    }

    /// Something could not be written: the open group is lost. Returns whether a file was finished by that.
    fn fail(&mut self, error: &io::Error) -> bool {
        self.spool.note_failure(error);
        self.spool.metrics.recording_groups_lost.add(1);
        let Step::Finish(finish) = self.assembler.drop_group() else { return false };
        let Some((key, _)) = self.file.take() else { return false };
        // What it has is kept, though the disk may not take the record that says so. A restart finds out.
        drop(self.spool.change(key, |file| file.finish(finish, 0)));
        self.spool.prune(self.item_id);
        true
    }
}
