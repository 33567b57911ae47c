//! The catalogue and its table of records: what the store has appears, changes and goes here, and what changed here is
//! saved.

use std::time::Duration;

use protocol::{StreamId, stream::Visibility};
use store::Replica;

use super::{Catalogue, LiveStream, News, record::Record};
use crate::{clock::Now, state::heartbeat::Received};

/// How long a change that another main server heard of and should have saved may be unsaved before this one saves it.
const SAVE_FOR_OTHERS: Duration = Duration::from_secs(10);

impl Catalogue {
    /// The table of records. Call [`Self::apply_changes`] after changing it.
    pub(crate) fn records(&mut self) -> &mut Replica<Record> {
        &mut self.records
    }

    /// Brings the streams in line with the table of records. Says whether anything changed.
    pub(crate) fn apply_changes(&mut self, now: Now) -> bool {
        let changes = self.records.take_changes();
        let has_changed = !changes.is_empty();
        for change in changes {
            match (change.before, change.after) {
                (None, Some(record)) => self.appear(change.key, record, now),
                (Some(_), Some(record)) => self.merge(change.key, &record, now),
                (_, None) => self.disappear(change.key, now),
            }
        }
        has_changed
    }

    fn appear(&mut self, stream_id: StreamId, record: Record, now: Now) {
        let stream = LiveStream::new(record, &self.settings, now);
        let (is_over, is_listed) = (stream.is_over(), stream.is_listed());
        if is_listed {
            self.news.push(News::Started(stream.info(stream_id)));
        }
        self.streams.insert(stream_id, stream);
        self.moved.push(stream_id);
        if is_over {
            self.remember(stream_id);
        } else {
            self.running += 1;
        }
    }

    /// Takes over what another version of a stream's record knows better.
    fn merge(&mut self, stream_id: StreamId, record: &Record, now: Now) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let (started, ended) = (stream.record.started_at_ms, stream.ended(stream_id));
        let (was_listed, edited_at_ms) = (stream.is_listed(), stream.record.edited_at_ms);
        let recorded = stream.record.records_into();
        store::Record::merge(&mut stream.record, record);
        self.moved.push(stream_id);
        if stream.visibility() != Visibility::Public {
            self.thumbnail_bytes -= stream.thumbnail.take().map_or(0, |picture| picture.bytes.len());
        }
        match (was_listed, stream.is_listed()) {
            (false, true) => self.news.push(News::Started(stream.info(stream_id))),
            (true, false) => self.news.push(News::Ended(stream_id)),
            (true, true)
                if stream.record.started_at_ms != started
                    || stream.record.edited_at_ms != edited_at_ms
                    || stream.record.records_into() != recorded =>
            {
                self.changed.insert(stream_id);
            }
            _ => {}
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

    fn disappear(&mut self, stream_id: StreamId, now: Now) {
        self.end(stream_id, now);
        self.moved.push(stream_id);
        if let Some(stream) = self.streams.remove(&stream_id) {
            self.ended.remove(&stream.ended(stream_id));
        }
    }

    /// Saves what a stream's record says now: soon, or, if another main server heard of it, in case that one does not.
    pub(super) fn save(&mut self, stream_id: StreamId, received: Received, now: Now) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        if !std::mem::take(&mut stream.is_unsaved) {
            // Another main server should have saved it, and the node comes here now.
            if received == Received::Directly && !self.records.is_saved(&stream_id) {
                self.records.renew(&stream_id);
            }
            return;
        }
        let merge = |record: &mut Record| store::Record::merge(record, &stream.record);
        match received {
            Received::Directly => self.records.update(&stream_id, merge),
            Received::Forwarded => self.records.update_late(&stream_id, merge, now.instant + SAVE_FOR_OTHERS),
        };
    }

    /// Counts an ended stream among those that are remembered; past the limit the store is to forget one.
    pub(super) fn remember(&mut self, stream_id: StreamId) {
        let Some(stream) = self.streams.get(&stream_id) else { return };
        self.ended.insert(stream.ended(stream_id));
        if self.ended.len() > self.settings.max_streams
            && let Some((.., stream_id)) = self.ended.pop_first()
        {
            self.records.discard(&stream_id);
        }
    }
}
