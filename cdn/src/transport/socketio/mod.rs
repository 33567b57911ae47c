//! The public contract: Socket.IO v4/v5 rooms and the events of `docs/protocol.md`, over HTTP polling and WebSocket.
//!
//! A stream's room holds its broadcaster, who is told its states; viewers get states and media at their own pace.

mod adapter;
mod codec;
mod connection;
mod engine;
mod event;
mod lane;
mod outlet;
mod publishing;
mod serial;
mod watching;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, middleware};
use protocol::{StreamId, event::StreamStateChanged};
use socketioxide::{ParserConfig, SocketIo, extract::SocketRef, handler::ConnectHandler};
use socketioxide_core::adapter::Room;

use self::{
    adapter::{Adapter, Slot},
    connection::Connection,
    lane::Lanes,
    outlet::SocketIoOutlet,
};
use super::{Close, Running, Services};
use crate::{
    connections::{TransportConnections, TransportName},
    egress::{Announcer, Backlog, Delivery, Egress},
    hub::{LiveStream, SharedStream},
    ingest::ConnectionId,
    lock::lock,
};

const NAME: TransportName = TransportName { label: "socketio", title: "Socket.IO" };

/// What is on the way to one viewer at most.
const MOST_ON_THE_WAY: Backlog = Backlog { packets: 32, bytes: 1 << 20 };
/// To a viewer with a WebSocket, which takes packets as the network lets it.
static CONTINUOUS: Delivery = Delivery::half(MOST_ON_THE_WAY);
/// To a viewer that polls, which takes all there is with each request. A payload makes two packets of a polling response, and
/// there are clients that refuse a response of more than 16 packets (python-engineio); answers, states and pings have to find
/// room in it too.
static IN_TURNS: Delivery = Delivery::whole(Backlog { packets: 4, ..MOST_ON_THE_WAY });

/// Packets a connection may have queued: media up to its bound, and as much again for answers, states and pings.
const QUEUE_PACKETS: usize = MOST_ON_THE_WAY.packets * 2;
/// Most attachments of an incoming event; ours have one.
const MOST_ATTACHMENTS: usize = 4;
/// How long a connection may take to join the namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that does not answer a ping for so long is closed; pings are sent that often.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// The Socket.IO server of a node.
struct Server {
    services: Services,
    egress: Egress<SocketIoOutlet>,
    outlet: SocketIoOutlet,
    /// Streams whose broadcaster is told how they are doing.
    announced: Mutex<HashMap<StreamId, Weak<Mutex<LiveStream>>>>,
    slot: Slot,
    lanes: Arc<Lanes>,
    connections: Arc<TransportConnections>,
}

/// Starts the transport.
pub(super) fn start(services: &Services) -> Running {
    // An attachment grows by a third as base64 in a polling request, and the event's text comes with it.
    let largest_message = services.limits.segment_bytes + services.limits.segment_bytes / 2;
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
    let outlet = SocketIoOutlet::new(slot.clone(), lanes.clone());
    let egress = services.egress(outlet.clone());
    let connections = services.connections.register(NAME);
    let (services, announced) = (services.clone(), Mutex::default());
    let server = Server { services, egress, outlet, announced, slot, lanes, connections };
    server.open(&io);
    Running { routes, close: closing(io) }
}

impl Server {
    /// Opens the namespace.
    fn open(self, io: &SocketIo<Adapter>) {
        let (server, connections) = (Arc::new(self), Arc::new(AtomicU64::new(0)));
        // Events are bound before the client is told that it is connected, so that none of its first ones is lost.
        let bind = async move |socket: SocketRef<Adapter>| {
            let id = ConnectionId(connections.fetch_add(1, Relaxed));
            Connection::open(&socket, id, server)
        };
        io.ns("/", (async || ()).with(bind));
    }

    /// Tells the broadcaster of a stream how it is doing, from now on until the stream is closed.
    fn announce(&self, id: StreamId, stream: &SharedStream) {
        let mut announced = lock(&self.announced);
        if announced.get(&id).is_some_and(|known| known.as_ptr() == Arc::as_ptr(stream)) {
            return;
        }
        announced.retain(|_, stream| stream.strong_count() > 0);
        announced.insert(id, Arc::downgrade(stream));
        let outlet = self.outlet.clone();
        let tell = move |state: &StreamStateChanged| outlet.announce(state);
        let announcer = Announcer::new(stream, self.services.clock.clone(), tell);
        self.services.spawn(announcer.run());
    }
}

fn closing(io: SocketIo<Adapter>) -> Close {
    Box::new(|timeout| {
        Box::pin(async move {
            if tokio::time::timeout(timeout, io.close()).await.is_err() {
                tracing::debug!("some Socket.IO clients did not read what was left for them");
            }
        })
    })
}

/// The Socket.IO room of a stream.
fn room(stream: StreamId) -> Room {
    Room::Owned(stream.to_string())
}
