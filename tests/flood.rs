//! Connections that never become a viewer do not keep others out: the real program with few file descriptors.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use protocol::{
    event::{ChunkHead, DataKind},
    stream::StreamCreated,
};
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longest that anything here may take; what is awaited is always a condition.
const DEADLINE: Duration = Duration::from_secs(60);
const FILES: usize = 256;
/// As Linux gives a process.
const MORE_FILES: usize = 1024;
const BAD: usize = 2_000;
const VIEWERS: usize = 100;

struct Up {
    child: Child,
    address: String,
    folder: TempDir,
    client: Client,
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Up {
    fn start(files: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let up = format!(
            "ulimit -n {files} && exec {} up --listen 127.0.0.1:0 --data-dir data",
            env!("CARGO_BIN_EXE_undead")
        );
        let mut command = Command::new("sh");
        command.args(["-c", &up]).current_dir(folder.path()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let address = url.trim().replace("http://localhost", "127.0.0.1");
        let client = tls_harness::client_builder().timeout(DEADLINE).build().unwrap();
        Self { child, address, folder, client }
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("http://{}/cdn/a/readyz", self.address)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    async fn registers(&self) {
        timeout(DEADLINE, async { while !self.is_ready().await {} }).await.expect("the node registers");
    }

    async fn stream(&self) -> StreamCreated {
        let created = self.client.post(format!("http://{}/api/streams", self.address));
        created.json(&json!({ "title": "on" })).send().await.unwrap().json().await.unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

/// A WebSocket, once it is open.
async fn web_socket(address: &str, path: &str) -> TcpStream {
    open(address, path).await.0
}

/// The same, with what came after the handshake.
async fn open(address: &str, path: &str) -> (TcpStream, BytesMut) {
    let mut viewer = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    viewer.write_all(request.as_bytes()).await.unwrap();
    let mut heard = BytesMut::new();
    let end = loop {
        if let Some(end) = heard.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        let read = timeout(DEADLINE, viewer.read_buf(&mut heard)).await.expect("an answer").unwrap();
        assert_ne!(read, 0, "closed after {}", String::from_utf8_lossy(&heard));
    };
    assert!(heard.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&heard));
    heard.advance(end);
    (viewer, heard)
}

/// Sends a text message: a masked frame, whose mask of zeros changes nothing.
async fn say(socket: &mut TcpStream, text: &str) {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    let frame = [&[0x81, 0x80 | 126], &length[..], &[0; 4], text.as_bytes()].concat();
    socket.write_all(&frame).await.unwrap();
}

/// Sends an event with an attachment to a Socket.IO connection.
async fn attach(socket: &mut TcpStream, event: &Value, data: &[u8]) {
    say(socket, &format!("451-{event}")).await;
    let length = (data.len() as u64).to_be_bytes();
    let head = [&[0x82, 0x80 | 127], &length[..], &[0; 4]].concat();
    socket.write_all(&[&head, data].concat()).await.unwrap();
}

/// Reads until `words` came.
async fn hears(socket: &mut TcpStream, words: &str) {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(words) {
        let read = timeout(DEADLINE, socket.read_buf(&mut heard)).await.expect("an answer").unwrap();
        assert_ne!(read, 0, "closed after {}", String::from_utf8_lossy(&heard));
    }
}

/// A viewer that checks the names of all chunks it gets.
struct Viewer {
    socket: TcpStream,
    heard: BytesMut,
    /// The frame that has to come next: its group and index.
    next: Option<(u64, u32)>,
}

impl Viewer {
    async fn watch(address: &str, path: &str) -> Self {
        let (socket, heard) = open(address, path).await;
        Self { socket, heard, next: None }
    }

    /// Reads chunks up to that which `last` holds, each of which follows the one before it.
    async fn follows_to(&mut self, last: (u64, u32)) {
        while self.next.is_none_or(|next| next <= last) {
            let message = timeout(DEADLINE, self.message()).await.expect("a chunk");
            let Some(message) = message else { continue };
            let (kind, _) = protocol::message::read(&message).unwrap();
            let DataKind::Media(ChunkHead { name, frames, .. }) = kind else { continue };
            let expected = self.next.is_none_or(|(group, index)| {
                (name.group, name.index) == (group, index) || (name.group, name.index) == (group + 1, 0)
            });
            assert!(expected, "{name:?} after {:?}", self.next);
            self.next = Some((name.group, name.index + frames));
        }
    }

    /// The next message: none for text.
    async fn message(&mut self) -> Option<Bytes> {
        loop {
            if let Some((is_binary, payload)) = self.frame() {
                return is_binary.then_some(payload);
            }
            let read = self.socket.read_buf(&mut self.heard).await.unwrap();
            assert_ne!(read, 0, "a viewer was closed");
        }
    }

    /// The frame that has arrived whole (RFC 6455, section 5.2): a server's has no mask.
    fn frame(&mut self) -> Option<(bool, Bytes)> {
        let (first, length) = (*self.heard.first()?, usize::from(*self.heard.get(1)?));
        let (head, length) = match length {
            126 => (4, usize::from(u16::from_be_bytes(self.heard.get(2..4)?.try_into().unwrap()))),
            127 => (10, u64::from_be_bytes(self.heard.get(2..10)?.try_into().unwrap()) as usize),
            short => (2, short),
        };
        if self.heard.len() < head + length {
            return None;
        }
        self.heard.advance(head);
        Some((first & 0x0f == 2, self.heard.split_to(length).freeze()))
    }
}

/// A bad connection of each kind: half a head, a body that stops, silence, and half a TLS handshake.
async fn bad(address: &str, number: usize) -> TcpStream {
    const HANDSHAKE: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let begun: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
        b"POST /api/streams HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{\"title\"",
        b"",
        HANDSHAKE,
    ];
    let mut connection = TcpStream::connect(address).await.unwrap();
    // One that is closed already takes nothing, which is the point.
    let _ = connection.write_all(begun[number % begun.len()]).await;
    connection
}

async fn closed(socket: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = timeout(DEADLINE, socket.read_to_end(&mut rest)).await.expect("closed to make room");
}

#[tokio::test]
async fn half_sent_heads_keep_no_viewer_out_and_no_node_from_its_main_server() {
    let up = Up::start(FILES);
    up.registers().await;
    let mut flood = Vec::new();
    for _ in 0..2 * FILES {
        let mut half = TcpStream::connect(&up.address).await.unwrap();
        // One that is closed already takes nothing, which is the point.
        let _ = half.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ").await;
        flood.push(half);
    }
    let created = up.stream().await;
    let mut viewers = Vec::new();
    for _ in 0..FILES / 4 {
        viewers.push(web_socket(&up.address, &format!("/cdn/a/ws/{}", created.stream_id)).await);
    }
    assert!(up.is_ready().await, "{}", up.log());
    for half in &mut flood[..FILES] {
        closed(half).await;
    }
    let log = up.log();
    assert_eq!(log.matches("the limit of connections is reached").count(), 1, "{log}");
}

#[tokio::test]
async fn connections_that_neither_watch_nor_publish_make_room_for_those_that_do() {
    let up = Up::start(FILES);
    up.registers().await;
    let created = up.stream().await;
    let node = &created.publish.nodes[0].public_url;
    let socket_io = format!("{node}/socket.io/?EIO=4&transport=websocket");
    let mut broadcaster = web_socket(&up.address, &socket_io).await;
    say(&mut broadcaster, "40").await;
    hears(&mut broadcaster, "40{").await;
    let payload = json!({
        "stream_id": created.stream_id, "grant": created.publish.grant, "mime": "video/webm;codecs=vp9,opus",
    });
    say(&mut broadcaster, &format!("421{}", json!(["register_new_stream", payload]))).await;
    hears(&mut broadcaster, "431[{\"ok\":true").await;
    let mut flood = Vec::new();
    for _ in 0..2 * FILES {
        let mut idle = web_socket(&up.address, &socket_io).await;
        say(&mut idle, "40").await;
        flood.push(idle);
    }
    for idle in &mut flood[..FILES] {
        closed(idle).await;
    }
    web_socket(&up.address, &format!("{node}/ws/{}", created.stream_id)).await;
    assert!(up.is_ready().await, "{}", up.log());
    say(&mut broadcaster, r#"422["clock",{"t0_ms":1}]"#).await;
    hears(&mut broadcaster, "432[{\"ok\":true").await;
}

#[tokio::test]
async fn connections_that_wait_for_a_stream_make_room() {
    let up = Up::start(FILES);
    up.registers().await;
    let path = format!("/cdn/a/ws/{}", up.stream().await.stream_id);
    let mut flood = Vec::new();
    for _ in 0..2 * FILES {
        flood.push(web_socket(&up.address, &path).await);
    }
    for waiting in &mut flood[..FILES] {
        closed(waiting).await;
    }
    assert!(up.is_ready().await, "{}", up.log());
    assert!(!up.log().contains("out of file descriptors"), "{}", up.log());
}

#[tokio::test]
async fn viewers_miss_nothing_while_2000_bad_connections_come() {
    rlimit::increase_nofile_limit(rlimit::INFINITY).unwrap();
    let up = Up::start(MORE_FILES);
    up.registers().await;
    let created = up.stream().await;
    let (id, node) = (created.stream_id, &created.publish.nodes[0].public_url);
    let path = format!("{node}/socket.io/?EIO=4&transport=websocket");
    let mut broadcaster = web_socket(&up.address, &path).await;
    say(&mut broadcaster, "40").await;
    hears(&mut broadcaster, "40{").await;
    let payload = json!({ "stream_id": id, "grant": created.publish.grant, "mime": "video/webm;codecs=vp8" });
    say(&mut broadcaster, &format!("421{}", json!(["register_new_stream", payload]))).await;
    hears(&mut broadcaster, "431[{\"ok\":true").await;
    let data = json!({ "_placeholder": true, "num": 0 });
    let segment = json!(["broadcast_data", { "stream_id": id, "segment": data }]);
    attach(&mut broadcaster, &segment, HEADER).await;
    attach(&mut broadcaster, &segment, &picture(0)).await;
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        let mut viewer = Viewer::watch(&up.address, &format!("{node}/ws/{id}")).await;
        viewer.follows_to((0, 0)).await;
        viewers.push(viewer);
    }
    let mut flood = Vec::new();
    for number in 0..BAD {
        flood.push(bad(&up.address, number).await);
        if number % 50 == 0 {
            attach(&mut broadcaster, &segment, &picture(number as u16 + 1)).await;
        }
    }
    for viewer in &mut viewers {
        viewer.follows_to((BAD as u64 / 50, 0)).await;
    }
    Viewer::watch(&up.address, &format!("{node}/ws/{id}")).await.follows_to((BAD as u64 / 50, 0)).await;
    assert!(up.is_ready().await, "{}", up.log());
    assert!(!up.log().contains("out of file descriptors"), "{}", up.log());
}

/// EBML header, Segment, Tracks with VP8 as track 1.
const HEADER: &[u8] = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\xff\x16\x54\xae\x6b\x97\
    \xae\x95\xd7\x81\x01\x83\x81\x01\x86\x85V_VP8\xe0\x86\xb0\x81\x40\xba\x81\x20";

/// A Cluster with a keyframe (RFC 6386, section 9.1) of so many kilobytes that it begins a group, at this time.
fn picture(ms: u16) -> Vec<u8> {
    let time = ms.to_be_bytes();
    let cluster = [b"\x1f\x43\xb6\x75\xff\xe7\x82", &time[..], b"\xa3\x50\x0e\x81\x00\x00\x80"].concat();
    [cluster, b"\x10\x00\x00\x9d\x01\x2a\x40\x00\x20\x00".to_vec(), vec![0; 4096]].concat()
}
