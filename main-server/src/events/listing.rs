//! The rows of the list in the order they are shown, each kept as its JSON.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use protocol::StreamId;

use super::event::{Event, Rank, Row};

/// The position of a row.
type Position = (Reverse<Rank>, StreamId);

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Listing {
    positions: HashMap<StreamId, Position>,
    rows: BTreeMap<Position, Arc<str>>,
    bytes: usize,
}

impl Listing {
    /// Does to the list what the event says.
    pub(super) fn apply(&mut self, event: Event) {
        match event.row {
            Row::Unchanged => {}
            Row::Put(stream_id, rank) => self.put(stream_id, rank, event.json.into()),
            Row::Removed(stream_id) => self.remove(stream_id),
        }
    }

    fn put(&mut self, stream_id: StreamId, rank: Rank, row: Arc<str>) {
        self.remove(stream_id);
        let position = (Reverse(rank), stream_id);
        self.bytes += row.len();
        self.positions.insert(stream_id, position);
        self.rows.insert(position, row);
    }

    fn remove(&mut self, stream_id: StreamId) {
        let position = self.positions.remove(&stream_id);
        if let Some(row) = position.and_then(|position| self.rows.remove(&position)) {
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
