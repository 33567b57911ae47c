//! Plain WebSocket: one connection, one stream, one viewer or one node that relays it. `docs/protocol.md`, WebSocket.
//!
//! After the HTTP handshake nothing stands between a pump and the viewer's socket: chunks are the hub's own bytes, written
//! with one call each, with TLS in records of 16 KiB that the pump encrypts. See [`connection`] for what happens when a socket is full.

mod connection;
mod encoder;
mod frame;
mod incoming;
mod keep_alive;
mod request;
mod socket;
mod tls_socket;

#[cfg(test)]
mod tests;

use std::{future::poll_fn, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use protocol::{
    ErrorCode, StreamId, WireError,
    event::{Ack, Done, Renew, StreamRef, name},
};
use serving::Client;
use tokio_util::task::TaskTracker;

pub(crate) use self::frame::binary_prefix;
use self::{
    connection::Connection,
    encoder::WsEncoder,
    frame::CloseCode,
    incoming::{ClientMessage, Incoming},
    keep_alive::{KeepAlive, KeptAlive},
    request::Event,
    socket::Socket,
};
use super::{
    address,
    admission::{Destination, Request},
    context::{Close, Running, TransportContext},
    errors, handshake,
    held_grant::HeldGrant,
};
use crate::{
    clock::Clock,
    connections::{Counted, TransportConnections, TransportName},
    egress::{Delivery, Egress, Session},
    failure::failure,
    hub::SharedStream,
    renewals::AskRenewal,
};

const NAME: TransportName = TransportName { label: "ws", title: "WebSocket" };
/// A pump writes to a viewer's socket itself; nothing is queued behind a chunk that the socket has not taken whole.
static DIRECT: Delivery = Delivery::ONE;
/// Longest wait for a client to take the answer to its handshake.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// The WebSocket server of a node.
struct Server {
    context: TransportContext,
    egress: Egress<WsEncoder>,
    connections: Arc<TransportConnections>,
    keep_alive: Arc<KeepAlive>,
    /// Its connections.
    tasks: TaskTracker,
}

/// Starts the transport.
pub(super) fn start(context: &TransportContext) -> Running {
    let server = Arc::new(Server {
        context: context.clone(),
        egress: context.egress(WsEncoder::new(context.hostname.clone())),
        connections: context.connections.register(NAME),
        keep_alive: Arc::default(),
        tasks: TaskTracker::new(),
    });
    let (keep_alive, clock) = (server.keep_alive.clone(), context.clock.clone());
    let keep_alive =
        context.shutdown.clone().run_until_cancelled_owned(async move { keep_alive.run(&clock).await });
    context.tasks.spawn(context.supervisor.watch("WebSocket keep-alive", keep_alive));
    let routes = Router::new().route("/ws/{stream_id}", any(connect)).with_state(server.clone());
    Running { routes, close: closing(server) }
}

fn closing(server: Arc<Server>) -> Close {
    Box::new(|timeout| Box::pin(async move { server.close(timeout).await }))
}

impl Server {
    /// Closes every connection; ends those that are still there after `timeout`.
    async fn close(&self, timeout: Duration) {
        self.keep_alive.close(CloseCode::GOING_AWAY);
        self.tasks.close();
        if tokio::time::timeout(timeout, self.tasks.wait()).await.is_err() {
            tracing::debug!("closed WebSocket connections with unsent data");
            self.keep_alive.abort();
            self.tasks.wait().await;
        }
    }

    async fn find(&self, request: Result<Request, WireError>) -> Result<(Request, SharedStream), WireError> {
        let request = request?;
        let stream = self.context.admission.find(&request).await?;
        Ok((request, stream))
    }

    /// Runs an upgraded connection until it is over.
    async fn serve(
        self: Arc<Self>,
        (socket, early): (Socket, Bytes),
        request: Result<Request, WireError>,
        Peer { client, address }: Peer,
    ) {
        let counted = self.connections.count(address);
        let found = match counted {
            // A stream may take seconds to be found: the connection makes room for others meanwhile, as at any time.
            Some(_) => tokio::select! {
                found = self.find(request) => found,
                () = socket.displaced() => return,
            },
            None => Err(errors::no_connection()),
        };
        let connection = Arc::new(Connection::new(socket));
        let kept_alive = self.keep_alive.add(connection.clone());
        let mut task = ClientTask {
            connection,
            address,
            session: None,
            grant: None,
            clock: self.context.clock.clone(),
            _kept_alive: kept_alive,
            _counted: counted,
        };
        match found.and_then(|(request, stream)| self.begin(&mut task, &request, &stream)) {
            Ok(()) => drop(client.inspect(Client::keep)),
            Err(error) => task.refuse(&error),
        }
        if self.context.shutdown.is_cancelled() {
            task.connection.close(None, CloseCode::GOING_AWAY);
        }
        self.tasks.spawn(task.run(early));
    }

    /// Admits the client and welcomes it.
    fn begin(
        &self,
        task: &mut ClientTask,
        request: &Request,
        stream: &SharedStream,
    ) -> Result<(), WireError> {
        let connection = task.connection.clone();
        let destination = Destination {
            viewer: connection.clone(),
            address: task.address,
            delivery: &DIRECT,
            replacing: None,
        };
        let admitted = self.context.admission.admit(&self.egress, request, stream, destination)?;
        let grant_expires_s = admitted.grant_expires_s;
        let session = admitted.start(|welcome| {
            // A client that is gone is noticed by its task.
            let _ = connection.send(&frame::event(name::WATCHING, &welcome), None);
        })?;
        task.session = Some(session);
        let ask = || ask_renewal(request.stream, &task.connection);
        task.grant = HeldGrant::new(&self.context, request.stream, grant_expires_s, ask);
        Ok(())
    }
}

/// Asks a client for a fresh grant, unless it leaves too much unread.
fn ask_renewal(stream_id: StreamId, connection: &Arc<Connection>) -> AskRenewal {
    let connection = Arc::downgrade(connection);
    Arc::new(move || {
        if let Some(connection) = connection.upgrade() {
            connection.answer(&frame::event(name::RENEW_GRANT, &StreamRef { stream_id }));
        }
    })
}

/// What is read of a client's bytes, in these pieces: messages with their events, and how it ends.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_client<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    use std::fmt::Write;
    let (mut incoming, mut read, mut end) = (Incoming::default(), String::new(), Ok(()));
    for piece in pieces {
        let pushed = incoming.push(piece, |message| {
            let event = match &message {
                ClientMessage::Text(text) => request::event(text),
                _ => None,
            };
            // Writing to a string does not fail.
            let _ = writeln!(read, "{message:?} {event:?}");
        });
        end = end.and(pushed);
    }
    format!("{read}{end:?}")
}

/// Reads a request.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_request(stream: &str, query: &str) {
    let uri = axum::http::Uri::builder().path_and_query(format!("/?{query}")).build();
    if let Ok(Ok(Query(query))) = uri.map(|uri| Query::<request::Query>::try_from_uri(&uri)) {
        let _ = request::read(stream, query);
    }
}

/// Answers the handshake, and serves the connection that it opens.
async fn connect(
    State(server): State<Arc<Server>>,
    stream: Result<Path<String>, PathRejection>,
    query: Result<Query<request::Query>, QueryRejection>,
    request: axum::extract::Request,
) -> Response {
    let (mut head, _) = request.into_parts();
    let accept = match handshake::accept(&head) {
        Ok(accept) => accept,
        Err(reason) => return no_handshake(reason),
    };
    let Some(upgrade) = head.extensions.remove::<OnUpgrade>() else {
        return no_handshake("this connection cannot be upgraded");
    };
    let client = head.extensions.remove::<Client>();
    let address = address::of(&head.extensions);
    // What is no text names no stream, as any other wrong text.
    let stream = stream.map(|Path(stream)| stream).unwrap_or_default();
    let request = query.map_err(|_| request::invalid("the query cannot be read"));
    let request = request.and_then(|Query(query)| request::read(&stream, query));
    let shutdown = server.context.shutdown.clone();
    server.tasks.clone().spawn(shutdown.run_until_cancelled_owned(async move {
        // A client that is gone before the answer needs no error.
        if let Ok(Ok(upgraded)) = tokio::time::timeout(UPGRADE_TIMEOUT, upgrade).await {
            server.serve(Socket::take_back(upgraded), request, Peer { client, address }).await;
        }
    }));
    let headers = [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, &accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

fn no_handshake(reason: &str) -> Response {
    failure(StatusCode::BAD_REQUEST, WireError::new(ErrorCode::InvalidRequest, reason))
}

/// Where a connection comes from.
struct Peer {
    /// None where the server keeps no places.
    client: Option<Client>,
    /// The address that its limits are counted by.
    address: Option<IpAddr>,
}

/// A connection while its task runs.
struct ClientTask {
    connection: Arc<Connection>,
    /// See [`Peer`].
    address: Option<IpAddr>,
    /// Left when the task ends.
    session: Option<Session>,
    /// None where the client needs none.
    grant: Option<Box<HeldGrant>>,
    clock: Clock,
    _kept_alive: KeptAlive,
    _counted: Option<Counted>,
}

impl ClientTask {
    fn refuse(&self, error: &WireError) {
        self.connection.close(Some(&frame::event(name::ERROR, error)), CloseCode::REFUSED);
    }

    async fn run(self, early: Bytes) {
        let mut incoming = Incoming::default();
        let mut handle = |connection: &Connection, message| self.answer(connection, message);
        if !early.is_empty() {
            self.connection.receive(&early, &mut incoming, &mut handle);
        }
        drop(early);
        poll_fn(|cx| self.connection.poll(cx, &mut incoming, &mut handle)).await;
    }

    /// Handles the events of a client; everything else is ignored.
    fn answer(&self, connection: &Connection, message: ClientMessage) {
        let ClientMessage::Text(text) = message else { return };
        let arrived = self.clock.now();
        match request::event(&text) {
            Some(Event::Clock(request)) => {
                let answer = self.clock.answer(request, arrived);
                connection.answer(&frame::event(name::CLOCK, &answer));
            }
            Some(Event::RequestKeyframe) => {
                self.session.iter().for_each(|session| session.request_keyframe(arrived));
            }
            Some(Event::Renew(request)) => {
                let answer = Ack(self.renew(&request).map(|()| Done {}));
                connection.answer(&frame::event(name::RENEW, &answer));
            }
            None => {}
        }
    }

    /// The client has a new grant. Where it needs none, nothing is looked at.
    fn renew(&self, request: &Renew) -> Result<(), WireError> {
        self.grant.as_ref().map_or(Ok(()), |held| held.renew(&request.grant))
    }
}
