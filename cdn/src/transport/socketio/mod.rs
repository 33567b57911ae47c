//! The public contract: Socket.IO v4/v5 rooms and the events of `docs/protocol.md`, over HTTP polling and WebSocket.
//!
//! A stream's room holds its broadcaster, which gets its states; viewers get states and media at their own pace.

mod adapter;
mod clock;
mod closing;
mod codec;
mod connection;
mod delivery;
mod encoder;
mod engine;
mod event;
mod open_connections;
mod polling_queue;
mod publishing;
mod recipient;
mod renewing;
mod rooms;
mod serial;
mod server;
mod session;
mod turns;
mod watched;
mod watching;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, middleware};
use socketioxide::{ParserConfig, SocketIo, extract::SocketRef, handler::ConnectHandler};

pub use self::session::MAX_REFUSED_SESSIONS;
use self::{
    adapter::{Adapter, Slot},
    connection::Connection,
    delivery::QUEUE_PACKETS,
    engine::Guarded,
    event::{Event, On, Unknown},
    open_connections::OpenConnections,
    polling_queue::PollingQueues,
    rooms::Rooms,
    server::Server,
    session::Sessions,
};
use super::context::{Close, Running, TransportContext};
use crate::{connections::TransportName, ingest::ConnectionId};

const NAME: TransportName = TransportName { label: "socketio", title: "Socket.IO" };

/// Most attachments of an incoming event; ours have one.
const MOST_ATTACHMENTS: usize = 4;
/// How long a connection may take to join the namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that does not answer a ping for so long is closed; pings are sent that often.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes a WebSocket is asked for at once. Each connection holds a buffer of that size, and each read clears it first: with the
/// library's 4 KiB a segment of 60 kB takes 17 reads.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// Starts the transport.
pub(super) fn start(context: &TransportContext) -> Running {
    // An attachment grows by a third as base64 in a polling request, and the event's text comes with it.
    let largest_message = context.limits.segment_bytes + context.limits.segment_bytes / 2;
    let parser = ParserConfig::common()
        .max_incoming_binaries(MOST_ATTACHMENTS)
        .max_incoming_binary_buf_size(largest_message);
    let slot = Slot::default();
    let (service, io) = SocketIo::builder()
        .with_parser(parser)
        .max_payload(largest_message as u64)
        .ws_max_message_size(largest_message)
        .ws_max_frame_size(largest_message)
        .ws_read_buffer_size(READ_BUFFER_BYTES)
        .max_buffer_size(QUEUE_PACKETS)
        .connect_timeout(CONNECT_TIMEOUT)
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .with_adapter::<Adapter>(slot.clone())
        .build_svc();
    let polling_queues = Arc::<PollingQueues>::default();
    let connections = context.connections.register(NAME);
    let sessions = Sessions::new(connections.clone());
    let guarded = Guarded { context: context.clone(), queues: polling_queues.clone(), sessions };
    let routes = Router::new()
        .route_service("/socket.io", service.clone())
        .route_service("/socket.io/", service)
        .layer(middleware::from_fn_with_state(Arc::new(guarded), engine::guard));
    let rooms = Rooms { slot, polling_queues, open: OpenConnections::default() };
    open(&io, Server::new(context.clone(), rooms, connections));
    Running { routes, close: closing(io) }
}

/// Opens the namespace.
fn open(io: &SocketIo<Adapter>, server: Server) {
    let (server, connections) = (Arc::new(server), Arc::new(AtomicU64::new(0)));
    // Handlers are bound before the client learns that it is connected, so that none of its first events is lost.
    let bind = async move |socket: SocketRef<Adapter>| {
        let id = ConnectionId(connections.fetch_add(1, Relaxed));
        Connection::open(&socket, id, server).map(|connection| listen(&socket, connection))
    };
    io.ns("/", (async || ()).with(bind));
}

/// The events that clients may send, and how each is bound.
const EVENTS: &[(&str, Bind)] = &[
    event::<clock::ReadClock>(),
    event::<publishing::Register>(),
    event::<publishing::Broadcast>(),
    event::<publishing::End>(),
    event::<renewing::ShowGrant>(),
    event::<watching::BeginToWatch>(),
    event::<watching::Leave>(),
    event::<watching::RequestKeyframe>(),
];

type Bind = fn(&SocketRef<Adapter>, &Arc<Connection>);

const fn event<E: Event>() -> (&'static str, Bind) {
    (E::NAME, |socket, connection| socket.on(E::NAME, On::<E>::new(connection.clone())))
}

/// The names of the events that clients may send.
pub fn client_events() -> impl Iterator<Item = &'static str> {
    EVENTS.iter().map(|(name, _)| *name)
}

/// Binds the events of `socket` to its connection.
fn listen(socket: &SocketRef<Adapter>, connection: Arc<Connection>) {
    for (_, bind) in EVENTS {
        bind(socket, &connection);
    }
    socket.on_fallback(Unknown(connection.clone()));
    socket.on_disconnect(async move || event::close_last(connection));
}

fn closing(io: SocketIo<Adapter>) -> Close {
    Box::new(|timeout| {
        Box::pin(async move {
            if tokio::time::timeout(timeout, io.close()).await.is_err() {
                tracing::debug!("closed Socket.IO connections with unsent data");
            }
        })
    })
}
