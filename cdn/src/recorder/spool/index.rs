//! What the spool holds, in memory: the files of each recording, oldest first, and their groups. No I/O.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use protocol::{ItemId, StreamId, event::ChunkHead, item::GroupName};

use super::super::{
    fragments::{Cut, Group, Groups},
    group_set::GroupSet,
    groups::{Finish, OpenGroup, group_of},
    recorded::Recorded,
};
use super::record::Ending;

/// A file of the spool. Numbers grow with each file, over all recordings and restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileKey {
    pub(super) item_id: ItemId,
    pub(super) number: u64,
}

/// What the fragments of a take have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct TakeHead {
    take: u64,
    pub(in super::super) mime: String,
    pub(in super::super) init: Bytes,
}

impl TakeHead {
    /// Of take number `take`.
    pub(in super::super) fn new(take: u64, mime: String, init: Bytes) -> Self {
        Self { take, mime, init }
    }

    /// Which take.
    pub(in super::super) fn number(&self) -> u64 {
        self.take
    }
}

/// A file.
#[derive(Debug)]
pub(super) struct SpoolFile {
    take: Arc<TakeHead>,
    groups: Vec<Group>,
    /// The last of the groups, until the file is finished.
    open: Option<OpenGroup>,
    finish: Option<Finish>,
    bytes: u64,
}

/// A recording.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) stream_id: StreamId,
    pub(super) recorded: Recorded,
    pub(super) files: BTreeMap<u64, SpoolFile>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) recordings: BTreeMap<ItemId, Recording>,
    /// Of all files.
    bytes: u64,
    last_number: u64,
}

/// Which groups are handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Wanted {
    /// Those that the main server misses before others that it has.
    Missing,
    /// All that it does not have, of finished files.
    Finished,
    /// All that it does not have, of every file.
    All,
}

impl SpoolFile {
    /// A file of which the first record, with what comes before it, has so many bytes.
    pub(super) fn new(take: Arc<TakeHead>, bytes: u64) -> Self {
        Self { take, groups: Vec::new(), open: None, finish: None, bytes }
    }

    /// A finished file, of so many bytes.
    pub(super) fn finished(take: Arc<TakeHead>, Ending { finish, groups }: Ending, bytes: u64) -> Self {
        Self { take, groups, open: None, finish: Some(finish), bytes }
    }

    /// All its groups.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Which take its groups are of.
    pub(super) fn take(&self) -> u64 {
        self.take.take
    }

    /// Where its next record begins.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The group that may go on, if there is one.
    pub(super) fn open(&self) -> Option<OpenGroup> {
        self.open
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// A run was appended, in a record of so many bytes.
    pub(super) fn append(&mut self, head: &ChunkHead, data_bytes: u64, record_bytes: u64) {
        let at = self.bytes..self.bytes + record_bytes;
        self.bytes = at.end;
        match (&mut self.open, self.groups.last_mut()) {
            (Some(open), Some(group)) if open.name == group_of(head.name) => {
                open.append(head, data_bytes);
                group.bytes += data_bytes;
                group.extent.end = at.end;
            }
            _ => {
                self.open = Some(OpenGroup::begin(head, data_bytes));
                let captured_at_ms = head.captured_at_ms.and_then(|at_ms| u64::try_from(at_ms).ok());
                let (number, start_ms) = (head.name.group, head.pts_ms);
                self.groups.push(Group { number, start_ms, captured_at_ms, bytes: data_bytes, extent: at });
            }
        }
    }

    /// It gets no more runs; the record that says so has so many bytes.
    pub(super) fn finish(&mut self, finish: Finish, record_bytes: u64) {
        self.bytes += record_bytes;
        self.open = None;
        self.finish = Some(finish);
    }

    /// Its groups that are whole.
    pub(super) fn whole(&self) -> Groups<'_> {
        let take = self.take.take;
        match (self.finish, self.groups.split_last()) {
            (Some(Finish { whole: true, ends_take, end_ms }), _) => {
                Groups { take, groups: &self.groups, end_ms, ends_take }
            }
            (_, Some((last, groups))) => Groups { take, groups, end_ms: last.start_ms, ends_take: false },
            (_, None) => Groups { take, groups: &[], end_ms: 0, ends_take: false },
        }
    }

    /// Whether it has a group, or the begin of one that may go on.
    fn has(&self, name: GroupName) -> bool {
        let groups = if self.open.is_some() { &self.groups } else { self.whole().groups };
        let numbers = groups.first().zip(groups.last());
        name.take == self.take.take
            && numbers.is_some_and(|(first, last)| (first.number..=last.number).contains(&name.group))
    }

    /// Whether nothing in it is or will be needed.
    fn is_done(&self, recorded: &Recorded) -> bool {
        self.is_finished() && self.whole().first_missing(|name| !recorded.contains(name)).is_none()
    }
}

impl Recording {
    /// Whether a group is in none of its files, and the main server may lack it.
    pub(super) fn lacks(&self, name: GroupName) -> bool {
        let is_recorded = self.recorded.contains(name) || self.recorded.is_unconfirmed(name);
        !is_recorded && !self.files.values().rev().any(|file| file.has(name))
    }

    /// Whether finished files have groups that the manifest may hold.
    pub(super) fn has_unconfirmed(&self) -> bool {
        let is_unconfirmed = |name| self.recorded.is_unconfirmed(name);
        let mut files = self.files.values().filter(|file| file.is_finished());
        files.any(|file| file.whole().first_missing(is_unconfirmed).is_some())
    }

    /// The first fragment that is handed in, and the file that it is in.
    pub(super) fn first_fragment(
        &self,
        wanted: Wanted,
        refused: &GroupSet,
    ) -> Option<(u64, Arc<TakeHead>, Cut)> {
        let is_missing = |name| match wanted {
            Wanted::Missing => self.recorded.is_missing(name),
            Wanted::Finished | Wanted::All => !self.recorded.contains(name),
        };
        let is_wanted = |name| is_missing(name) && !refused.contains(name);
        let files = self.files.iter().filter(|(_, file)| file.is_finished() || wanted == Wanted::All);
        files
            .filter_map(|(number, file)| {
                Some((*number, file.take.clone(), file.whole().first_missing(is_wanted)?))
            })
            .next()
    }
}

impl Index {
    /// The bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The recording of an item, new if it is not known.
    pub(super) fn open(&mut self, item_id: ItemId, stream_id: StreamId) -> &mut Recording {
        let new = || Recording { stream_id, recorded: Recorded::default(), files: BTreeMap::new() };
        self.recordings.entry(item_id).or_insert_with(new)
    }

    /// The number of the next file.
    pub(super) fn take_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// A file on the disk has this number.
    pub(super) fn note_number(&mut self, number: u64) {
        self.last_number = self.last_number.max(number);
    }

    /// Adds a file.
    pub(super) fn insert(&mut self, key: FileKey, stream_id: StreamId, file: SpoolFile) {
        self.bytes += file.bytes;
        self.open(key.item_id, stream_id).files.insert(key.number, file);
    }

    /// Changes a file, if it is still there. Returns whether it is.
    pub(super) fn change(&mut self, key: FileKey, change: impl FnOnce(&mut SpoolFile)) -> bool {
        let recording = self.recordings.get_mut(&key.item_id);
        let Some(file) = recording.and_then(|recording| recording.files.get_mut(&key.number)) else {
            return false;
        };
        let before = file.bytes;
        change(file);
        self.bytes = self.bytes - before + file.bytes;
        true
    }

    /// Replaces a file by what is left of it. Gives how many groups are lost with the rest.
    pub(super) fn replace(&mut self, key: FileKey, file: SpoolFile) -> u64 {
        let left = file.whole().groups.len() as u64;
        let mut lost = 0;
        self.change(key, |before| {
            lost = (before.whole().groups.len() as u64).saturating_sub(left);
            *before = file;
        });
        lost
    }

    /// A file.
    pub(super) fn file(&self, key: FileKey) -> Option<&SpoolFile> {
        self.recordings.get(&key.item_id)?.files.get(&key.number)
    }

    /// Removes a file. Gives how many groups are lost with it.
    pub(super) fn remove(&mut self, key: FileKey) -> u64 {
        let Some(recording) = self.recordings.get_mut(&key.item_id) else { return 0 };
        let Some(file) = recording.files.remove(&key.number) else { return 0 };
        self.bytes -= file.bytes;
        let name = |group: &Group| GroupName { take: file.take.take, group: group.number };
        file.groups.iter().filter(|group| !recording.recorded.contains(name(group))).count() as u64
    }

    /// The oldest file that is not being written.
    pub(super) fn oldest(&self) -> Option<FileKey> {
        let oldest = |(item_id, recording): (&ItemId, &Recording)| {
            let mut files = recording.files.iter().filter(|(_, file)| file.is_finished());
            files.next().map(|(number, _)| FileKey { item_id: *item_id, number: *number })
        };
        self.recordings.iter().filter_map(oldest).min_by_key(|key| key.number)
    }

    /// The files of a recording of which nothing is needed any more.
    pub(super) fn done(&self, item_id: ItemId) -> Vec<FileKey> {
        let Some(Recording { recorded, files, .. }) = self.recordings.get(&item_id) else {
            return Vec::new();
        };
        let done = files.iter().filter(|(_, file)| file.is_done(recorded));
        done.map(|(number, _)| FileKey { item_id, number: *number }).collect()
    }
}
