//! One Socket.IO connection: its events, what it publishes and what it watches.

use std::sync::{Arc, Mutex, Weak};

use protocol::event::{ClockRequest, Done, StreamRef, WatchRequest, WatchStream, name};
use serving::Client;
use socketioxide::{TransportType, extract::SocketRef};

use super::{
    Server,
    adapter::Adapter,
    event::{Call, On, Unknown},
    outlet::Recipient,
    serial::{Serial, Work},
    watching::Watched,
};
use crate::{connections::Counted, ingest::ConnectionId, lock::lock, transport::refusal};

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
    serial: Serial,
    _counted: Counted,
}

impl Connection {
    pub(super) fn open(
        socket: &SocketRef<Adapter>,
        id: ConnectionId,
        server: Arc<Server>,
    ) -> Result<(), String> {
        let counted = server.connections.count().ok_or_else(|| {
            // Socket.IO's own form of this error is a message and no more, so the code goes before it.
            format!("no_capacity: {}", refusal::no_connection())
        })?;
        let polls = socket.transport_type() == TransportType::Polling;
        let lane = polls.then(|| server.lanes.open(&server.slot, socket.id));
        let connection = Arc::new_cyclic(|me| Self {
            id,
            recipient: Recipient { sid: socket.id, slot: server.slot.clone(), lane },
            client: socket.req_parts().extensions.get::<Client>().cloned(),
            watched: Mutex::default(),
            me: me.clone(),
            server,
            serial: Serial::default(),
            _counted: counted,
        });
        on(socket, name::CLOCK, &connection, Self::clock);
        on(socket, name::REGISTER_NEW_STREAM, &connection, Self::register);
        on(socket, name::BROADCAST_DATA, &connection, Self::broadcast);
        on(socket, name::END_STREAM, &connection, Self::end);
        on(socket, name::WATCH_STREAM, &connection, Self::watch);
        on(socket, name::LEAVE_STREAM, &connection, Self::leave);
        on(socket, name::REQUEST_KEYFRAME, &connection, Self::request_keyframe);
        socket.on_fallback(Unknown(connection.recipient.clone(), connection.server.services.clock.clone()));
        socket.on_disconnect(async move || connection.closed_last());
        Ok(())
    }

    /// The client watches or publishes, so that its connection is worth a descriptor.
    pub(super) fn keep(&self) {
        self.client.as_ref().inspect(|client| client.keep());
        self.recipient.lane.as_ref().inspect(|lane| lane.keep());
    }

    async fn clock(self: Arc<Self>, call: Call, request: ClockRequest) {
        let clock = &self.server.services.clock;
        call.answer(Ok(clock.answer(request, clock.now())));
    }

    async fn watch(self: Arc<Self>, call: Call, watch: WatchStream) {
        self.begin_to_watch(&call, WatchRequest::from(watch));
    }

    async fn leave(self: Arc<Self>, call: Call, StreamRef { stream_id }: StreamRef) {
        lock(&self.watched).leave(stream_id);
        call.answer(Ok(Done {}));
    }

    async fn request_keyframe(self: Arc<Self>, call: Call, StreamRef { stream_id }: StreamRef) {
        let now = self.server.services.clock.now();
        call.answer(lock(&self.watched).request_keyframe(stream_id, now).map(|()| Done {}));
    }

    /// Closes it after the events that came before.
    fn closed_last(self: Arc<Self>) {
        let (serial, services) = (self.serial.clone(), self.server.services.clone());
        serial.run_last(Box::pin(async move { self.closed() }), |work| services.spawn(work));
    }

    fn closed(&self) {
        lock(&self.watched).leave_all();
        self.server.lanes.close(self.recipient.sid);
        let services = &self.server.services;
        services.ingest.disconnected(self.id, services.clock.now());
    }
}

/// Binds an event of `socket` to a method of its connection.
fn on<P, F>(
    socket: &SocketRef<Adapter>,
    name: &'static str,
    connection: &Arc<Connection>,
    method: impl Fn(Arc<Connection>, Call, P) -> F + Send + Sync + 'static,
) where
    P: serde::de::DeserializeOwned + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (from, serial) = (connection.recipient.clone(), connection.serial.clone());
    let (connection, server) = (connection.clone(), connection.server.clone());
    let clock = server.services.clock.clone();
    let handle =
        move |call: Call, payload: P| -> Work { Box::pin(method(connection.clone(), call, payload)) };
    socket.on(name, On { name, from, serial, clock, handle, spawn: move |work| server.services.spawn(work) });
}
