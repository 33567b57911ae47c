//! Answers that a connection gives itself: which requests get them, and that no byte of others is taken for a request.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops at whatever it does not expect")]

use std::{
    fs::File,
    io::Write,
    net::SocketAddr,
    ops::Range,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{any, get},
};
use futures_util::stream;
use per_address::Shares;
use serving::{App, Asked, AtOnce, FileAnswer, Limits, Loading, SendableFile, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Longest wait for anything that should happen.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);
/// After this time the server has usually seen what was sent. If not, a test checks less.
const SEEN_AFTER: Duration = Duration::from_millis(20);
/// More than the buffers of two sockets take.
const FILE_BYTES: usize = 12 << 20;

/// A file that is in memory or cannot be read.
struct TestFile {
    file: File,
    is_readable: bool,
}

impl AsFd for TestFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl SendableFile for TestFile {
    fn is_in_memory(&self, _: Range<u64>) -> bool {
        self.is_readable
    }

    fn load(self: Arc<Self>, _: Range<u64>) -> Loading {
        Box::pin(async {
            tokio::task::yield_now().await;
            Err(std::io::ErrorKind::TimedOut.into())
        })
    }
}

/// Answers `/file` with a query of so many bytes, and `/unreadable`.
struct Files {
    file: Arc<TestFile>,
    unreadable: Arc<TestFile>,
    places: Arc<Shares>,
}

impl AtOnce for Files {
    fn answer(&self, asked: &Asked<'_>, head: &mut Vec<u8>) -> Option<FileAnswer> {
        let bytes = asked.query?.parse().ok()?;
        let file = match asked.path {
            "/file" => &self.file,
            "/unreadable" => &self.unreadable,
            _ => return None,
        };
        let place = self.places.take(Some(asked.address))?;
        head.extend_from_slice(b"by: connection\r\n");
        Some(FileAnswer { file: file.clone(), bytes, place })
    }
}

struct Port {
    address: SocketAddr,
    bytes: Vec<u8>,
    places: Arc<Shares>,
    closing: CancellationToken,
    served: JoinHandle<()>,
}

impl Port {
    async fn open() -> Self {
        Self::with_head_time(Duration::from_secs(30)).await
    }

    /// With so much time for a request head.
    async fn with_head_time(head: Duration) -> Self {
        let bytes: Vec<u8> = (0..FILE_BYTES).map(|at| (at % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let places = Shares::new(2, None);
        let test_file =
            |file: &File, is_readable| Arc::new(TestFile { file: file.try_clone().unwrap(), is_readable });
        let (file, unreadable) = (test_file(&file, true), test_file(&file, false));
        let files = Files { file, unreadable, places: places.clone() };
        let large = Bytes::from(bytes.clone());
        let router = Router::new()
            .route("/file", any(async || "routed"))
            .route("/other", any(async |body: Bytes| body))
            .route("/large", get(async move || large))
            .route(
                "/stream",
                get(async || Body::from_stream(stream::iter([Ok::<_, std::io::Error>("streamed")]))),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, closing) = (listener.local_addr().unwrap(), CancellationToken::new());
        let app = App::from(router).at_once(Arc::new(files));
        let limits = Limits { head, ..Limits::for_open_files(1 << 20) };
        let served = tokio::spawn(serve(listener, app, limits, closing.clone()));
        Self { address, bytes, places, closing, served }
    }

    /// A client that has little room for what it does not read.
    async fn connect(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 << 10).unwrap();
        Client(socket.connect(self.address).await.unwrap())
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// The next byte.
    async fn byte(&mut self) -> u8 {
        timeout(TEST_TIMEOUT, self.0.read_u8()).await.expect("an answer").unwrap()
    }

    /// What comes until the connection ends.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // An error is an end, too.
        let _ = timeout(TEST_TIMEOUT, self.0.read_to_end(&mut rest)).await.expect("an end");
        rest
    }

    /// The next answer, in lower case, and its body, which is not encoded.
    async fn answer(&mut self) -> (String, Vec<u8>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte().await);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        timeout(TEST_TIMEOUT, self.0.read_exact(&mut body)).await.expect("a body").unwrap();
        (head, body)
    }

    /// Whether the connection answers this request itself.
    async fn is_direct(&mut self, request: &str) -> bool {
        self.send(request).await;
        self.answers_directly().await
    }

    async fn answers_directly(&mut self) -> bool {
        let (head, body) = self.answer().await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let is_direct = head.contains("by: connection\r\n");
        assert_eq!(body == b"routed", !is_direct, "{head}");
        is_direct
    }
}

const FILE: &str = "GET /file?1000 HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_connection_answers_itself_what_it_can_and_hyper_the_rest() {
    let port = Port::open().await;
    let mut client = port.connect().await;
    client.send(FILE).await;
    let (head, body) = client.answer().await;
    let fields = ["http/1.1 200 ok\r\n", "by: connection\r\n", "content-length: 1000\r\n", "\r\ndate: "];
    assert!(fields.iter().all(|field| head.contains(field)), "{head}");
    assert!(body == port.bytes[..1000]);
    let routed = |fields: &str| format!("GET /file?1000 HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
    for request in [
        routed("range: bytes=0-1\r\n"),
        routed("If-None-Match: \"a\"\r\n"),
        FILE.replacen("GET", "PUT", 1),
        FILE.replacen("?1000", "", 1),
        FILE.replacen("/file?1000", "http://a/file?1000", 1),
    ] {
        assert!(!client.is_direct(&request).await, "{request}");
        assert!(client.is_direct(FILE).await, "after {request}");
        assert!(client.is_direct(&routed("accept: */*\r\nconnection: keep-alive\r\n")).await);
    }
    client.send("GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut streamed = Vec::new();
    while !streamed.ends_with(b"\r\n0\r\n\r\n") {
        streamed.push(client.byte().await);
    }
    assert!(client.is_direct(FILE).await, "after an answer without a length");
}

#[tokio::test]
async fn a_connection_is_left_to_hyper_once_it_is_not_certain_where_a_request_begins() {
    let port = Port::open().await;
    let other = |fields: &str| format!("POST /other HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
    let length = format!("content-length: {}\r\n", FILE.len());
    let chunk = format!("{:x}\r\n{FILE}\r\n0\r\n\r\n", FILE.len());
    // Each sent by itself, and how many answers come.
    let cases: [(&[&str], usize); 8] = [
        (&["GET /fi", &FILE[7..]], 1),
        (&["GET /file?1 HTTP/1.1\r\nx: ", FILE], 1),
        (&["\r\n", FILE], 1),
        (&[&FILE.repeat(2)], 2),
        (&[&format!("{FILE}GET /fi"), &FILE[7..]], 2),
        (&[&other(&length), FILE], 1),
        (&[&(other(&length) + FILE)], 1),
        (&[&other("transfer-encoding: chunked\r\n"), &chunk], 1),
    ];
    for (sent, answers) in cases {
        let mut client = port.connect().await;
        for part in sent {
            client.send(part).await;
            // So that the server sees it by itself.
            sleep(SEEN_AFTER).await;
        }
        for _ in 0..answers {
            let (head, body) = client.answer().await;
            assert!(head.starts_with("http/1.1 200") && !head.contains("by:"), "{sent:?}: {head}");
            assert!(body == b"routed" || body == FILE.as_bytes(), "{sent:?}");
        }
        assert!(!client.is_direct(FILE).await, "after {sent:?}");
    }
}

#[tokio::test]
async fn what_arrives_while_hyper_answers_is_hypers() {
    let port = Port::open().await;
    let post = format!("POST /other HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", FILE.len());
    // What is sent during an answer, after it, and the answers' bodies.
    let cases = [(FILE, "", "routed"), (&*post, FILE, FILE), (&FILE[..20], &FILE[20..], "routed")];
    for (during, after, wanted) in cases {
        let mut client = port.connect().await;
        client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let first = client.byte().await;
        client.send(during).await;
        sleep(SEEN_AFTER).await;
        let (head, body) = client.answer().await;
        assert!(first == b'H' && head.contains("200 ok") && body == port.bytes, "{head}");
        sleep(SEEN_AFTER).await;
        client.send(after).await;
        let (head, body) = client.answer().await;
        assert_eq!((head.contains("by:"), &*body), (false, wanted.as_bytes()), "{during:?}");
        assert!(!client.is_direct(FILE).await, "after {during:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_being_sent_holds_its_place_and_is_ended_when_the_server_stops() {
    let port = Port::open().await;
    let mut client = port.connect().await;
    client.send(&FILE.replacen("1000", &FILE_BYTES.to_string(), 1)).await;
    let first = client.byte().await;
    let other = port.places.take(None).expect("one is taken");
    assert!(port.places.take(None).is_none());
    port.closing.cancel();
    let (head, body) = client.answer().await;
    assert!(first == b'H' && head.contains("by: connection") && body == port.bytes, "{head}");
    assert_eq!(client.rest().await, b"");
    port.served.await.unwrap();
    drop(other);
    assert!([port.places.take(None), port.places.take(None)].iter().all(Option::is_some));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_or_became_shorter_ends_the_connection_alone() {
    let port = Port::open().await;
    let ask = async |path: &str, bytes: usize| {
        let mut client = port.connect().await;
        client.send(&format!("GET {path}?{bytes} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        client.rest().await
    };
    assert!(ask("/file", FILE_BYTES + 1).await.ends_with(&port.bytes[FILE_BYTES - 1000..]));
    let head = String::from_utf8(ask("/unreadable", 1000).await).unwrap();
    assert!(head.is_empty() || head.ends_with("\r\n\r\n"), "{head}");
    assert!(port.connect().await.is_direct(FILE).await);
    port.closing.cancel();
    port.served.await.expect("no task of a connection panicked");
}

#[tokio::test]
async fn a_connection_that_has_only_answered_itself_is_closed_once_a_head_takes_too_long() {
    let port = Port::with_head_time(SEEN_AFTER).await;
    for begun in ["", "GET /fi"] {
        let mut client = port.connect().await;
        assert!(client.is_direct(FILE).await);
        client.send(begun).await;
        assert_eq!(client.rest().await, b"", "{begun:?}");
    }
}
