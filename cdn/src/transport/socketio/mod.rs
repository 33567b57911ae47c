//! The public contract: Socket.IO v4/v5 rooms and the events of `docs/protocol.md`, over HTTP polling and WebSocket.
//!
//! A stream's room holds its broadcaster, who is told its states; viewers get states and media at their own pace.

mod adapter;
mod codec;
mod event;
mod outlet;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::Router;
use protocol::{
    ErrorCode, StreamId, WireError,
    event::{
        BroadcastData, ClockAnswer, ClockRequest, Done, RegisterNewStream, StreamRef, WatchRequest,
        WatchStream, Watching, name,
    },
    grant::Action,
    stream::Visibility,
};
use socketioxide::{ParserConfig, SocketIo, TransportType, extract::SocketRef, handler::ConnectHandler};
use socketioxide_core::{Sid, adapter::Room};

pub(crate) use self::outlet::SocketIoOutlet;
use self::{
    adapter::{Adapter, Slot},
    event::{Call, On, Unknown},
};
use crate::{
    clock::Clock,
    config::Limits,
    egress::{Admitted, Applicant, Delivery, Egress, Flow, MOST_PACKETS, Role},
    grants::Grants,
    hub::{Cursor, Hub},
    ingest::{Ingest, Session},
    load::{Door, Guest},
    lock::lock,
    transport::{Connections, Counted, Transport},
};

/// Packets a connection may have queued: media up to its bound, and as much again for answers, states and pings.
const QUEUE_PACKETS: usize = MOST_PACKETS * 2;
/// Most attachments of an incoming event; ours have one.
const MOST_ATTACHMENTS: usize = 4;
/// How long a connection may take to join the namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that does not answer a ping for so long is closed; pings are sent that often.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What the events need of the node.
pub(crate) struct Services {
    pub(crate) hub: Arc<Mutex<Hub>>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) egress: Arc<Egress<SocketIoOutlet>>,
    pub(crate) door: Arc<Door>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) connections: Arc<Connections>,
}

/// The Socket.IO server of a node.
#[derive(Clone)]
pub(crate) struct Server {
    io: SocketIo<Adapter>,
    slot: Slot,
}

/// One connection.
struct Connection {
    session: Session,
    sid: Sid,
    watching: Mutex<HashMap<StreamId, Arc<Flow>>>,
    services: Arc<Services>,
    _counted: Counted,
}

impl Server {
    /// A server whose namespace is not open yet, and the routes that lead to it.
    pub(crate) fn new(limits: &Limits) -> (Router, Self) {
        // An attachment grows by a third as base64 in a polling request, and the event's text comes with it.
        let largest_message = limits.segment_bytes + limits.segment_bytes / 2;
        let parser = ParserConfig::common()
            .max_incoming_binaries(MOST_ATTACHMENTS)
            .max_incoming_binary_buf_size(largest_message);
        let slot = Slot::default();
        let (service, io) = SocketIo::builder()
            .with_parser(parser)
            .max_payload(largest_message as u64)
            .ws_max_message_size(largest_message)
            .ws_max_frame_size(largest_message)
            .max_buffer_size(QUEUE_PACKETS)
            .connect_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            .ping_timeout(PING_TIMEOUT)
            .with_adapter::<Adapter>(slot.clone())
            .build_svc();
        let routes =
            Router::new().route_service("/socket.io", service.clone()).route_service("/socket.io/", service);
        (routes, Self { io, slot })
    }

    /// The sending half.
    pub(crate) fn outlet(&self) -> SocketIoOutlet {
        SocketIoOutlet::new(self.slot.clone())
    }

    /// Opens the namespace.
    pub(crate) fn open(&self, services: Arc<Services>) {
        let sessions = Arc::new(AtomicU64::new(0));
        // Events are bound before the client is told that it is connected, so that none of its first ones is lost.
        let bind = async move |socket: SocketRef<Adapter>| {
            let session = Session(sessions.fetch_add(1, Relaxed));
            Connection::open(&socket, session, services)
        };
        self.io.ns("/", (async || ()).with(bind));
    }

    /// Closes every connection.
    pub(crate) async fn close(&self) {
        self.io.close().await;
    }
}

/// The Socket.IO room of a stream.
fn room(stream: StreamId) -> Room {
    Room::Owned(stream.to_string())
}

impl Connection {
    fn open(socket: &SocketRef<Adapter>, session: Session, services: Arc<Services>) -> Result<(), WireError> {
        let counted = services.connections.count(Transport::SocketIo).ok_or_else(|| {
            WireError::new(ErrorCode::LimitReached, "this node has no room for another connection")
        })?;
        let (sid, watching) = (socket.id, Mutex::default());
        let connection = Arc::new(Self { session, sid, watching, services, _counted: counted });
        on(socket, name::CLOCK, &connection, Self::clock);
        on(socket, name::REGISTER_NEW_STREAM, &connection, Self::register);
        on(socket, name::BROADCAST_DATA, &connection, Self::broadcast);
        on(socket, name::END_STREAM, &connection, Self::end);
        on(socket, name::WATCH_STREAM, &connection, Self::watch);
        on(socket, name::LEAVE_STREAM, &connection, Self::leave);
        socket.on_fallback(Unknown);
        socket.on_disconnect(async move || connection.closed());
        Ok(())
    }

    fn clock(&self, call: &Call, request: ClockRequest) {
        let t1_ms = self.services.clock.now().unix_ms;
        let t2_ms = self.services.clock.now().unix_ms;
        call.answer(Ok(ClockAnswer { t0_ms: request.t0_ms, t1_ms, t2_ms }));
    }

    fn register(&self, call: &Call, request: RegisterNewStream) {
        let id = request.stream_id;
        let registered = self.services.ingest.register(self.session, request, self.services.clock.now());
        if registered.is_ok() {
            call.socket.join(room(id));
        }
        call.answer(registered);
    }

    fn broadcast(&self, call: &Call, data: BroadcastData) {
        let now = self.services.clock.now();
        call.answer(self.services.ingest.segment(self.session, data, call.arrived, now));
    }

    fn end(&self, call: &Call, StreamRef { stream_id }: StreamRef) {
        call.answer(self.services.ingest.end(self.session, stream_id));
    }

    fn watch(&self, call: &Call, watch: WatchStream) {
        let request = WatchRequest::from(watch);
        match self.admit(request, delivery(call)) {
            Err(error) => call.answer::<()>(Err(error)),
            Ok((watching, viewer)) => {
                call.answer(Ok(watching));
                // Only now, so that the answer comes before the media.
                viewer.start();
            }
        }
    }

    fn leave(&self, call: &Call, StreamRef { stream_id }: StreamRef) {
        if let Some(flow) = lock(&self.watching).remove(&stream_id) {
            flow.leave();
        }
        call.answer(Ok(Done {}));
    }

    fn admit(
        &self,
        request: WatchRequest,
        delivery: Delivery,
    ) -> Result<(Watching, Admitted<Sid>), WireError> {
        let WatchRequest { stream_id: id, grant, after } = request;
        let services = &self.services;
        let stream = lock(&services.hub).get(id).ok_or_else(|| unknown_stream(id))?;
        if lock(&stream).visibility() == Visibility::Private {
            let grant = grant.unwrap_or_default();
            services.grants.verify(&grant, id, Action::Watch, services.clock.now())?;
        }
        let mut watching = lock(&self.watching);
        watching.retain(|_, flow| Arc::strong_count(flow) > 1);
        if watching.len() >= services.limits.streams_per_socket && !watching.contains_key(&id) {
            return Err(WireError::new(ErrorCode::LimitReached, "this connection watches too many streams"));
        }
        let cursor = after.map_or_else(Cursor::newest, Cursor::after);
        let replacing = watching.get(&id);
        if replacing.is_none() {
            let guest = if after.is_some() { Guest::Resuming } else { Guest::New };
            services.door.enter(guest, services.egress.audience().viewers())?;
        }
        let applicant = Applicant { viewer: self.sid, role: Role::Viewer, delivery, cursor, replacing };
        let viewer = services.egress.admit(id, applicant).ok_or_else(node_full)?;
        if let Some(before) = watching.insert(id, viewer.flow().clone()) {
            before.leave();
        }
        let stream = lock(&stream);
        let answer = Watching {
            mime: stream.mime().map(str::to_owned),
            take: stream.take(),
            origin_time_ms: stream.origin_ms(),
            window_ms: u64::try_from(services.limits.window.as_millis()).unwrap_or(u64::MAX),
        };
        Ok((answer, viewer))
    }

    fn closed(&self) {
        for (_, flow) in lock(&self.watching).drain() {
            flow.leave();
        }
        self.services.ingest.disconnected(self.session, self.services.clock.now());
    }
}

/// Binds an event of `socket` to a method of its connection.
fn on<P>(
    socket: &SocketRef<Adapter>,
    name: &'static str,
    connection: &Arc<Connection>,
    method: fn(&Connection, &Call, P),
) where
    P: serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let connection = connection.clone();
    socket.on(name, On { name, handle: move |call: &Call, payload: P| method(&connection, call, payload) });
}

/// How the connection takes media now. One that upgrades while it watches keeps its modest turns.
fn delivery(call: &Call) -> Delivery {
    match call.socket.transport_type() {
        TransportType::Polling => Delivery::InTurns,
        TransportType::Websocket => Delivery::Continuous,
    }
}

fn unknown_stream(id: StreamId) -> WireError {
    WireError::new(
        ErrorCode::UnknownStream,
        format!("stream {id} is not here, or it is over; ask the main server"),
    )
}

fn node_full() -> WireError {
    WireError::new(ErrorCode::NoCapacity, "this node serves as many viewers as it may; try another")
}
