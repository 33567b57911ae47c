//! The public contract: Socket.IO v4/v5 rooms and the events of `docs/protocol.md`, over HTTP polling and WebSocket.
//!
//! A stream's room holds its broadcaster, who is told its states; viewers get states and media at their own pace.

mod adapter;
mod codec;
mod engine;
mod event;
mod lane;
mod outlet;
mod serial;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, middleware};
use protocol::{
    ErrorCode, StreamId, WireError,
    event::{
        BroadcastData, ClockAnswer, ClockRequest, Done, RegisterNewStream, StreamRef, WatchRequest,
        WatchStream, Watching, name,
    },
    grant::Action,
    stream::Visibility,
};
use serving::Client;
use socketioxide::{ParserConfig, SocketIo, TransportType, extract::SocketRef, handler::ConnectHandler};
use socketioxide_core::adapter::Room;
use tokio_util::sync::CancellationToken;

pub(crate) use self::outlet::SocketIoOutlet;
use self::{
    adapter::{Adapter, Slot},
    event::{Call, On, Unknown},
    lane::Lanes,
    outlet::Recipient,
    serial::{Serial, Work},
};
use crate::{
    clock::Clock,
    config::Limits,
    egress::{Applicant, Delivery, Egress, Flow, MOST_PACKETS, Role},
    grants::Grants,
    hub::{Cursor, LiveStream, SharedStream},
    ingest::{Ingest, Session},
    load::{Door, Guest},
    lock::lock,
    relay::Relays,
    transport::{Connections, Counted, Transport, refusal},
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
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) egress: Arc<Egress<SocketIoOutlet>>,
    pub(crate) door: Arc<Door>,
    pub(crate) relays: Arc<Relays>,
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
    lanes: Arc<Lanes>,
}

/// What a connection has to do with a stream it watches.
enum Watch {
    /// The stream is being fetched; cancelled when the viewer asks again, leaves or is gone.
    Waiting(CancellationToken),
    /// The viewer gets it.
    Flowing(Arc<Flow>),
}

impl Watch {
    fn leave(self) {
        match self {
            Self::Waiting(unwanted) => unwanted.cancel(),
            Self::Flowing(flow) => flow.leave(),
        }
    }

    /// Whether the node is not done with it.
    fn goes_on(&self) -> bool {
        match self {
            Self::Waiting(unwanted) => !unwanted.is_cancelled(),
            Self::Flowing(flow) => !flow.is_over() && Arc::strong_count(flow) > 1,
        }
    }

    fn flow(&self) -> Option<&Arc<Flow>> {
        match self {
            Self::Waiting(_) => None,
            Self::Flowing(flow) => Some(flow),
        }
    }
}

/// One connection.
struct Connection {
    session: Session,
    recipient: Recipient,
    /// The WebSocket of a connection that began as one.
    client: Option<Client>,
    watching: Mutex<HashMap<StreamId, Watch>>,
    me: Weak<Self>,
    services: Arc<Services>,
    lanes: Arc<Lanes>,
    /// Its events, one after the other.
    serial: Serial,
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
        let lanes = Arc::<Lanes>::default();
        let routes = Router::new()
            .route_service("/socket.io", service.clone())
            .route_service("/socket.io/", service)
            .layer(middleware::from_fn_with_state(lanes.clone(), engine::guard));
        (routes, Self { io, slot, lanes })
    }

    /// The sending half.
    pub(crate) fn outlet(&self) -> SocketIoOutlet {
        SocketIoOutlet::new(self.slot.clone(), self.lanes.clone())
    }

    /// Opens the namespace.
    pub(crate) fn open(&self, services: Arc<Services>) {
        let sessions = Arc::new(AtomicU64::new(0));
        let (slot, lanes) = (self.slot.clone(), self.lanes.clone());
        // Events are bound before the client is told that it is connected, so that none of its first ones is lost.
        let bind = async move |socket: SocketRef<Adapter>| {
            let session = Session(sessions.fetch_add(1, Relaxed));
            Connection::open(&socket, session, services, (&slot, lanes))
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
    fn open(
        socket: &SocketRef<Adapter>,
        session: Session,
        services: Arc<Services>,
        (slot, lanes): (&Slot, Arc<Lanes>),
    ) -> Result<(), String> {
        let counted = services.connections.count(Transport::SocketIo).ok_or_else(|| {
            // Socket.IO's own form of this error is a message and no more, so the code goes before it.
            format!("no_capacity: {}", refusal::no_connection())
        })?;
        let polls = socket.transport_type() == TransportType::Polling;
        let lane = polls.then(|| lanes.open(slot, socket.id));
        let connection = Arc::new_cyclic(|me| Self {
            session,
            recipient: Recipient { sid: socket.id, slot: slot.clone(), lane },
            client: socket.req_parts().extensions.get::<Client>().cloned(),
            watching: Mutex::default(),
            me: me.clone(),
            services,
            lanes,
            serial: Serial::default(),
            _counted: counted,
        });
        on(socket, name::CLOCK, &connection, Self::clock);
        on(socket, name::REGISTER_NEW_STREAM, &connection, Self::register);
        on(socket, name::BROADCAST_DATA, &connection, Self::broadcast);
        on(socket, name::END_STREAM, &connection, Self::end);
        on(socket, name::WATCH_STREAM, &connection, Self::watch);
        on(socket, name::LEAVE_STREAM, &connection, Self::leave);
        socket.on_fallback(Unknown(connection.recipient.clone()));
        socket.on_disconnect(async move || connection.closed_last());
        Ok(())
    }

    /// The client watches or publishes, so that its connection is worth a descriptor.
    fn keep(&self) {
        self.client.as_ref().inspect(|client| client.keep());
        self.recipient.lane.as_ref().inspect(|lane| lane.keep());
    }

    async fn clock(self: Arc<Self>, call: Call, request: ClockRequest) {
        let t1_ms = self.services.clock.now().unix_ms;
        let t2_ms = self.services.clock.now().unix_ms;
        call.answer(Ok(ClockAnswer { t0_ms: request.t0_ms, t1_ms, t2_ms }));
    }

    async fn register(self: Arc<Self>, call: Call, request: RegisterNewStream) {
        let (id, now) = (request.stream_id, self.services.clock.now());
        let registered = self.services.ingest.register(self.session, request, now).await;
        if registered.is_ok() {
            call.socket.join(room(id));
            self.keep();
        }
        call.answer(registered);
    }

    async fn broadcast(self: Arc<Self>, call: Call, data: BroadcastData) {
        let now = self.services.clock.now();
        call.answer(self.services.ingest.segment(self.session, data, call.arrived, now).await);
    }

    async fn end(self: Arc<Self>, call: Call, StreamRef { stream_id }: StreamRef) {
        call.answer(self.services.ingest.end(self.session, stream_id));
    }

    async fn watch(self: Arc<Self>, call: Call, watch: WatchStream) {
        let request = WatchRequest::from(watch);
        match self.services.relays.at_hand(request.stream_id) {
            Some(stream) => self.begin(&call, request, &stream, None),
            None => self.fetch(&call, request),
        }
    }

    /// Has a stream fetched that is not here, and then lets its viewer in. Other events are handled meanwhile; another
    /// request for the stream, or leaving it, takes the place of this one.
    fn fetch(&self, call: &Call, request: WatchRequest) {
        let id = request.stream_id;
        let unwanted = CancellationToken::new();
        {
            let mut watching = lock(&self.watching);
            if let Err(error) = self.check_room(&mut watching, id) {
                return call.answer::<()>(Err(error));
            }
            if let Some(before) = watching.insert(id, Watch::Waiting(unwanted.clone())) {
                before.leave();
            }
        }
        let (me, relays, call) = (self.me.clone(), self.services.relays.clone(), call.clone());
        self.services.relays.spawn(async move {
            let found = unwanted.run_until_cancelled(relays.find(id, request.grant.as_deref())).await;
            match (found, me.upgrade()) {
                (Some(Ok(stream)), Some(connection)) => {
                    connection.begin(&call, request, &stream, Some(&unwanted));
                }
                (Some(Err(error)), _) => {
                    unwanted.cancel();
                    call.answer::<()>(Err(error));
                }
                (None, _) | (_, None) => call.answer::<()>(Err(replaced())),
            }
        });
    }

    /// Admits a viewer, unless it does not want that any more, and answers what came of it.
    fn begin(
        &self,
        call: &Call,
        request: WatchRequest,
        stream: &SharedStream,
        unwanted: Option<&CancellationToken>,
    ) {
        // Held until the answer is on its way: whatever replaces or ends this watch is answered after it.
        let mut watching = lock(&self.watching);
        if let Err(error) = self.admit(&mut watching, (call, request), stream, unwanted) {
            unwanted.inspect(|unwanted| unwanted.cancel());
            call.answer::<()>(Err(error));
        }
    }

    async fn leave(self: Arc<Self>, call: Call, StreamRef { stream_id }: StreamRef) {
        if let Some(watch) = lock(&self.watching).remove(&stream_id) {
            watch.leave();
        }
        call.answer(Ok(Done {}));
    }

    /// Admits a viewer and answers it; an error is still to be answered.
    fn admit(
        &self,
        watching: &mut HashMap<StreamId, Watch>,
        (call, request): (&Call, WatchRequest),
        stream: &SharedStream,
        unwanted: Option<&CancellationToken>,
    ) -> Result<(), WireError> {
        let WatchRequest { stream_id: id, grant, after, .. } = request;
        let services = &self.services;
        if lock(stream).visibility() == Visibility::Private {
            let grant = grant.unwrap_or_default();
            services.grants.verify(&grant, id, Action::Watch, services.clock.now())?;
        }
        if unwanted.is_some_and(CancellationToken::is_cancelled) {
            return Err(replaced());
        }
        self.check_room(watching, id)?;
        let cursor = after.map_or_else(Cursor::newest, Cursor::after).waiting_on(lock(stream).ring());
        let replacing = watching.get(&id).and_then(Watch::flow);
        if replacing.is_none() {
            let guest = if after.is_some() { Guest::Resuming } else { Guest::New };
            services.door.enter(guest, services.egress.audience().viewers())?;
        }
        let delivery = delivery(call);
        let viewer = self.recipient.clone();
        let applicant = Applicant { viewer, role: Role::Viewer, delivery, cursor, replacing };
        let admitted = services.egress.admit(id, applicant);
        let viewer = admitted.map_err(|rejection| refusal::not_admitted(rejection, stream))?;
        if let Some(before) = watching.remove(&id) {
            before.leave();
        }
        let (flow, welcome) = (viewer.flow().clone(), self.welcome(&lock(stream)));
        if !viewer.start(|| call.answer(Ok(welcome))) {
            return Err(refusal::gone(stream));
        }
        self.keep();
        watching.insert(id, Watch::Flowing(flow));
        Ok(())
    }

    fn welcome(&self, stream: &LiveStream) -> Watching {
        Watching {
            mime: stream.mime().map(str::to_owned),
            take: stream.take(),
            origin_time_ms: stream.origin_ms(),
            window_ms: u64::try_from(self.services.limits.window.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Whether the connection may watch `id` besides what it watches.
    fn check_room(&self, watching: &mut HashMap<StreamId, Watch>, id: StreamId) -> Result<(), WireError> {
        watching.retain(|_, watch| watch.goes_on());
        if watching.len() >= self.services.limits.streams_per_socket && !watching.contains_key(&id) {
            return Err(WireError::new(ErrorCode::LimitReached, "this connection watches too many streams"));
        }
        Ok(())
    }

    /// Closes it after the events that came before.
    fn closed_last(self: Arc<Self>) {
        let (serial, relays) = (self.serial.clone(), self.services.relays.clone());
        serial.run_last(Box::pin(async move { self.closed() }), |work| relays.spawn(work));
    }

    fn closed(&self) {
        lock(&self.watching).drain().for_each(|(_, watch)| watch.leave());
        self.lanes.close(self.recipient.sid);
        self.services.ingest.disconnected(self.session, self.services.clock.now());
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
    let (connection, relays) = (connection.clone(), connection.services.relays.clone());
    let handle =
        move |call: Call, payload: P| -> Work { Box::pin(method(connection.clone(), call, payload)) };
    socket.on(name, On { name, from, serial, handle, spawn: move |work| relays.spawn(work) });
}

/// How the connection takes media now. One that upgrades while it watches keeps its modest turns.
fn delivery(call: &Call) -> Delivery {
    match call.socket.transport_type() {
        TransportType::Polling => Delivery::InTurns,
        TransportType::Websocket => Delivery::Continuous,
    }
}

fn replaced() -> WireError {
    WireError::new(ErrorCode::InvalidRequest, "the stream was left, or watched anew, before this could begin")
}
