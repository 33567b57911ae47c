//! One Socket.IO connection: its events, what it publishes and what it watches.

use std::sync::{Arc, Mutex, Weak};

use serving::Client;
use socketioxide::{TransportType, extract::SocketRef};

use super::{
    adapter::Adapter, recipient::Recipient, rooms::Rooms, serial::Serial, server::Server, watched::Watched,
};
use crate::{connections::Counted, ingest::ConnectionId, lock::lock, transport::errors};

/// See the [module](self).
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) recipient: Recipient,
    /// The WebSocket of a connection that began as one.
    client: Option<Client>,
    /// What it watches.
    pub(super) watched: Mutex<Watched>,
    pub(super) me: Weak<Self>,
    pub(super) server: Arc<Server>,
    /// Its events, one after the other.
    pub(super) serial: Serial,
    _counted: Counted,
}

impl Connection {
    pub(super) fn open(
        socket: &SocketRef<Adapter>,
        id: ConnectionId,
        server: Arc<Server>,
    ) -> Result<Arc<Self>, String> {
        let counted = server.connections.count().ok_or_else(|| {
            // Socket.IO's own form of this error is a message and no more, so the code goes before it.
            format!("no_capacity: {}", errors::no_connection())
        })?;
        let polls = socket.transport_type() == TransportType::Polling;
        let Rooms { slot, polling_queues } = &server.rooms;
        let polling_queue = polls.then(|| polling_queues.open(slot, socket.id));
        let recipient = Recipient { sid: socket.id, slot: slot.clone(), polling_queue };
        let connection = Arc::new_cyclic(|me| Self {
            id,
            recipient,
            client: socket.req_parts().extensions.get::<Client>().cloned(),
            watched: Mutex::default(),
            me: me.clone(),
            server,
            serial: Serial::default(),
            _counted: counted,
        });
        Ok(connection)
    }

    /// The client watches or publishes, so that its connection is worth a descriptor.
    pub(super) fn keep(&self) {
        self.client.as_ref().inspect(|client| client.keep());
        self.recipient.polling_queue.as_ref().inspect(|queue| queue.keep());
    }

    /// Gives up what it watches and publishes.
    pub(super) fn close(&self) {
        lock(&self.watched).leave_all();
        self.server.rooms.polling_queues.close(self.recipient.sid);
        let context = &self.server.context;
        context.ingest.disconnected(self.id, context.clock.now());
    }
}
