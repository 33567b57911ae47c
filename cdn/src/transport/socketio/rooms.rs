//! The rooms of streams. A stream's room holds its broadcaster, which gets the states of the stream.

use std::sync::{Arc, Weak};

use protocol::{StreamId, event::StreamStateChanged, stream::StreamState};
use socketioxide_core::adapter::Room;

use super::{
    adapter::Slot,
    codec,
    open_connections::OpenConnections,
    polling_queue::PollingQueues,
    recipient::{self, Recipient},
};

/// All rooms of the namespace.
#[derive(Clone)]
pub(super) struct Rooms {
    pub(super) slot: Slot,
    pub(super) polling_queues: Arc<PollingQueues>,
    pub(super) open: OpenConnections,
}

impl Rooms {
    /// Tells the room of a stream how the stream is doing.
    pub(super) fn announce(&self, state: &StreamStateChanged) {
        let Some(adapter) = self.slot.get().and_then(Weak::upgrade) else { return };
        let room = room(state.stream_id);
        let packet = recipient::event(&codec::state(state), None);
        for sid in adapter.members(room.clone()) {
            let polling_queue = self.polling_queues.of(sid);
            let recipient =
                Recipient { sid, slot: self.slot.clone(), polling_queue, open: self.open.clone() };
            if let Err(error) = recipient.send(packet.clone()) {
                tracing::debug!(%error, "a broadcaster has no room for an announcement");
            }
            if state.state == StreamState::Ended
                && let Some(connection) = self.open.get(sid)
            {
                connection.published_stream_ended(state.stream_id);
            }
        }
        if state.state == StreamState::Ended {
            adapter.close_room(room);
        }
    }
}

/// The room of a stream.
pub(super) fn room(stream: StreamId) -> Room {
    Room::Owned(stream.to_string())
}
