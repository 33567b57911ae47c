//! The nginx configuration of docs/reverse-proxy.md works: pages and API at the root, nodes under paths, upgrades passed on.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod support;

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use protocol::stream::{Assignment, StreamCreated};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use self::support::{DEADLINE, serve, undead};

/// Processes that end with the test, in a folder of their own.
struct Processes {
    folder: TempDir,
    running: Vec<Child>,
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Processes {
    /// Starts `undead` and gives its port.
    fn undead(&mut self, arguments: &[&str]) -> u16 {
        let log = self.folder.path().join(format!("log-{}", self.running.len()));
        let (child, url) = serve(undead(self.folder.path()).args(arguments), &log);
        self.running.push(child);
        url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Starts nginx with `server`, as any user.
    fn nginx(&mut self, server: &str) {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind};"))
            .join(" ");
        let config = format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log; events {{ }}\n\
             http {{ access_log off; {temporary}\n{server}\n}}"
        );
        let folder = self.folder.path();
        fs::write(folder.join("nginx.conf"), config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "error.log"]);
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        self.running.push(command.env("PATH", path).spawn().unwrap());
    }
}

/// The first nginx configuration of the page, on `port` and without TLS.
fn documented(port: u16, main_server: u16, nodes: [u16; 2]) -> String {
    let page = include_str!("../docs/reverse-proxy.md");
    let block = page.split_once("```nginx\n").unwrap().1.split_once("```").unwrap().0;
    let plain: Vec<_> = block.lines().filter(|line| !line.contains("ssl_certificate")).collect();
    let mut config = plain.join("\n");
    for (documented, here) in [
        ("listen 443 ssl;", format!("listen 127.0.0.1:{port};")),
        ("127.0.0.1:5000", format!("127.0.0.1:{main_server}")),
        ("127.0.0.1:5001", format!("127.0.0.1:{}", nodes[0])),
        ("127.0.0.1:5002", format!("127.0.0.1:{}", nodes[1])),
    ] {
        assert!(config.contains(documented), "{documented} in {config}");
        config = config.replace(documented, &here);
    }
    config
}

async fn until_ok(client: &Client, url: &str, folder: &Path) {
    let deadline = Instant::now() + DEADLINE;
    while !client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        let errors = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "{url} in time; {errors}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The status line that a WebSocket handshake gets.
async fn upgrade(port: u16, path: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    socket.write_all(format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()).await.unwrap();
    let mut status = [0; 12];
    socket.read_exact(&mut status).await.unwrap();
    String::from_utf8_lossy(&status).into_owned()
}

#[tokio::test]
async fn one_host_serves_pages_api_events_and_two_nodes_under_paths() {
    let mut processes = Processes { folder: tempfile::tempdir().unwrap(), running: Vec::new() };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let public = format!("http://localhost:{port}");
    let main_server = processes.undead(&["main-server"]);
    let nodes = ["cdn1", "cdn2"].map(|name| {
        let (main_server, url) = (format!("http://127.0.0.1:{main_server}"), format!("{public}/{name}"));
        processes.undead(&["cdn", "--main-server", &main_server, "--public-url", &url, "--hostname", name])
    });
    processes.nginx(&documented(port, main_server, nodes));
    let client = tls_harness::client_builder().build().unwrap();
    for path in ["/healthz", "/cdn1/readyz", "/cdn2/readyz", "/live"] {
        until_ok(&client, &format!("{public}{path}"), processes.folder.path()).await;
    }
    assert_eq!(client.get(format!("{public}/metrics")).send().await.unwrap().status(), StatusCode::NOT_FOUND);

    let mut events = client.get(format!("{public}/api/events")).send().await.unwrap();
    assert!(timeout(DEADLINE, events.chunk()).await.unwrap().unwrap().is_some(), "events are not held back");

    let create = client.post(format!("{public}/api/streams")).json(&json!({ "title": "a" }));
    let created: StreamCreated = create.send().await.unwrap().json().await.unwrap();
    let Assignment { nodes, grant, .. } = created.publish;
    for node in nodes {
        let path = node.public_url.strip_prefix(&public).unwrap().to_owned();
        assert!(["/cdn1", "/cdn2"].contains(&&*path), "{path}");
        let id = created.stream_id;
        assert_eq!(upgrade(port, &format!("{path}/ws/{id}?grant={grant}")).await, "HTTP/1.1 101");
        let socketio = format!("{path}/socket.io/?EIO=4&transport=websocket");
        assert_eq!(upgrade(port, &socketio).await, "HTTP/1.1 101");
    }
}
