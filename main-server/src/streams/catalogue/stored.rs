//! The catalogue and the store: what it says is taken over, what changed here is brought there.
//!
//! A stream is in the catalogue as long as the store has it. What the store says is taken over in any order: older
//! revisions are passed over, and a record is [merged](super::Record::merge) with what is known here.

use std::{collections::HashMap, time::Duration};

use protocol::StreamId;
use store::Revision;

use super::{Catalogue, LiveStream, News, Record};
use crate::clock::Now;

/// How long a change that another main server heard of and should have saved may be unsaved before this one saves it.
const SAVE_FOR_OTHERS: Duration = Duration::from_secs(10);

/// What the store is to be told of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Save {
    /// Keep this in the place of what that revision wrote.
    Keep(Record, Revision),
    /// Forget it: too many are remembered.
    Forget,
}

impl Catalogue {
    /// Takes over what the store has, if that is newer than what is known of it.
    pub(crate) fn learn(&mut self, stream_id: StreamId, record: Record, revision: Revision, now: Now) {
        self.moved.push(stream_id);
        let Some(stream) = self.streams.get_mut(&stream_id) else {
            let stream = LiveStream::new(record, revision, &self.settings, now);
            let (is_over, is_listed) = (stream.is_over(), stream.is_listed());
            if is_listed {
                self.news.push(News::Started(stream.info(stream_id)));
            }
            self.streams.insert(stream_id, stream);
            if is_over {
                self.remember(stream_id);
            } else {
                self.running += 1;
            }
            return;
        };
        if revision <= stream.revision {
            return;
        }
        stream.revision = revision;
        self.merge(stream_id, &record, now);
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        if stream.record == record {
            stream.unsaved_since = None;
        } else {
            stream.note_unsaved(now);
        }
    }

    /// Takes over what waits in the journal; the store is to be told of what is news.
    pub(crate) fn learn_journaled(&mut self, stream_id: StreamId, record: &Record, now: Now) {
        let Some(known) = self.streams.get(&stream_id).map(|stream| stream.record.clone()) else {
            self.learn(stream_id, record.clone(), Revision::NONE, now);
            return self.note_unsaved(stream_id, now);
        };
        self.merge(stream_id, record, now);
        if self.streams.get(&stream_id).is_some_and(|stream| stream.record != known) {
            self.note_unsaved(stream_id, now);
        }
    }

    fn note_unsaved(&mut self, stream_id: StreamId, now: Now) {
        if let Some(stream) = self.streams.get_mut(&stream_id) {
            stream.note_unsaved(now);
        }
    }

    /// Whether the store has all that is known of a stream.
    pub(crate) fn is_saved(&self, stream_id: StreamId) -> bool {
        self.to_save(stream_id).is_none()
    }

    /// Takes over what another version of a stream's record knows better.
    fn merge(&mut self, stream_id: StreamId, record: &Record, now: Now) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let (started, ended) = (stream.record.started_at_ms, stream.ended(stream_id));
        stream.record.merge(record);
        if stream.record.started_at_ms != started && stream.is_listed() {
            self.changed.insert(stream_id);
        }
        if !stream.record.is_over() {
            return;
        }
        // One that is to be forgotten is not counted any more.
        if !stream.is_over() {
            self.end(stream_id, now);
        } else if self.ended.remove(&ended) {
            self.ended.insert(stream.ended(stream_id));
        }
    }

    /// Has the store's version written again, as the record of a stream that is over but without a lease.
    pub(crate) fn write_again(&mut self, stream_id: StreamId, now: Now) {
        if let Some(stream) = self.streams.get_mut(&stream_id) {
            stream.note_unsaved(now);
            self.unsaved.insert(stream_id);
        }
    }

    /// The store does not have the stream any more, as of `revision`.
    pub(crate) fn forget(&mut self, stream_id: StreamId, revision: Revision, now: Now) {
        if self.streams.get(&stream_id).is_none_or(|stream| stream.revision > revision) {
            return;
        }
        self.end(stream_id, now);
        self.moved.push(stream_id);
        if let Some(stream) = self.streams.remove(&stream_id) {
            self.ended.remove(&stream.ended(stream_id));
        }
        self.unsaved.remove(&stream_id);
    }

    /// From which write what is known of a stream comes; none if the store does not have it yet.
    pub(crate) fn revision(&self, stream_id: StreamId) -> Option<Revision> {
        self.streams
            .get(&stream_id)
            .map(|stream| stream.revision)
            .filter(|revision| *revision != Revision::NONE)
    }

    /// What has to be written, in the place of what, so that the stream is over; none if it is already or is unknown.
    pub(crate) fn to_end(&self, stream_id: StreamId, now: Now) -> Option<(Record, Revision)> {
        let stream = self.streams.get(&stream_id)?;
        let mut record = stream.record.clone();
        let is_over = record.is_over() && stream.unsaved_since.is_none();
        record.ended_at_ms.get_or_insert(now.unix_ms());
        (!is_over).then_some((record, stream.revision))
    }

    /// Everything that the store has as far as is known, and from which write.
    pub(crate) fn known(&self) -> HashMap<String, Revision> {
        let stored = self.streams.iter().filter(|(_, stream)| stream.revision != Revision::NONE);
        stored.map(|(id, stream)| (id.to_string(), stream.revision)).collect()
    }

    /// Counts an ended stream among those that are remembered; past the limit the store is to forget one.
    pub(super) fn remember(&mut self, stream_id: StreamId) {
        let Some(stream) = self.streams.get(&stream_id) else { return };
        self.ended.insert(stream.ended(stream_id));
        if self.ended.len() > self.settings.max_streams {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        let Some((.., stream_id)) = self.ended.pop_first() else { return };
        if let Some(stream) = self.streams.get_mut(&stream_id) {
            stream.to_forget = true;
            self.unsaved.insert(stream_id);
        }
    }

    /// Sees to changes that another main server should have saved long ago.
    pub(super) fn save_for_others(&mut self, now: Now) {
        let is_late = |stream: &LiveStream| {
            stream.unsaved_since.is_some_and(|since| since + SAVE_FOR_OTHERS <= now.instant)
        };
        let late = self.streams.iter().filter(|(_, stream)| is_late(stream)).map(|(id, _)| *id);
        self.unsaved.extend(late);
    }

    /// Has everything saved that the store does not have, whoever heard of it.
    pub(crate) fn save_all(&mut self) {
        let unsaved = self.streams.iter().filter(|(_, stream)| stream.unsaved_since.is_some());
        self.unsaved.extend(unsaved.map(|(id, _)| *id));
    }

    /// Whether anything waits for [`Self::take_unsaved`].
    pub(crate) fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// The streams the store has to be told of; see [`Self::to_save`].
    pub(crate) fn take_unsaved(&mut self) -> Vec<StreamId> {
        std::mem::take(&mut self.unsaved).into_iter().collect()
    }

    /// What the store has to be told of a stream now, if anything.
    pub(crate) fn to_save(&self, stream_id: StreamId) -> Option<Save> {
        let stream = self.streams.get(&stream_id)?;
        if stream.to_forget && stream.revision != Revision::NONE {
            return Some(Save::Forget);
        }
        stream.unsaved_since.map(|_| Save::Keep(stream.record.clone(), stream.revision))
    }

    /// It could not be told: it is to be taken again.
    pub(crate) fn put_back(&mut self, stream_id: StreamId) {
        if self.to_save(stream_id).is_some() {
            self.unsaved.insert(stream_id);
        }
    }
}
