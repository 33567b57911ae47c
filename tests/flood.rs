//! Connections that never become a viewer do not keep others out: the real program with few file descriptors.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use protocol::stream::StreamCreated;
use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longest that anything here may take; what is awaited is always a condition.
const DEADLINE: Duration = Duration::from_secs(60);
const FILES: usize = 256;

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
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let up = format!(
            "ulimit -n {FILES} && exec {} up --listen 127.0.0.1:0 --data-dir data",
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
    let mut viewer = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    viewer.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("\r\n\r\n") {
        let read = timeout(DEADLINE, viewer.read_buf(&mut heard)).await.expect("an answer").unwrap();
        assert_ne!(read, 0, "closed after {}", String::from_utf8_lossy(&heard));
    }
    assert!(heard.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&heard));
    viewer
}

/// Sends a text message: a masked frame, whose mask of zeros changes nothing.
async fn say(socket: &mut TcpStream, text: &str) {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    let frame = [&[0x81, 0x80 | 126], &length[..], &[0; 4], text.as_bytes()].concat();
    socket.write_all(&frame).await.unwrap();
}

/// Reads until `words` came.
async fn hears(socket: &mut TcpStream, words: &str) {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(words) {
        let read = timeout(DEADLINE, socket.read_buf(&mut heard)).await.expect("an answer").unwrap();
        assert_ne!(read, 0, "closed after {}", String::from_utf8_lossy(&heard));
    }
}

async fn closed(socket: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = timeout(DEADLINE, socket.read_to_end(&mut rest)).await.expect("closed to make room");
}

#[tokio::test]
async fn half_sent_heads_keep_no_viewer_out_and_no_node_from_its_main_server() {
    let up = Up::start();
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
    let up = Up::start();
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
    let up = Up::start();
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
