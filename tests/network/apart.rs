//! Nodes that share no loopback, as in containers: they relay by the addresses that nodes reach, and where they cannot, the
//! log says which address it was.

use std::{fs, net::Ipv4Addr};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use crate::{
    namespace::{Process, is_inside},
    parts::{Bridge, Part, eventually},
    recording::Recording,
    server::{UNDEAD, client, start, until_nodes},
    socketio::Connection,
};

const SECRET: &str = "a secret for tests";

/// A main server and two nodes, each on its own network. Clients reach the nodes at `localhost:5001` and `:5002` of the
/// test's network, which no node does.
struct Cluster {
    folder: TempDir,
    main_server: String,
    _running: Vec<(Process, Part)>,
}

impl Cluster {
    async fn start(nodes_have_peer_urls: bool) -> Self {
        let (mut bridge, folder) = (Bridge::new(), tempfile::tempdir().unwrap());
        let main = bridge.part();
        let main_server = format!("http://{}:5000", main.address);
        let mut command = main.command(UNDEAD);
        command.args(["main-server", "--data-dir"]).arg(folder.path().join("data"));
        command.env("UNDEAD_CLUSTER_SECRET", SECRET).env("UNDEAD_LISTEN", "0.0.0.0:5000");
        let mut running = vec![(start(command, &folder.path().join("main-server")), main)];
        for (name, published) in [("cdn-a", 5001), ("cdn-b", 5002)] {
            let part = bridge.part();
            let mut command = part.command(UNDEAD);
            command.args(["cdn", "--hostname", name, "--main-server", &main_server]);
            command.args(["--public-url", &format!("http://localhost:{published}")]);
            command.env("UNDEAD_CLUSTER_SECRET", SECRET).env("UNDEAD_LISTEN", "0.0.0.0:5000");
            if nodes_have_peer_urls {
                command.env("UNDEAD_PEER_URL", format!("http://{}:5000", part.address));
            }
            publish(published, part.address).await;
            running.push((start(command, &folder.path().join(name)), part));
        }
        until_nodes(&client(), &main_server, SECRET, 2).await;
        Self { folder, main_server, _running: running }
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = client().post(format!("{}{path}", self.main_server)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        answer.json().await.unwrap()
    }

    /// A live stream: its id, its broadcaster, and a node that is not its origin with the name of that node.
    async fn broadcast(&self) -> (Value, Connection, &'static str, &'static str) {
        let created = self.post("/api/streams", json!({ "title": "apart" })).await;
        let (id, publish) = (created["stream_id"].clone(), &created["publish"]);
        let origin = publish["nodes"][0]["public_url"].as_str().unwrap();
        let mut broadcaster = Connection::open(&client(), origin).await;
        let recording = Recording::load(20);
        let registration = json!({ "stream_id": id, "grant": publish["grant"], "mime": recording.mime });
        assert_eq!(broadcaster.call("register_new_stream", registration, None).await["ok"], true);
        for segment in &recording.segments {
            let payload = json!({ "stream_id": id, "segment": null });
            assert_eq!(broadcaster.call("broadcast_data", payload, Some(segment)).await["ok"], true);
        }
        let other = match origin {
            "http://localhost:5001" => ("http://localhost:5002", "cdn-b"),
            _ => ("http://localhost:5001", "cdn-a"),
        };
        (id, broadcaster, other.0, other.1)
    }
}

/// Passes on what comes to a port of the test's network, as Docker does for a published port.
async fn publish(port: u16, to: Ipv4Addr) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut node) = TcpStream::connect((to, 5000)).await {
                    let _ = copy_bidirectional(&mut client, &mut node).await;
                }
            });
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_share_no_loopback_relay_by_their_peer_urls_as_root() {
    if !is_inside("apart::nodes_that_share_no_loopback_relay_by_their_peer_urls_as_root") {
        return;
    }
    let cluster = Cluster::start(true).await;
    let (id, _broadcaster, edge, name) = cluster.broadcast().await;
    let mut viewer = Connection::open(&client(), edge).await;
    // The main server hears that the stream is live with the next heartbeat, and not before.
    while viewer.call("watch_stream", json!({ "stream_id": id }), None).await["ok"] != true {}
    viewer.event("streaming_data").await;
    let metrics = client().get(format!("{edge}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(!metrics.contains("undead_cdn_relay_chunks_in_total 0\n"), "{metrics}");
    assert!(!cluster.log(name).contains("cannot be pulled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_cannot_be_reached_where_they_say_are_named_in_the_log_as_root() {
    if !is_inside("apart::nodes_that_cannot_be_reached_where_they_say_are_named_in_the_log_as_root") {
        return;
    }
    let cluster = Cluster::start(false).await;
    let (id, _broadcaster, edge, name) = cluster.broadcast().await;
    let mut viewer = Connection::open(&client(), edge).await;
    let origin = if name == "cdn-a" { "http://localhost:5002" } else { "http://localhost:5001" };
    let line = format!("cannot be pulled from the node at {origin}: the source cannot be reached");
    while !cluster.log(name).contains(&line) {
        let answer = viewer.call("watch_stream", json!({ "stream_id": id }), None).await;
        assert_eq!(answer["error"]["code"], "no_node_available", "{answer}");
    }
    for (node, own) in [("cdn-a", "http://localhost:5001"), ("cdn-b", "http://localhost:5002")] {
        let line = format!("this node cannot reach itself at {own}");
        let log = eventually("warning about the node's own address", || {
            Some(cluster.log(node)).filter(|log| log.contains(&line))
        });
        assert!(log.contains("--peer-url") && log.matches(&line).count() == 1, "{log}");
    }
    assert_eq!(cluster.log(name).matches(&line).count(), 1, "not at every attempt");
}
