//! One Socket.IO connection: its events, what it publishes and what it watches.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, Weak},
};

use protocol::StreamId;
use serving::Client;
use socketioxide::{TransportType, extract::SocketRef};

use super::{
    adapter::Adapter, open_connections::OnStreamEnd, recipient::Recipient, rooms::Rooms, serial::Serial,
    server::Server, session::Session, turns::Turns, watched::Watched,
};
use crate::{connections::Open, ingest::ConnectionId, lock::lock, renewals::Renewal, transport::errors};

/// See the [module](self).
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) recipient: Recipient,
    /// The WebSocket of a connection that began as one.
    client: Option<Client>,
    /// The address that its limits are counted by.
    pub(super) address: Option<IpAddr>,
    /// What it watches.
    pub(super) watched: Mutex<Watched>,
    /// The grants it publishes with.
    pub(super) publish_grants: Mutex<HashMap<StreamId, Renewal>>,
    pub(super) me: Weak<Self>,
    pub(super) server: Arc<Server>,
    /// Its events, one after the other.
    pub(super) serial: Serial,
    /// Those of segments that the recorder has to write first, one after the other.
    pub(super) acknowledgements: Serial,
    /// Decides when it is closed.
    pub(super) turns: Turns,
    _open: Open,
}

impl Connection {
    pub(super) fn open(
        socket: &SocketRef<Adapter>,
        id: ConnectionId,
        server: Arc<Server>,
    ) -> Result<Arc<Self>, String> {
        let session = socket.req_parts().extensions.get::<Session>().filter(|session| session.may_join());
        // Socket.IO's own form of this error is a message and no more, so the code goes before it.
        let Session { address, client, .. } =
            session.cloned().ok_or_else(|| format!("no_capacity: {}", errors::no_connection()))?;
        let counted = server.connections.open();
        let polls = socket.transport_type() == TransportType::Polling;
        let Rooms { slot, polling_queues, open } = server.rooms.clone();
        let polling_queue = polls.then(|| polling_queues.open(&slot, socket.id));
        let recipient = Recipient { sid: socket.id, slot, polling_queue, open: open.clone() };
        let connection = Arc::new_cyclic(|me| Self {
            id,
            recipient,
            client,
            address,
            watched: Mutex::default(),
            publish_grants: Mutex::default(),
            me: me.clone(),
            server,
            serial: Serial::default(),
            acknowledgements: Serial::default(),
            turns: Turns::default(),
            _open: counted,
        });
        let listening: Weak<dyn OnStreamEnd> = connection.me.clone();
        open.add(socket.id, listening);
        Ok(connection)
    }

    /// The client watches or publishes another stream, so that its connection is worth a descriptor.
    pub(super) fn keep(&self) {
        self.turns.begun();
        self.client.as_ref().inspect(|client| client.keep());
        self.recipient.polling_queue.as_ref().inspect(|queue| queue.keep());
    }

    /// Gives up what it watches and publishes.
    pub(super) fn close(&self) {
        lock(&self.watched).leave_all();
        lock(&self.publish_grants).clear();
        self.server.rooms.polling_queues.close(self.recipient.sid);
        self.server.rooms.open.remove(self.recipient.sid);
        let context = &self.server.context;
        context.ingest.disconnected(self.id, context.clock.now());
    }
}
