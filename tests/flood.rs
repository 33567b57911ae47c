//! Connections that never become a viewer keep nobody out: the real program with few file descriptors.

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
        Self { child, address, folder }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

/// A WebSocket on which a stream is asked for, once it is open.
async fn watches(address: &str, path: &str) -> TcpStream {
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

#[tokio::test]
async fn half_sent_heads_keep_no_viewer_out_and_no_node_from_its_main_server() {
    let up = Up::start();
    let client = Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
    let ready = async || {
        let answer = client.get(format!("http://{}/cdn/a/readyz", up.address)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    };
    timeout(DEADLINE, async { while !ready().await {} }).await.expect("the node registers");
    let mut flood = Vec::new();
    for _ in 0..2 * FILES {
        let mut half = TcpStream::connect(&up.address).await.unwrap();
        // One that is closed already takes nothing, which is the point.
        let _ = half.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ").await;
        flood.push(half);
    }
    let created = client.post(format!("http://{}/api/streams", up.address)).json(&json!({ "title": "on" }));
    let created: StreamCreated = created.send().await.unwrap().json().await.unwrap();
    let mut viewers = Vec::new();
    for _ in 0..FILES / 4 {
        viewers.push(watches(&up.address, &format!("/cdn/a/ws/{}", created.stream_id)).await);
    }
    assert!(ready().await, "{}", up.log());
    for half in &mut flood[..FILES] {
        let mut rest = Vec::new();
        let _ = timeout(DEADLINE, half.read_to_end(&mut rest)).await.expect("closed to make room");
    }
    let log = up.log();
    assert_eq!(log.matches("as many connections as the limit of open files allows").count(), 1, "{log}");
}
