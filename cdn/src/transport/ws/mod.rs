//! Plain WebSocket: one connection, one stream, one viewer or one node that relays it. `docs/protocol.md`, WebSocket.
//!
//! After the HTTP handshake nothing stands between a pump and the viewer's socket: chunks are the hub's own bytes, written
//! with one call each. See [`connection`] for what happens when a socket is full.

mod connection;
mod frame;
mod incoming;
mod keeper;
mod outlet;
mod request;
mod socket;

#[cfg(test)]
mod tests;

use std::{future::poll_fn, sync::Arc, time::Duration};

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
    ErrorCode, WireError,
    event::{ClockAnswer, ClockRequest, Watching, Welcome, name},
    grant::Action,
    stream::Visibility,
};
use serving::Client;
use supervisor::Supervisor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::{connection::Connection, frame::binary_prefix, outlet::WsOutlet};
use self::{
    frame::CloseCode,
    incoming::{Heard, Incoming},
    keeper::{Keeper, Keeping},
    request::Request,
    socket::Socket,
};
use crate::{
    clock::Clock,
    config::Limits,
    egress::{Admitted, Applicant, Delivery, Egress, Flow, Role},
    grants::Grants,
    http,
    hub::{LiveStream, SharedStream},
    load::{Door, Guest},
    lock::lock,
    relay::Relays,
    transport::{Connections, Counted, Transport, handshake, refusal},
};

/// Longest wait for a client to take the answer to its handshake.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// What the endpoint needs of the node.
pub(crate) struct Services {
    pub(crate) hostname: String,
    pub(crate) relays: Arc<Relays>,
    pub(crate) egress: Arc<Egress<WsOutlet>>,
    pub(crate) door: Arc<Door>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) connections: Arc<Connections>,
    pub(crate) supervisor: Supervisor,
    pub(crate) shutdown: CancellationToken,
}

/// The WebSocket server of a node.
pub(crate) struct Server {
    services: Services,
    keeper: Arc<Keeper>,
    tasks: TaskTracker,
}

/// The sending half.
pub(crate) fn outlet(hostname: String) -> WsOutlet {
    WsOutlet { hostname }
}

impl Server {
    /// A server, and the route that leads to it.
    pub(crate) fn start(services: Services) -> (Router, Arc<Self>) {
        let server = Arc::new(Self { services, keeper: Arc::default(), tasks: TaskTracker::new() });
        let keeper = server.keeper.clone();
        let shutdown = server.services.shutdown.clone();
        let keeping = shutdown.run_until_cancelled_owned(async move { keeper.run().await });
        server.tasks.spawn(server.services.supervisor.watch("WebSocket keep-alive", keeping));
        (Router::new().route("/ws/{stream_id}", any(connect)).with_state(server.clone()), server)
    }

    /// Closes every connection; ends those that are still there after `patience`.
    pub(crate) async fn close(&self, patience: Duration) {
        self.keeper.close(CloseCode::GOING_AWAY);
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            tracing::debug!("some WebSocket clients did not read what was left for them");
            self.keeper.abort();
            self.tasks.wait().await;
        }
    }

    /// The stream that is asked for. A viewer's is fetched if it is not here; another node is told to look elsewhere, so
    /// that no two nodes wait for each other.
    async fn find(&self, asked: Result<Request, WireError>) -> Result<(Request, SharedStream), WireError> {
        let request = asked?;
        let relays = &self.services.relays;
        let stream = match &request.relay {
            None => relays.find(request.stream, request.grant.as_deref()).await?,
            Some(relay) if *relay == self.services.hostname => return Err(asks_itself(relay)),
            Some(_) => relays.at_hand(request.stream).ok_or_else(refusal::unknown_stream)?,
        };
        Ok((request, stream))
    }

    /// Runs an upgraded connection until it is over.
    async fn attend(
        self: Arc<Self>,
        (socket, early): (Socket, Bytes),
        asked: Result<Request, WireError>,
        client: Option<Client>,
    ) {
        let counted = self.services.connections.count(Transport::WebSocket);
        let found = match counted {
            // A stream may take seconds to be found: the connection makes room for others meanwhile, as at any time.
            Some(_) => tokio::select! {
                found = self.find(asked) => found,
                () = socket.displaced() => return,
            },
            None => Err(refusal::no_connection()),
        };
        let connection = Arc::new(Connection::new(socket));
        let keeping = self.keeper.keep(connection.clone());
        let mut attendance = Attendance {
            connection,
            flow: None,
            clock: self.services.clock.clone(),
            _keeping: keeping,
            _counted: counted,
        };
        match found.and_then(|found| self.begin(&mut attendance, found)) {
            Ok(()) => drop(client.inspect(Client::keep)),
            Err(error) => attendance.refuse(&error),
        }
        if self.services.shutdown.is_cancelled() {
            attendance.connection.close(None, CloseCode::GOING_AWAY);
        }
        self.tasks.spawn(attendance.run(early));
    }

    /// Admits the client and welcomes it.
    fn begin(
        &self,
        attendance: &mut Attendance,
        (request, stream): (Request, SharedStream),
    ) -> Result<(), WireError> {
        let connection = attendance.connection.clone();
        let (welcome, admitted) = self.admit(&connection, request, &stream)?;
        attendance.flow = Some(admitted.flow().clone());
        let welcome = frame::event(name::WATCHING, &welcome);
        let starts = admitted.start(|| {
            // A client that is gone is noticed by its task.
            let _ = connection.send(&welcome, || None);
        });
        if starts { Ok(()) } else { Err(refusal::gone(&stream)) }
    }

    fn admit(
        &self,
        connection: &Arc<Connection>,
        request: Request,
        shared: &SharedStream,
    ) -> Result<(Welcome, Admitted<Arc<Connection>>), WireError> {
        let Request { stream: id, grant, relay, resumes, cursor } = request;
        let services = &self.services;
        let action = if relay.is_some() { Action::Relay } else { Action::Watch };
        if relay.is_some() || lock(shared).visibility() == Visibility::Private {
            services.grants.verify(&grant.unwrap_or_default(), id, action, services.clock.now())?;
        }
        let role = match &relay {
            Some(relay) => {
                self.check_path(&lock(shared), relay)?;
                Role::Relay
            }
            None => {
                let guest = if resumes { Guest::Resuming } else { Guest::New };
                services.door.enter(guest, services.egress.audience().viewers())?;
                Role::Viewer
            }
        };
        let (viewer, cursor) = (connection.clone(), cursor.waiting_on(lock(shared).ring()));
        let applicant = Applicant { viewer, role, delivery: Delivery::Direct, cursor, replacing: None };
        let admitted = services.egress.admit(id, applicant);
        let admitted = admitted.map_err(|rejection| refusal::not_admitted(rejection, shared))?;
        let welcome = self.welcome(&lock(shared));
        Ok((welcome, admitted))
    }

    /// Whether `relay` may get the stream from here: this node has it, and not from `relay`.
    fn check_path(&self, stream: &LiveStream, relay: &str) -> Result<(), WireError> {
        let path = stream.path().ok_or_else(refusal::unknown_stream)?;
        if path.iter().any(|hostname| hostname == relay) {
            let message =
                format!("stream {} comes here through {relay}; take it from another node", stream.id());
            return Err(WireError::new(ErrorCode::RelayLoop, message));
        }
        Ok(())
    }

    fn welcome(&self, stream: &LiveStream) -> Welcome {
        let window_ms = u64::try_from(self.services.limits.window.as_millis()).unwrap_or(u64::MAX);
        let watching = Watching {
            mime: stream.mime().map(str::to_owned),
            take: stream.take(),
            origin_time_ms: stream.origin_ms(),
            window_ms,
        };
        Welcome { watching, newest: stream.ring().newest_name() }
    }
}

/// Answers the handshake, and attends to the connection that comes of it.
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
    // What is no text names no stream, as any other wrong text.
    let stream = stream.map(|Path(stream)| stream).unwrap_or_default();
    let asked = query.map_err(|_| request::invalid("the query cannot be read"));
    let asked = asked.and_then(|Query(query)| Request::read(&stream, query));
    let shutdown = server.services.shutdown.clone();
    server.tasks.clone().spawn(shutdown.run_until_cancelled_owned(async move {
        // A client that is gone before the answer needs no words.
        if let Ok(Ok(upgraded)) = tokio::time::timeout(UPGRADE_TIMEOUT, upgrade).await {
            server.attend(Socket::take_back(upgraded), asked, client).await;
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
    http::failure(StatusCode::BAD_REQUEST, WireError::new(ErrorCode::InvalidRequest, reason))
}

/// A connection while its task runs.
struct Attendance {
    connection: Arc<Connection>,
    flow: Option<Arc<Flow>>,
    clock: Clock,
    _keeping: Keeping,
    _counted: Option<Counted>,
}

impl Attendance {
    fn refuse(&self, error: &WireError) {
        self.connection.close(Some(&frame::event(name::ERROR, error)), CloseCode::REFUSED);
    }

    async fn run(self, early: Bytes) {
        let mut incoming = Incoming::default();
        let clock = self.clock.clone();
        let mut said = move |connection: &Connection, heard| answer(connection, heard, &clock);
        if !early.is_empty() {
            self.connection.hear(&early, &mut incoming, &mut said);
        }
        drop(early);
        poll_fn(|cx| self.connection.poll(cx, &mut incoming, &mut said)).await;
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        if let Some(flow) = &self.flow {
            flow.leave();
        }
    }
}

/// Answers the one question there is; whatever else a client says is ignored.
fn answer(connection: &Connection, heard: Heard, clock: &Clock) {
    let Heard::Text(text) = heard else { return };
    let t1_ms = clock.now().unix_ms;
    let Ok((event, ClockRequest { t0_ms })) = serde_json::from_str::<(String, ClockRequest)>(&text) else {
        return;
    };
    if event == name::CLOCK {
        let t2_ms = clock.now().unix_ms;
        connection.answer(&frame::event(name::CLOCK, &ClockAnswer { t0_ms, t1_ms, t2_ms }));
    }
}

/// The address that a node was given for another one leads back to it.
fn asks_itself(hostname: &str) -> WireError {
    WireError::new(
        ErrorCode::RelayLoop,
        format!("this is {hostname} itself; its address for another node leads here"),
    )
}
