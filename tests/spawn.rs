//! `undead up --spawn-nodes` runs as many nodes as the load wants, replaces those that die, and leaves none behind. Its worker of jobs is a
//! process as well.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use protocol::{
    node::{NodeInfo, Scaling},
    stream::StreamCreated,
};
use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Longest that anything here may take; what is awaited is always a condition.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running `undead up`, and whoever asks it.
struct Up {
    child: Child,
    url: String,
    secret: String,
    folder: TempDir,
    client: Client,
    runtime: Runtime,
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Up {
    /// One whose processes are nodes.
    fn start(flags: &[&str]) -> Self {
        let port = port_harness::reserve().unwrap().to_string();
        Self::with(&[&["--no-worker", "--spawn-nodes", "1..3", "--spawn-ports", &port], flags].concat())
    }

    fn with(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_undead"))
            .args(["up", "--listen", "127.0.0.1:0"])
            .args(flags)
            .arg("--data-dir")
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let secret = fs::read_to_string(folder.path().join("cluster-secret")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (url, secret) = (url.trim().to_owned(), secret.trim().to_owned());
        Self { child, url, secret, folder, client: tls_harness::client(), runtime }
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: &Value) -> T {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.secret);
        let request = request.json(body).timeout(DEADLINE);
        let answer = async { request.send().await?.error_for_status()?.json().await };
        self.runtime.block_on(answer).unwrap()
    }

    fn nodes(&self) -> Vec<NodeInfo> {
        let mut nodes: Vec<NodeInfo> = self.ask(Method::GET, "/api/nodes", &Value::Null);
        nodes.retain(|node| node.lease_left_ms > 0);
        nodes
    }

    fn await_nodes(&self, number: usize) -> Vec<NodeInfo> {
        eventually(&format!("{number} nodes"), || Some(self.nodes()).filter(|nodes| nodes.len() == number))
    }

    fn create_stream(&self) -> StreamCreated {
        self.ask(Method::POST, "/api/streams", &json!({ "title": "load" }))
    }

    /// Says in the name of a node that media of these streams arrived there: those that nothing has arrived for are no load.
    /// The node itself knows nothing of them and soon says so; they are interrupted then, and stay a load.
    fn start_streams(&self, node: &NodeInfo, streams: &[StreamCreated]) {
        let live = |stream: &StreamCreated| json!({ "stream_id": stream.stream_id, "state": "live" });
        let streams: Vec<Value> = streams.iter().map(live).collect();
        let path = format!("/api/nodes/{}/heartbeat", node.node_id);
        let _: Value = self.ask(Method::PUT, &path, &json!({ "streams": streams }));
    }

    fn end_stream(&self, stream: &StreamCreated) {
        let path = format!("{}/api/streams/{}", self.url, stream.stream_id);
        let answer = self.client.delete(path).bearer_auth(&stream.publish.grant).send();
        assert!(self.runtime.block_on(answer).unwrap().status().is_success());
    }

    /// Process ids of its nodes.
    fn children(&self) -> BTreeSet<u32> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|&pid| stat(pid).is_some_and(|(state, parent)| state != 'Z' && parent == self.child.id()))
            .collect()
    }

    fn await_children(&self, number: usize) -> BTreeSet<u32> {
        eventually(&format!("{number} processes"), || {
            Some(self.children()).filter(|children| children.len() == number)
        })
    }

    fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the end", || child.try_wait().unwrap())
    }
}

/// State and parent of a process (proc(5), `stat`); none if there is none.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        match found() {
            Some(found) => return found,
            None => assert!(began.elapsed() < DEADLINE, "no {what} in {DEADLINE:?}"),
        }
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_node_that_is_killed_is_replaced() {
    let up = Up::start(&[]);
    let first = up.await_nodes(1).remove(0);
    assert!(first.hostname.starts_with("spawned-"), "{}", first.hostname);
    assert!(first.public_url.starts_with("http://localhost:"), "{}", first.public_url);
    let pid = up.children().pop_first().unwrap();
    signal("-KILL", pid);
    let second = eventually("successor", || up.nodes().pop().filter(|node| node.node_id != first.node_id));
    assert!(second.generation > first.generation);
    let successor = up.children();
    assert!(successor.len() == 1 && !successor.contains(&pid), "{successor:?}");
}

#[test]
fn nodes_come_with_the_load_and_go_with_it_and_none_outlives_the_program() {
    let mut up =
        Up::start(&["--max-streams", "2", "--scale-down-after", "1", "--spawn-host", "media.example.org"]);
    let nodes = up.await_nodes(1);
    assert!(nodes[0].public_url.starts_with("http://media.example.org:"), "{}", nodes[0].public_url);
    assert_eq!(nodes[0].capacity.streams, Some(2), "limits reach the nodes");
    // Two half-full nodes: either would be full if the other died.
    let streams = [up.create_stream(), up.create_stream()];
    up.start_streams(&nodes[0], &streams);
    up.await_nodes(3);
    let scaling: Scaling = up.ask(Method::GET, "/api/scaling", &Value::Null);
    assert_eq!(scaling.wanted, 3, "{}", scaling.reason);
    for stream in &streams {
        up.end_stream(stream);
    }
    up.await_nodes(1);
    // A node says goodbye a moment before its process ends.
    let children = up.await_children(1);
    signal("-TERM", up.child.id());
    assert_eq!(up.wait().code(), Some(0));
    assert!(!children.iter().any(|&pid| is_running(pid)), "{children:?}");
}

#[test]
fn nodes_end_when_the_program_is_killed() {
    let mut up = Up::start(&[]);
    up.await_nodes(1);
    let children = up.children();
    assert_eq!(children.len(), 1);
    signal("-KILL", up.child.id());
    up.wait();
    eventually("end of the nodes", || (!children.iter().any(|&pid| is_running(pid))).then_some(()));
}

#[test]
fn no_process_list_shows_the_cluster_secret() {
    let up = Up::start(&[]);
    up.await_nodes(1);
    let pid = up.children().pop_first().unwrap();
    let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(arguments.contains("--hostname"), "{arguments}");
    assert!(!arguments.contains(&up.secret));
    assert!(up.folder.path().join("cluster-secret").exists());
}

#[test]
fn a_node_that_answers_no_more_does_not_hold_the_program_up() {
    let mut up = Up::start(&[]);
    up.await_nodes(1);
    let pid = up.children().pop_first().unwrap();
    signal("-STOP", pid);
    signal("-TERM", up.child.id());
    assert_eq!(up.wait().code(), Some(0));
    eventually("end of the node", || (!is_running(pid)).then_some(()));
}

#[test]
fn nodes_inside_and_outside_exclude_each_other() {
    for flags in
        [&["--nodes", "2", "--spawn-nodes", "1..3"][..], &["--nodes", "0"], &["--spawn-nodes", "3..1"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
        let ended = command.arg("up").args(flags).stderr(Stdio::null()).status().unwrap();
        assert_eq!(ended.code(), Some(2), "{flags:?}");
    }
}

#[test]
fn the_worker_is_a_process_that_is_replaced_and_ends_with_the_program() {
    let mut up = Up::with(&["--nodes", "1"]);
    let pid = up.await_children(1).pop_first().unwrap();
    // A process has its parent's arguments until it runs its own program.
    let arguments = eventually("the worker's program", || {
        fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .ok()
            .filter(|arguments| arguments.contains("worker"))
    });
    assert!(!arguments.contains(&up.secret), "{arguments}");
    signal("-KILL", pid);
    let successor = eventually("successor", || {
        up.children().pop_first().filter(|&child| child != pid && is_running(child))
    });
    signal("-TERM", up.child.id());
    assert_eq!(up.wait().code(), Some(0));
    assert!(!is_running(successor));
}

#[test]
fn the_worker_ends_when_the_program_is_killed() {
    let mut up = Up::with(&["--nodes", "1"]);
    let pid = up.await_children(1).pop_first().unwrap();
    signal("-KILL", up.child.id());
    up.wait();
    eventually("end of the worker", || (!is_running(pid)).then_some(()));
}

/// A worker in a process of its own, killed at the end.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Worker {
    fn start(up: &Up, flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
        command.args(["worker", "--main-server", &up.url]).args(flags).current_dir(up.folder.path());
        Self(command.env("UNDEAD_CLUSTER_SECRET", &up.secret).spawn().unwrap())
    }
}

#[test]
fn a_worker_crashes_on_purpose_and_says_how_it_is_and_what_it_counts() {
    let up = Up::with(&["--nodes", "1", "--no-worker"]);
    assert_eq!(up.children().len(), 0);
    let address = format!("127.0.0.1:{}", port_harness::reserve().unwrap());
    let worker = Worker::start(&up, &["--health-listen", &address]);
    let ask = |path: &str| {
        let request = up.client.get(format!("http://{address}{path}")).timeout(DEADLINE);
        up.runtime.block_on(async { request.send().await?.error_for_status()?.text().await }).ok()
    };
    eventually("health", || ask("/healthz"));
    eventually("answer of the main server", || ask("/readyz"));
    let text = ask("/metrics").unwrap();
    let served = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let page = include_str!("../docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.filter(|(name, _)| name.starts_with("undead_worker_"));
    let documented: BTreeSet<_> = rows.map(|(name, rest)| (name, rest.split(' ').next().unwrap())).collect();
    assert_eq!(served.collect::<BTreeSet<_>>(), documented);
    signal("-TERM", worker.0.id());
    let mut worker = worker;
    assert_eq!(eventually("end", || worker.0.try_wait().unwrap()).code(), Some(0));
    let mut unhealthy = Worker::start(&up, &["--unhealthy-after", "0"]);
    assert_eq!(eventually("crash", || unhealthy.0.try_wait().unwrap()).code(), None);
}
