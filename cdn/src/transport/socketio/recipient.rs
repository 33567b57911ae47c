//! The connection of a client, to which packets are sent through the queues of Socket.IO.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use protocol::StreamId;
use socketioxide::socket::Socket;
use socketioxide_core::{Sid, Value, adapter::errors::SocketError, packet};

use super::{
    adapter::{Adapter, Slot},
    codec::{self, Packet},
    open_connections::OpenConnections,
    polling_queue::PollingQueue,
};
use crate::{
    egress::{Dismissal, Offer, PendingReceipt, Receipt, ViewerConnection},
    hub::Closed,
};

/// See the [module](self).
#[derive(Clone)]
pub(crate) struct Recipient {
    pub(super) sid: Sid,
    pub(super) slot: Slot,
    /// Of a connection that polls, or did so when it began.
    pub(super) polling_queue: Option<Arc<PollingQueue>>,
    /// All connections of the node.
    pub(super) open: OpenConnections,
}

impl Recipient {
    /// See [`PollingQueue::bind`].
    pub(super) fn bind(&self, socket: &Arc<Socket<Adapter>>) {
        if let Some(queue) = &self.polling_queue {
            queue.bind(socket);
        }
    }

    /// Asks a broadcaster for a keyframe.
    pub(super) fn want_keyframe(&self, stream: StreamId) -> Result<(), SocketError> {
        self.send(event(&codec::keyframe_wanted(stream), None))
    }

    /// Ends the connection.
    pub(super) fn disconnect(&self) {
        let adapter = self.slot.get().and_then(Weak::upgrade);
        if let Some(Err(error)) = adapter.map(|adapter| adapter.disconnect(self.sid)) {
            tracing::debug!(%error, "a connection could not be told that it is closed");
        }
    }

    pub(super) fn send(&self, packet: packet::Packet) -> Result<(), SocketError> {
        if let Some(queue) = &self.polling_queue {
            return queue.send(packet);
        }
        let adapter = self.slot.get().and_then(Weak::upgrade);
        adapter.ok_or(SocketError::Closed)?.send(self.sid, packet)
    }
}

impl ViewerConnection for Recipient {
    type Packet = Packet;

    fn offer(&self, packet: &Packet, receipt: PendingReceipt<'_>) -> Offer {
        let receipt = receipt.issue();
        let payload =
            packet.payload.clone().map(|bytes| Bytes::from_owner(Tracked { bytes, _receipt: receipt }));
        match self.send(event(packet, payload)) {
            Ok(()) => Offer::Taken,
            Err(SocketError::InternalChannelFull) => Offer::Full,
            Err(SocketError::Closed) => Offer::Closed,
        }
    }

    /// The connection stays as long as it watches or publishes other streams, and where this stream is not over.
    fn dismiss(&self, why: Dismissal) {
        if why == Dismissal::Closed(Closed::Ended)
            && let Some(connection) = self.open.get(self.sid)
        {
            connection.watched_stream_ended();
        }
    }
}

/// Shared bytes that hold a receipt until one connection has sent them.
struct Tracked {
    bytes: Bytes,
    _receipt: Receipt,
}

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// An event as Socket.IO sends it.
pub(super) fn event(packet: &Packet, payload: Option<Bytes>) -> packet::Packet {
    let attachments = payload.map(|payload| VecDeque::from([payload]));
    packet::Packet::event("/", Value::Str(packet.text.clone(), attachments))
}
