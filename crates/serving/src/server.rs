//! Accepting connections, and serving each.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, StatusCode, Uri, Version, header},
    response::IntoResponse,
};
use bytes::Bytes;
use hyper::{Request, Response, body::Body as _, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use per_address::network;
use protocol::{ErrorBody, ErrorCode, WireError};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_rustls::rustls::ServerConfig;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{ServiceExt, util::Oneshot};

use crate::{
    App, Connection, Handshakes, Limits, TlsConnection,
    bodies::{Answer, Arriving, Busy},
    direct::Direct,
    files::FileSender,
    head_timer::HeadTimer,
    http2::{self, EndOnDrop, Tasks},
    places::{Client, Entry, Http, Phase, Place, Places},
    reader::{Reader, Taken},
    redirect_to_https,
    shortage::{Line, Shortage},
    tls::{Opened, Tls},
};

/// Largest request head, in bytes, and what is read of a body at once.
pub const MAX_HEAD_BYTES: usize = 32 << 10;
/// Most fields of a request head; with HTTP/1.1 the library's own bound.
pub const MAX_HEAD_FIELDS: usize = 100;
/// Pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Seconds after which an address at its limit of connections may try again.
const RETRY_AFTER_S: &str = "2";

/// An open port.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Tls>,
}

impl Listener {
    /// A port for TLS. Its configuration chooses the certificate and the protocols.
    pub fn with_tls(tcp: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self { tcp, tls: Some(Tls::new(config)) }
    }

    /// The handshakes of a port for TLS.
    pub fn handshakes(&self) -> Option<Arc<Handshakes>> {
        self.tls.as_ref().map(|tls| tls.handshakes.clone())
    }
}

impl From<TcpListener> for Listener {
    /// A port for plain HTTP.
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}

/// ALPN names (RFC 7301).
const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

struct Server {
    app: App,
    tls: Option<Tls>,
    /// The answer to plain HTTP on a port for TLS.
    plain: App,
    limits: Limits,
    places: Arc<Places>,
    closing: CancellationToken,
}

/// Serves `app` until `closing` is cancelled, and then until running requests are answered. Handlers find the peer's
/// address in [`ConnectInfo`], and the client's, which may be behind a proxy, in [`Forwarded`](crate::Forwarded).
///
/// On a port for TLS, requests in plain HTTP are answered with the `https` URL only.
pub async fn serve(
    listener: impl Into<Listener>,
    app: impl Into<App>,
    limits: Limits,
    closing: CancellationToken,
) {
    let Listener { tcp, tls } = listener.into();
    let (places, plain) = (Places::new(&limits), redirect_to_https(None).into());
    let server = Arc::new(Server { app: app.into(), tls, plain, limits, places, closing: closing.clone() });
    let tasks = TaskTracker::new();
    closing.run_until_cancelled(accept(&tcp, &server, &tasks)).await;
    drop(tcp);
    tasks.close();
    tasks.wait().await;
}

async fn accept(listener: &TcpListener, server: &Arc<Server>, tasks: &TaskTracker) {
    let (mut descriptors, mut places) = (Shortage::default(), Shortage::default());
    loop {
        let due = descriptors.due().into_iter().chain(places.due()).min();
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                log_files(descriptors.check(Instant::now()));
                server.log_places(places.check(Instant::now()));
                continue;
            }
        };
        match accepted {
            Ok((tcp, address)) => match server.enter(address) {
                Entry::Free(place) => drop(tasks.spawn(server.clone().attend(tcp, address, place))),
                Entry::Displacing(place) => {
                    server.log_places(places.occurred(Instant::now()));
                    tasks.spawn(server.clone().attend(tcp, address, place));
                    // The displaced connections close their sockets first.
                    tokio::task::yield_now().await;
                }
                Entry::Full => server.log_places(places.occurred(Instant::now())),
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) {
                    log_files(descriptors.occurred(Instant::now()));
                    server.places.give_way();
                } else {
                    tracing::error!(%error, "cannot accept a connection");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether only the connection that was to be accepted is lost.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn log_files(line: Option<Line>) {
    match line {
        Some(Line::Short(times)) => tracing::warn!(
            times,
            "out of file descriptors (too many open files): new connections wait; raise the limit, for example with `ulimit -n`"
        ),
        Some(Line::Over) => tracing::info!("file descriptors are available again: accepting new connections"),
        None => {}
    }
}

/// How a request is answered.
enum Answering {
    Refused(Response<Body>),
    Routed(Oneshot<Router, Request<Body>>),
}

/// The other end of a connection.
struct Peer {
    address: SocketAddr,
    http: Arc<Http>,
    client: Client,
    is_tls: bool,
    /// For a connection that can send files: in plain HTTP/1.1.
    files: Option<FileSender>,
}

impl Server {
    fn enter(&self, peer: SocketAddr) -> Entry {
        let is_proxy = self.limits.proxies.trust(peer.ip());
        self.places.enter((!is_proxy).then(|| network(peer.ip())))
    }

    fn log_places(&self, line: Option<Line>) {
        let Limits { connections, http_connections, .. } = self.limits;
        match line {
            Some(Line::Short(times)) => tracing::warn!(
                times,
                connections,
                http_connections,
                "the limit of connections is reached: closing the oldest idle ones for new ones"
            ),
            Some(Line::Over) => tracing::info!("the number of connections is below its limit again"),
            None => {}
        }
    }

    async fn attend(self: Arc<Self>, tcp: TcpStream, address: SocketAddr, place: Place) {
        tune(&tcp, self.limits.unread);
        let (http, client) = (place.http.clone(), place.client());
        let client = Peer { address, http, client, is_tls: false, files: None };
        let connection = Connection::new(tcp, place);
        let Some(tls) = &self.tls else {
            let files = cfg!(target_os = "linux").then(|| connection.files());
            let connection = connection.with_direct(self.direct(&client));
            return self.serve_http1(&self.app, connection, Peer { files, ..client }).await;
        };
        let opened = tokio::select! {
            biased;
            () = client.http.closed() => return,
            () = self.closing.cancelled() => return,
            opened = timeout(self.limits.head, tls.open(connection)) => opened,
        };
        let failure = match opened {
            Ok(Ok(Opened::Plain(connection))) => {
                return self.serve_http1(&self.plain, connection, client).await;
            }
            Ok(Ok(Opened::Tls(connection))) => {
                tls.handshakes.count(true);
                return self.serve_tls(*connection, Peer { is_tls: true, ..client }).await;
            }
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        tls.handshakes.count(false);
        tracing::debug!(%address, error = failure, "a TLS handshake failed");
    }

    /// For a connection on which requests are answered at once.
    fn direct(&self, client: &Peer) -> Option<Direct> {
        let Limits { proxies, .. } = &self.limits;
        let address = client.address.ip();
        let is_direct = cfg!(target_os = "linux")
            && !self.app.at_once.is_empty()
            && !client.http.is_refused
            // What a proxy says of its client, and paths below a base path, are read with the whole request.
            && !proxies.trust(address)
            && proxies.base_path.is_empty();
        is_direct.then(|| Direct::new(self.app.at_once.clone(), network(address)))
    }

    async fn serve_tls(&self, connection: TlsConnection, client: Peer) {
        match connection.get_ref().1.alpn_protocol() {
            None | Some(HTTP1) => self.serve_http1(&self.app, connection, client).await,
            Some(HTTP2) => self.serve_http2(connection, client).await,
            // The handshake was all, as for the check of an ACME authority.
            Some(_) => {}
        }
    }

    async fn serve_http2(&self, io: TlsConnection, peer: Peer) {
        let reader = Reader::new(self.limits.unread);
        let tasks = Tasks::new(reader.clone());
        let _requests = EndOnDrop(tasks.clone());
        let service = service_fn(|request| self.answer(&self.app, request, &peer));
        let mut connection = pin!(http2::builder(&tasks).serve_connection(TokioIo::new(io), service));
        let (mut is_closing, mut deadline) = (false, None);
        loop {
            tokio::select! {
                biased;
                () = peer.http.closed() => return,
                () = self.closing.cancelled(), if !is_closing => {
                    connection.as_mut().graceful_shutdown();
                    is_closing = true;
                }
                served = connection.as_mut() => {
                    if let Err(error) = served {
                        tracing::debug!(address = %peer.address, %error, "a connection ended early");
                    }
                    return;
                }
                () = http2::idle(&peer.http, &self.limits), if deadline.is_none() => {
                    connection.as_mut().graceful_shutdown();
                    deadline = Some(Instant::now() + http2::GOODBYE_TIMEOUT);
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => return,
                () = reader.stopped() => return,
            }
        }
    }

    async fn serve_http1<Io>(&self, app: &App, io: Io, client: Peer)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| self.answer(app, request, &client));
        let connection = http1::Builder::new()
            .timer(HeadTimer::new(client.http.clone(), self.limits.head))
            .header_read_timeout(self.limits.head)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let mut finishing = false;
        loop {
            tokio::select! {
                biased;
                () = client.http.closed() => return,
                () = self.closing.cancelled(), if !finishing => {
                    connection.as_mut().graceful_shutdown();
                    finishing = true;
                }
                served = connection.as_mut() => {
                    if let Err(error) = served {
                        tracing::debug!(address = %client.address, %error, "a connection ended early");
                    }
                    return;
                }
            }
        }
    }

    fn answer(
        &self,
        app: &App,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + use<> {
        let phase = if request.body().is_end_stream() { Phase::Answering } else { Phase::Receiving };
        let busy = Busy::new(peer.http.clone(), phase);
        let answering = self.answering(app, request, peer, &busy, phase);
        async move {
            let taken = Taken::of_task();
            let response = match answering {
                Answering::Refused(response) => response,
                Answering::Routed(routed) => routed.await?,
            };
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                busy.0.upgraded();
            }
            Ok(response.map(|body| Answer { body, busy, taken, rest: Bytes::new() }))
        }
    }

    /// The router's answer, or a refusal.
    fn answering(
        &self,
        app: &App,
        request: Request<Incoming>,
        peer: &Peer,
        busy: &Busy,
        phase: Phase,
    ) -> Answering {
        let mut request = request.map(|body| match phase {
            Phase::Receiving => Body::new(Arriving::new(body, busy.0.clone(), &self.limits)),
            _ => Body::empty(),
        });
        as_http1(&mut request);
        let has_too_many_fields = request.headers().len() > MAX_HEAD_FIELDS;
        let proxies = &self.limits.proxies;
        let forwarded = proxies.forwarded(peer.address.ip(), peer.is_tls, request.uri(), request.headers());
        request.extensions_mut().insert(forwarded);
        request.extensions_mut().insert(ConnectInfo(peer.address));
        if let Some(files) = &peer.files {
            request.extensions_mut().insert(files.clone());
        }
        // A redirect keeps the whole path.
        let is_app = peer.is_tls || self.tls.is_none();
        if let Some(uri) = proxies.without_base_path(request.uri()).filter(|_| is_app) {
            *request.uri_mut() = uri;
        }
        if request.headers().contains_key(header::UPGRADE) {
            request.extensions_mut().insert(peer.client.clone());
        }
        if busy.0.is_refused {
            Answering::Refused(too_many_connections())
        } else if has_too_many_fields {
            Answering::Refused(too_many_fields())
        } else {
            Answering::Routed(app.router.clone().oneshot(request))
        }
    }
}

/// The answer on a connection that is one too many of its address.
fn too_many_connections() -> Response<Body> {
    let error = WireError::new(
        ErrorCode::LimitReached,
        "your address has as many connections to this server as it may: close others, or try again in a moment",
    );
    let headers = [(header::RETRY_AFTER, RETRY_AFTER_S), (header::CONNECTION, "close")];
    (StatusCode::TOO_MANY_REQUESTS, headers, Json(ErrorBody { error })).into_response()
}

/// The answer to a request with more than [`MAX_HEAD_FIELDS`].
fn too_many_fields() -> Response<Body> {
    let message = format!("the request has more than {MAX_HEAD_FIELDS} header fields");
    let error = WireError::new(ErrorCode::InvalidRequest, message);
    (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Json(ErrorBody { error })).into_response()
}

/// Gives a request of HTTP/2 the form of HTTP/1.1, which handlers expect: the authority in `Host`, and a path as its URI (RFC 9113,
/// section 8.3.1).
fn as_http1<B>(request: &mut Request<B>) {
    let Some(authority) = request.uri().authority().filter(|_| request.version() == Version::HTTP_2) else {
        return;
    };
    if let Ok(host) = HeaderValue::try_from(authority.as_str()) {
        request.headers_mut().insert(header::HOST, host);
    }
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
}

/// Sends small chunks at once, without waiting for the acknowledgement of earlier ones; and closes connections of clients that vanished or
/// never read, which otherwise keep their buffers until TCP gives up.
fn tune(tcp: &TcpStream, unread: Duration) {
    let socket = SockRef::from(tcp);
    let tuned = socket.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    let tuned = tuned.and_then(|()| socket.set_tcp_user_timeout(Some(unread)));
    if let Err(error) = tuned {
        tracing::debug!(%error, "cannot set TCP options");
    }
}
