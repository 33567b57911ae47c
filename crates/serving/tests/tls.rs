//! Handshakes and HTTP/2 are under the same bounds as HTTP/1.1, on a real port with short time-outs.

#![allow(clippy::unwrap_used, reason = "a test stops at whatever it does not expect")]

use std::{future::poll_fn, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Request, Uri, header},
    routing::{get, post},
};
use h2::client::{SendRequest, handshake};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serving::{Forwarded, Handshakes, Limits, Listener};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

/// Longest wait for anything that should happen.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);
/// First byte of a TLS record with a handshake, its version, and a length of which nothing follows.
const HALF_A_HELLO: [u8; 5] = [22, 3, 1, 1, 0];

struct Port {
    address: SocketAddr,
    handshakes: Arc<Handshakes>,
    folder: TempDir,
}

impl Port {
    async fn open(set: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::for_open_files(1 << 20);
        set(&mut limits);
        let app = Router::new()
            .route(
                "/",
                get(async |headers: HeaderMap, uri: Uri, forwarded: Forwarded| {
                    assert!(forwarded.is_secure());
                    format!("{} {uri}", headers[header::HOST].to_str().unwrap())
                }),
            )
            .route("/large", get(async || Body::from(vec![7; 1 << 20])))
            .route("/never", get(async || std::future::pending::<()>().await))
            .route("/unread", post(async |_body: Body| std::future::pending::<()>().await))
            .route("/echo", post(async |body: Bytes| body));
        let folder = tempfile::tempdir().unwrap();
        let mode = tls::Mode::SelfSigned { folder: folder.path().to_owned(), names: Vec::new() };
        let config = tls::Server::open(mode, &["h2", "http/1.1"]).unwrap().config();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = Listener::with_tls(listener, config);
        let handshakes = listener.handshakes().unwrap();
        tokio::spawn(serving::serve(listener, app, limits, CancellationToken::new()));
        Self { address, handshakes, folder }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn connect(&self, protocol: &str) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.folder.path().join("certificate.pem")).unwrap())
            .unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, self.tcp().await).await.unwrap()
    }

    /// A client of HTTP/2, and its end.
    async fn http2(&self) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
        let (client, connection) = handshake(self.connect("h2").await).await.unwrap();
        (client.ready().await.unwrap(), tokio::spawn(connection))
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect(what);
}

fn to(path: &str) -> Request<()> {
    Request::get(format!("https://localhost{path}")).body(()).unwrap()
}

#[tokio::test]
async fn requests_come_over_both_versions_of_http() {
    let port = Port::open(|_| {}).await;
    let mut client = port.connect("http/1.1").await;
    client.write_all(b"GET /?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("x /?a=b"), "{answer}");
    let (mut client, _connection) = port.http2().await;
    let (answer, _) = client.send_request(to("/?a=b"), true).unwrap();
    let body = answer.await.unwrap().into_body().data().await.unwrap().unwrap();
    assert_eq!(body, "localhost /?a=b");
    assert_eq!((port.handshakes.succeeded(), port.handshakes.failed()), (2, 0));
}

#[tokio::test]
async fn a_handshake_that_is_not_finished_has_the_time_of_a_request_head() {
    let port = Port::open(|limits| limits.head = SHORT).await;
    let (mut silent, mut half) = (port.tcp().await, port.tcp().await);
    half.write_all(&HALF_A_HELLO).await.unwrap();
    for client in [&mut silent, &mut half] {
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, client.read_to_end(&mut rest)).await.expect("the server closes");
        assert!(rest.is_empty());
    }
    until("both are counted", || port.handshakes.failed() == 2).await;
}

#[tokio::test]
async fn half_open_handshakes_make_room_for_good_ones() {
    let port = Port::open(|limits| (limits.connections, limits.http_connections) = (1_000, 64)).await;
    let mut half = Vec::new();
    for _ in 0..2_000 {
        let mut client = port.tcp().await;
        client.write_all(&HALF_A_HELLO).await.unwrap();
        half.push(client);
    }
    let (mut client, _connection) = port.http2().await;
    assert!(client.send_request(to("/"), true).unwrap().0.await.unwrap().status().is_success());
}

#[tokio::test]
async fn plain_http_gets_the_https_url_and_nothing_else() {
    let port = Port::open(|_| {}).await;
    let mut client = port.tcp().await;
    client.write_all(b"POST /echo HTTP/1.1\r\nHost: x:1\r\nContent-Length: 2\r\n\r\nhi").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, client.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 308") && answer.contains("location: https://x:1/echo\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_http2_connection_without_a_request_is_closed_and_one_with_a_running_request_is_not() {
    let port = Port::open(|limits| limits.head = SHORT).await;
    let mut silent = port.connect("h2").await;
    let (mut busy, busy_connection) = port.http2().await;
    let (running, _) = busy.send_request(to("/never"), true).unwrap();
    let (_idle, idle_connection) = port.http2().await;
    let _ = timeout(PATIENCE, silent.read_to_end(&mut Vec::new())).await.expect("no preface came");
    timeout(PATIENCE, idle_connection).await.expect("the server closes").unwrap().unwrap();
    assert!(!busy_connection.is_finished());
    drop(running);
}

#[tokio::test]
async fn an_http2_body_that_stops_is_refused() {
    let port = Port::open(|limits| limits.body_pause = SHORT).await;
    let (mut client, _connection) = port.http2().await;
    let request = Request::post("https://localhost/echo").body(()).unwrap();
    let (answer, mut body) = client.send_request(request, false).unwrap();
    body.send_data("half".into(), false).unwrap();
    let status = timeout(PATIENCE, answer).await.expect("an answer").unwrap().status();
    assert!(status.is_client_error(), "{status}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_an_http2_response_is_closed() {
    let port = Port::open(|limits| limits.unread = SHORT).await;
    let (mut client, connection) = port.http2().await;
    // Its flow control has room for 64 KiB, and is never given more. Another request goes on.
    let (_running, _) = client.send_request(to("/never"), true).unwrap();
    let (answer, _) = client.send_request(to("/large"), true).unwrap();
    let _body = answer.await.unwrap().into_body();
    let _ = timeout(PATIENCE, connection).await.expect("the server closes");
}

#[tokio::test]
async fn an_http2_response_that_is_not_read_ends_alone_while_others_are_read() {
    let port = Port::open(|limits| limits.unread = Duration::from_millis(500)).await;
    // As browsers do, it has room for more than one response that is not read.
    let mut builder = h2::client::Builder::new();
    builder.initial_connection_window_size(16 << 20);
    let (client, connection) = builder.handshake::<_, Bytes>(port.connect("h2").await).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(to("/large"), true).unwrap();
    let mut unread = answer.await.unwrap().into_body();
    let ends = async {
        loop {
            if let Err(error) = unread.data().await.expect("more than there is room for") {
                return error;
            }
        }
    };
    let reads = async {
        let mut other = client.clone();
        loop {
            let (answer, _) = other.send_request(to("/"), true).unwrap();
            answer.await.unwrap().into_body().data().await.unwrap().unwrap();
        }
    };
    let error = timeout(PATIENCE, async {
        tokio::select! { error = ends => error, () = reads => unreachable!() }
    });
    assert_eq!(error.await.expect("the response ends").reason(), Some(h2::Reason::CANCEL));
    let (answer, _) = client.send_request(to("/"), true).unwrap();
    assert!(answer.await.unwrap().status().is_success());
    assert!(!connection.is_finished());
}

#[tokio::test]
async fn a_request_head_has_100_fields_and_16_kib_in_http2() {
    let port = Port::open(|_| {}).await;
    let (mut client, _connection) = port.http2().await;
    // Compression makes a byte of each of these fields. The server adds `Host`.
    for (fields, status) in [(99, 200), (100, 431), (300, 431)] {
        let mut request = to("/");
        let field = header::HeaderValue::from_static("");
        request
            .headers_mut()
            .extend((0..fields).map(|_| (header::HeaderName::from_static("x"), field.clone())));
        let (answer, _) = client.send_request(request, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), status, "{fields}");
    }
    let mut request = to("/");
    request.headers_mut().insert("x", "a".repeat(20 << 10).parse().unwrap());
    let refused = client.send_request(request, true).unwrap().0.await;
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status() == 431));
}

#[tokio::test]
async fn requests_at_the_same_time_and_heads_are_bounded_in_http2() {
    let port = Port::open(|_| {}).await;
    let (mut client, mut connection) = handshake(port.connect("h2").await).await.unwrap();
    let (answer, _) = client.send_request(to("/"), true).unwrap();
    tokio::select! {
        answer = answer => assert!(answer.unwrap().status().is_success()),
        ended = &mut connection => panic!("{ended:?}"),
    }
    assert_eq!(connection.max_concurrent_send_streams(), 32);
    let (mut client, _connection) = port.http2().await;
    let large = Request::get("https://localhost/").header("x", "a".repeat(64 << 10)).body(()).unwrap();
    let refused = client.send_request(large, true).unwrap().0.await;
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status() == 431));
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, payload.len().try_into().unwrap(), kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn requests_that_a_client_resets_at_once_are_bounded_in_http2() {
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    /// `GET https://x/`, compressed.
    const HEAD: &[u8] = &[0x82, 0x87, 0x84, 0x41, 1, b'x'];
    const END_STREAM_AND_HEADERS: u8 = 5;
    const CANCEL: u32 = 8;
    let port = Port::open(|_| {}).await;
    for (resets, answer) in [(20, HEADERS), (21, GOAWAY)] {
        let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        sent.extend(frame(SETTINGS, 0, 0, &[]));
        for stream in (0..resets).map(|number| 2 * number + 1) {
            sent.extend(frame(HEADERS, END_STREAM_AND_HEADERS, stream, HEAD));
            sent.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
        }
        sent.extend(frame(HEADERS, END_STREAM_AND_HEADERS, 2 * resets + 1, HEAD));
        let mut client = port.connect("h2").await;
        // In one piece, so that the server looks at no request before it is reset.
        client.write_all(&sent).await.unwrap();
        let first = async {
            loop {
                let mut head = [0; 9];
                client.read_exact(&mut head).await.unwrap();
                if [HEADERS, GOAWAY].contains(&head[3]) {
                    return head[3];
                }
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                client.read_exact(&mut vec![0; length.try_into().unwrap()]).await.unwrap();
            }
        };
        assert_eq!(timeout(PATIENCE, first).await.expect("an answer"), answer, "{resets}");
    }
}

#[tokio::test]
async fn bodies_that_are_not_read_are_bounded_in_http2() {
    let port = Port::open(|_| {}).await;
    let (mut client, _connection) = port.http2().await;
    let mut bodies = Vec::new();
    for room in [64 << 10, 64 << 10, 64 << 10, 64 << 10, 0] {
        let request = Request::post("https://localhost/unread").body(()).unwrap();
        let mut body = client.send_request(request, false).unwrap().1;
        body.reserve_capacity(1 << 20);
        let has_room = async {
            while body.capacity() < room {
                poll_fn(|cx| body.poll_capacity(cx)).await.unwrap().unwrap();
            }
        };
        timeout(PATIENCE, has_room).await.expect("room for a body");
        // The client knows the server's windows after an answer.
        let (answer, _) = client.send_request(to("/"), true).unwrap();
        assert!(answer.await.unwrap().status().is_success());
        assert_eq!(body.capacity(), room, "256 KiB together");
        bodies.push(body);
    }
}
