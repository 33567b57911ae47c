//! Servers in processes of their own, and what they are asked.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use protocol::node::NodeInfo;
use reqwest::Client;

use crate::namespace::{DEADLINE, Process};

/// The binary under test.
pub(crate) const UNDEAD: &str = env!("CARGO_BIN_EXE_undead");

/// Starts a server and waits until it serves; its log goes to `log`.
pub(crate) fn start(command: Command, log: &Path) -> Process {
    start_with_url(command, log).0
}

/// The same, with the URL that it prints.
pub(crate) fn start_with_url(mut command: Command, log: &Path) -> (Process, String) {
    let log = std::fs::File::create(log).unwrap();
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    assert!(url.starts_with("http"), "{command:?} did not start");
    (Process(child), url.trim().to_owned())
}

/// A client that asks directly, whatever proxy the environment names.
pub(crate) fn client() -> Client {
    tls_harness::client_builder().timeout(Duration::from_secs(10)).build().unwrap()
}

/// Waits until a server knows so many live nodes.
pub(crate) async fn until_nodes(client: &Client, url: &str, secret: &str, count: usize) -> Vec<NodeInfo> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = client.get(format!("{url}/api/nodes")).bearer_auth(secret).send().await;
        let nodes: Vec<NodeInfo> = match answer {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let live: Vec<_> = nodes.into_iter().filter(|node| node.lease_left_ms > 0).collect();
        if live.len() == count {
            return live;
        }
        assert!(Instant::now() < deadline, "{url} knows {live:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a node is ready: a main server knows it before it has the answer to its registration.
pub(crate) async fn until_ready(client: &Client, url: &str) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = client.get(format!("{url}/readyz")).send().await;
        if answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        assert!(Instant::now() < deadline, "{url} answers {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
