//! The rows of the list in the order they are shown: most viewers first, then newest. A row is kept as its JSON.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use protocol::{StreamId, stream::StreamInfo};
use serde::Serialize;

use super::event::{Change, write_event};

/// Where a row stands.
type Rank = (Reverse<u32>, Reverse<u64>, StreamId);

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Listing {
    ranks: HashMap<StreamId, Rank>,
    rows: BTreeMap<Rank, Arc<str>>,
    bytes: usize,
}

#[derive(Serialize)]
struct Ended {
    stream_id: StreamId,
}

impl Listing {
    /// Takes a change over and appends its event to `frame`.
    pub(super) fn take_over(&mut self, change: &Change, frame: &mut String) {
        match change {
            Change::Started(stream) => write_event(frame, "stream_started", &self.put(stream)),
            Change::Changed(stream) => write_event(frame, "stream_changed", &self.put(stream)),
            Change::Ended(stream_id) => {
                self.remove(*stream_id);
                write_event(frame, "stream_ended", &json(&Ended { stream_id: *stream_id }));
            }
        }
    }

    fn put(&mut self, stream: &StreamInfo) -> Arc<str> {
        self.remove(stream.stream_id);
        let row: Arc<str> = json(stream).into();
        let rank = (Reverse(stream.viewers), Reverse(stream.started_at_ms), stream.stream_id);
        self.bytes += row.len();
        self.ranks.insert(stream.stream_id, rank);
        self.rows.insert(rank, Arc::clone(&row));
        row
    }

    fn remove(&mut self, stream_id: StreamId) {
        let rank = self.ranks.remove(&stream_id);
        if let Some(row) = rank.and_then(|rank| self.rows.remove(&rank)) {
            self.bytes -= row.len();
        }
    }

    /// Every row.
    pub(super) fn rows(&self) -> Vec<Arc<str>> {
        self.rows.values().cloned().collect()
    }

    /// Bytes of all rows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn json(payload: &impl Serialize) -> String {
    serde_json::to_string(payload).expect("ids, texts and numbers are always JSON")
}
