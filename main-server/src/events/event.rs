//! An event for listeners, and what it does to the list that they begin with.

use std::fmt::Write;

use protocol::StreamId;
use serde::Serialize;

/// The position of a row in the list: larger ones come first.
pub(crate) type Rank = (u64, u64);

/// See the [module](self). A listener that falls behind the log misses events and continues with the list.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    name: &'static str,
    pub(super) json: String,
    pub(super) row: Row,
}

/// What an event does to the list.
#[derive(Clone, Debug)]
pub(super) enum Row {
    Unchanged,
    Put(StreamId, Rank),
    Removed(StreamId),
}

impl Event {
    /// An event that does not change the list.
    pub(crate) fn new(name: &'static str, payload: &impl Serialize) -> Self {
        let json = serde_json::to_string(payload).expect("payloads of events are always JSON");
        Self { name, json, row: Row::Unchanged }
    }

    /// Its payload is the row of `stream_id` from now on.
    pub(crate) fn put(self, stream_id: StreamId, rank: Rank) -> Self {
        Self { row: Row::Put(stream_id, rank), ..self }
    }

    /// It removes the row of `stream_id`.
    pub(crate) fn remove(self, stream_id: StreamId) -> Self {
        Self { row: Row::Removed(stream_id), ..self }
    }

    /// Appends it in the form of Server-Sent Events.
    pub(crate) fn write(&self, frame: &mut String) {
        let Self { name, json, .. } = self;
        write!(frame, "event: {name}\ndata: {json}\n\n").expect("a String takes everything");
    }
}
