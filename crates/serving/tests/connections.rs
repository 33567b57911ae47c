//! Which connections are closed, and which are left alone, on a real port with short time-outs.

#![allow(clippy::unwrap_used, reason = "a test stops at whatever it does not expect")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use hyper_util::rt::TokioIo;
use serving::{Client as Keeping, Connection, Limits};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longest wait for anything that should happen.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);

struct Port {
    address: SocketAddr,
    /// Lets the responses of `/slow` continue.
    go: Arc<Notify>,
    closing: CancellationToken,
    served: JoinHandle<()>,
}

impl Port {
    async fn open(set: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::for_open_files(1 << 20);
        set(&mut limits);
        let go = Arc::<Notify>::default();
        let (slow, stream) = (go.clone(), go.clone());
        let app = Router::new()
            .route(
                "/",
                get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
            )
            .route("/slow", get(async move || slow.notified().await))
            .route("/stream", get(async move || endless(stream)))
            .route("/echo", post(async |body: Bytes| body))
            .route("/up", any(async |request| upgrade(request, true).await))
            .route("/loose", any(async |request| upgrade(request, false).await));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let closing = CancellationToken::new();
        let served = tokio::spawn(serving::serve(listener, app, limits, closing.clone()));
        Self { address, go, closing, served }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    async fn send(&self, request: &str) -> Client {
        let mut client = self.connect().await;
        client.send(request).await;
        client
    }
}

/// An answer of two pieces, the second when it is asked for.
fn endless(go: Arc<Notify>) -> Body {
    let (mut writer, reader) = tokio::io::duplex(64);
    tokio::spawn(async move {
        writer.write_all(b"first").await.unwrap();
        go.notified().await;
        writer.write_all(b"second").await.unwrap();
    });
    Body::from_stream(tokio_util::io::ReaderStream::new(reader))
}

/// Answers 101 and then echoes.
async fn upgrade(mut request: Request, keep: bool) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    let client = request.extensions_mut().remove::<Keeping>().expect("a request for an upgrade");
    tokio::spawn(async move {
        let upgraded = upgrade.await.unwrap();
        if keep {
            client.keep();
        }
        let parts = upgraded.downcast::<TokioIo<Connection>>().expect("the connection itself");
        let (mut reader, mut writer) = tokio::io::split(parts.io.into_inner());
        // An error is the connection's end.
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    });
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "echo")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Reads until `end` came.
    async fn until(&mut self, end: &str) -> String {
        let mut heard = String::new();
        while !heard.contains(end) {
            let mut bytes = [0; 1024];
            let read =
                timeout(TEST_TIMEOUT, self.0.read(&mut bytes)).await.expect("something comes").unwrap();
            assert_ne!(read, 0, "closed after {heard:?}");
            heard += std::str::from_utf8(&bytes[..read]).unwrap();
        }
        heard
    }

    /// Everything until the server closes the connection.
    async fn rest(&mut self) -> String {
        let mut heard = Vec::new();
        // A reset is an end, too.
        let _ = timeout(TEST_TIMEOUT, self.0.read_to_end(&mut heard)).await.expect("the server closes");
        String::from_utf8(heard).unwrap()
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_request_head_that_never_comes_whole_ends_the_connection() {
    let port = Port::open(|limits| limits.head = SHORT).await;
    let mut silent = port.connect().await;
    let mut half = port.send("GET / HTTP/1.1\r\nHost: x\r\nX-A: ").await;
    let mut kept_alive = port.send(GET).await;
    assert!(kept_alive.until("127.0.0.1").await.starts_with("HTTP/1.1 200"));
    for client in [&mut silent, &mut half, &mut kept_alive] {
        let rest = client.rest().await;
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408"), "{rest}");
    }
}

#[tokio::test]
async fn a_request_head_has_32_kib() {
    let port = Port::open(|_| {}).await;
    let head = |bytes: usize| {
        let rest = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-A: \r\n\r\n";
        rest.replace("X-A: ", &format!("X-A: {}", "a".repeat(bytes - rest.len())))
    };
    let fits = port.send(&head(serving::MAX_HEAD_BYTES - 1024)).await.rest().await;
    assert!(fits.starts_with("HTTP/1.1 200"), "{fits}");
    // What has arrived is read at once, so that somewhat more passes.
    let larger = port.send(&head(3 * serving::MAX_HEAD_BYTES)).await.rest().await;
    assert!(!larger.starts_with("HTTP/1.1 2"), "{larger}");
}

#[tokio::test]
async fn a_request_head_has_100_fields() {
    let port = Port::open(|_| {}).await;
    for (fields, status) in [(serving::MAX_HEAD_FIELDS, "200"), (serving::MAX_HEAD_FIELDS + 1, "431")] {
        let more = "X: \r\n".repeat(fields - 2);
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n");
        let answer = port.send(&request).await.rest().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{fields}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_stops_is_refused_and_its_connection_closed() {
    let port = Port::open(|limits| limits.body_pause = SHORT).await;
    let mut client = port.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf").await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test]
async fn what_is_being_answered_or_was_upgraded_is_left_alone() {
    let port = Port::open(|limits| (limits.head, limits.body_pause) = (SHORT, SHORT)).await;
    let mut slow = port.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut stream = port.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").await;
    stream.until("first").await;
    let mut upgraded =
        port.send("GET /up HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
    upgraded.until("\r\n\r\n").await;
    // Connections that came later have met their time-outs.
    for _ in 0..3 {
        port.connect().await.rest().await;
    }
    upgraded.send("still here").await;
    upgraded.until("still here").await;
    port.go.notify_waiters();
    stream.until("second").await;
    slow.until("HTTP/1.1 200").await;
}

#[tokio::test]
async fn idle_connections_make_room_and_others_do_not() {
    let port = Port::open(|limits| limits.http_connections = 4).await;
    let mut slow = port.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut upgraded =
        port.send("GET /up HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
    upgraded.until("\r\n\r\n").await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(port.send("GET / HTTP/1.1\r\n").await);
    }
    // Those of the flood that came first are closed, and a request is answered.
    for client in &mut silent[..30] {
        assert_eq!(client.rest().await, "");
    }
    port.send(GET).await.until("127.0.0.1").await;
    upgraded.send("still here").await;
    upgraded.until("still here").await;
    port.go.notify_waiters();
    slow.until("HTTP/1.1 200").await;
}

#[tokio::test]
async fn an_upgraded_connection_that_is_not_kept_makes_room() {
    let port = Port::open(|limits| limits.http_connections = 4).await;
    let mut loose = Vec::new();
    for _ in 0..10 {
        let request = "GET /loose HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        let mut client = port.send(request).await;
        client.until("\r\n\r\n").await;
        loose.push(client);
    }
    for client in &mut loose[..6] {
        assert_eq!(client.rest().await, "");
    }
    loose[9].send("still here").await;
    loose[9].until("still here").await;
}

#[tokio::test]
async fn connections_beyond_all_places_are_closed_at_once() {
    let port = Port::open(|limits| limits.connections = 2).await;
    let mut upgraded = Vec::new();
    for _ in 0..2 {
        let request = "GET /up HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        let mut client = port.send(request).await;
        client.until("\r\n\r\n").await;
        client.send("hello").await;
        client.until("hello").await;
        upgraded.push(client);
    }
    assert_eq!(port.connect().await.rest().await, "");
    upgraded.pop();
    // The place is free as soon as the server has noticed.
    while !port.connect().await.answers().await {}
}

#[tokio::test]
async fn an_address_with_as_many_connections_as_it_may_have_gets_a_code_and_others_get_in() {
    let port = Port::open(|limits| limits.connections_per_address = 2).await;
    let mut upgraded = Vec::new();
    for _ in 0..2 {
        let request = "GET /up HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        let mut client = port.send(request).await;
        client.until("\r\n\r\n").await;
        client.send("hello").await;
        client.until("hello").await;
        upgraded.push(client);
    }
    let answer = port.send(GET).await.rest().await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 2"), "{answer}");
    assert!(answer.contains(r#""code":"limit_reached""#), "{answer}");
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Client(socket.connect(port.address).await.unwrap());
    other.send(GET).await;
    other.until("127.0.0.2").await;
    upgraded.pop();
    while !port.connect().await.answers().await {}
}

impl Client {
    /// Whether a request is answered, and not the connection closed.
    async fn answers(mut self) -> bool {
        let sent = self.0.write_all(GET.as_bytes()).await;
        sent.is_ok() && self.rest_of_answer().await.starts_with("HTTP/1.1 200")
    }

    async fn rest_of_answer(&mut self) -> String {
        let mut bytes = [0; 1024];
        let read = timeout(TEST_TIMEOUT, self.0.read(&mut bytes)).await.expect("an answer or an end");
        String::from_utf8_lossy(&bytes[..read.unwrap_or(0)]).into_owned()
    }
}

#[tokio::test]
async fn stopping_waits_for_requests_under_way_and_not_for_idle_connections() {
    let port = Port::open(|_| {}).await;
    let mut idle = port.connect().await;
    let mut slow = port.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    // Answered, so the server has read what was sent before.
    port.send(GET).await.until("127.0.0.1").await;
    port.closing.cancel();
    idle.rest().await;
    assert!(!port.served.is_finished());
    while !port.served.is_finished() {
        port.go.notify_waiters();
        tokio::task::yield_now().await;
    }
    slow.until("HTTP/1.1 200").await;
    port.served.await.unwrap();
}
