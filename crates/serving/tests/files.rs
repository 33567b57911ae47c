//! Answers that are sent from files: every byte once and in order, and never the bytes that stand in for them.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops at whatever it does not expect")]

use std::{
    convert::Infallible,
    fs::File,
    io::{self, Write},
    net::SocketAddr,
    ops::Range,
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, Mutex},
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::stream;
use serving::{FileSender, Limits, Loading, MAX_PIECE_BYTES, SendableFile};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// More than the buffers of two sockets take.
const FILE_BYTES: usize = 12 << 20;

/// A file whose bytes are in memory only once they were loaded.
struct OnDisk {
    file: File,
    loaded: Mutex<Vec<Range<u64>>>,
}

impl AsFd for OnDisk {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl SendableFile for OnDisk {
    fn is_in_memory(&self, range: Range<u64>) -> bool {
        self.loaded
            .lock()
            .unwrap()
            .iter()
            .any(|loaded| loaded.start <= range.start && range.end <= loaded.end)
    }

    fn load(self: Arc<Self>, range: Range<u64>) -> Loading {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if range.start >= FILE_BYTES as u64 {
                return Err(io::ErrorKind::NotFound.into());
            }
            self.loaded.lock().unwrap().push(range);
            Ok(())
        })
    }
}

struct Files {
    bytes: Vec<u8>,
    file: Arc<OnDisk>,
    /// A frame of an earlier answer.
    kept: Mutex<Option<Bytes>>,
}

fn files() -> Arc<Files> {
    let bytes: Vec<u8> = (0..FILE_BYTES).map(|at| (at % 251) as u8 | 1).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let file = Arc::new(OnDisk { file, loaded: Mutex::default() });
    Arc::new(Files { bytes, file, kept: Mutex::default() })
}

async fn serve(files: Arc<Files>) -> (SocketAddr, DropGuard) {
    let app = Router::new()
        .route("/", get(whole))
        .route("/past", get(past_the_end))
        .route("/again", get(again))
        .route("/unreadable", get(unreadable))
        .with_state(files);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, closing) = (listener.local_addr().unwrap(), CancellationToken::new());
    tokio::spawn(serving::serve(listener, app, Limits::for_open_files(1 << 20), closing.clone()));
    (address, closing.drop_guard())
}

/// The file, with bytes of its own before, between and after its pieces.
async fn whole(State(files): State<Arc<Files>>, Extension(sender): Extension<FileSender>) -> Response {
    let length = FILE_BYTES + 5 * (1 + FILE_BYTES.div_ceil(MAX_PIECE_BYTES));
    let mut next = 0;
    let frames = std::iter::from_fn(move || {
        let number = next;
        next += 1;
        let offset = number / 2 * MAX_PIECE_BYTES;
        match number % 2 {
            0 if offset <= FILE_BYTES => Some(Bytes::from_static(b"other")),
            1 if offset < FILE_BYTES => Some(sender.frame(files.file.clone(), offset, FILE_BYTES - offset)),
            _ => None,
        }
    });
    answer(length, frames)
}

async fn past_the_end(State(files): State<Arc<Files>>, Extension(sender): Extension<FileSender>) -> Response {
    let frame = sender.frame(files.file.clone(), FILE_BYTES - 10, 20);
    *files.kept.lock().unwrap() = Some(frame.clone());
    answer(20, std::iter::once(frame))
}

/// A piece that cannot be loaded.
async fn unreadable(State(files): State<Arc<Files>>, Extension(sender): Extension<FileSender>) -> Response {
    answer(20, std::iter::once(sender.frame(files.file.clone(), FILE_BYTES, 20)))
}

/// A frame that was made for another connection.
async fn again(State(files): State<Arc<Files>>) -> Response {
    answer(20, files.kept.lock().unwrap().take().into_iter())
}

fn answer(length: usize, frames: impl Iterator<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(stream::iter(frames.map(Ok::<_, Infallible>)));
    ([(header::CONTENT_LENGTH, length)], body).into_response()
}

/// A client that has little room for what it does not read.
async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    socket.connect(address).await.unwrap()
}

async fn body(client: &mut TcpStream, path: &str, most_bytes: usize) -> Vec<u8> {
    client.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    let mut body = Vec::new();
    // A connection that fails ends the body early.
    let _ = client.take(most_bytes as u64).read_to_end(&mut body).await;
    body
}

#[tokio::test]
async fn pieces_of_files_arrive_in_order_between_other_bytes_and_on_a_connection_that_goes_on() {
    let files = files();
    let (address, _closing) = serve(files.clone()).await;
    let mut client = connect(address).await;
    let mut expected = b"other".to_vec();
    for piece in files.bytes.chunks(MAX_PIECE_BYTES) {
        expected.extend_from_slice(piece);
        expected.extend_from_slice(b"other");
    }
    for _ in 0..2 {
        assert!(body(&mut client, "/", expected.len()).await == expected);
    }
    let loaded = files.file.loaded.lock().unwrap();
    assert_eq!(loaded.len(), FILE_BYTES.div_ceil(MAX_PIECE_BYTES), "each piece once: {loaded:?}");
}

#[tokio::test]
async fn a_piece_that_cannot_be_read_ends_the_connection() {
    let files = files();
    let (address, _closing) = serve(files.clone()).await;
    assert_eq!(body(&mut connect(address).await, "/unreadable", 20).await, b"");
}

#[tokio::test]
async fn what_is_not_in_the_file_ends_the_connection_and_stand_ins_never_arrive() {
    let files = files();
    let (address, _closing) = serve(files.clone()).await;
    let past = body(&mut connect(address).await, "/past", 20).await;
    assert_eq!(past, files.bytes[FILE_BYTES - 10..]);
    let mut client = connect(address).await;
    client.write_all(b"GET /again HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut read = Vec::new();
    let _ = client.read_to_end(&mut read).await;
    assert!(files.kept.lock().unwrap().is_none(), "it was sent");
    assert!(read.is_empty() || read.ends_with(b"\r\n\r\n"), "{:?}", Bytes::from(read));
}
