//! A cluster whose every link is TLS, with certificates of an authority that the test made.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use nats_harness::{Servers, Tls};
use protocol::event::DataKind;
use reqwest::{Client, Url};
use serde_json::{Value, json};
use tempfile::TempDir;
use tls::{ClientStream, Trust};
use tls_harness::{Authority, Certificate};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::{
    namespace::{DEADLINE, Process},
    recording::Recording,
    server::{UNDEAD, start_with_url, until_nodes},
    socketio::Connection,
};

const SECRET: &str = "a secret for tests";
const NODES: [&str; 3] = ["cdn-a", "cdn-b", "cdn-c"];

/// NATS servers that demand client certificates, two main servers and three nodes.
struct Cluster {
    main_server: String,
    client: Client,
    trust: Trust,
    nodes: BTreeMap<&'static str, (Process, String)>,
    _main_servers: Vec<Process>,
    folder: TempDir,
    _nats: Servers,
    _authority: Authority,
}

impl Cluster {
    async fn start() -> Self {
        let (authority, folder) = (Authority::new().unwrap(), tempfile::tempdir().unwrap());
        let ca = authority.file();
        let own = authority.issue(&["127.0.0.1"]).unwrap();
        let nats = Servers::start_tls(1, Tls { ca: &ca, cert: &own.cert, key: &own.key }).unwrap();
        let trust = Trust::load(Some(&ca)).unwrap();
        let client = trust.http_client().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        let (mut main_servers, mut urls) = (Vec::new(), Vec::new());
        for name in ["main-a", "main-b"] {
            let mut command = server("main-server", &authority.issue(&["127.0.0.1"]).unwrap(), &ca);
            command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path().join(name));
            command.arg("--nats-cert").arg(&own.cert).arg("--nats-key").arg(&own.key);
            command.env("UNDEAD_STORE", nats.urls());
            let (process, url) = start_with_url(command, &folder.path().join(format!("{name}.log")));
            assert!(url.starts_with("https://"), "{url}");
            main_servers.push(process);
            urls.push(url);
        }
        let mut nodes = BTreeMap::new();
        for name in NODES {
            let port = port_harness::reserve().unwrap();
            // Browsers and nodes reach it by different names, and its certificate is for both.
            let mut command = server("cdn", &authority.issue(&["127.0.0.1", "localhost"]).unwrap(), &ca);
            command.args(["--hostname", name, "--listen", &format!("127.0.0.1:{port}")]);
            command.args(["--public-url", &format!("https://127.0.0.1:{port}")]);
            command.args(["--peer-url", &format!("https://localhost:{port}")]);
            command.args(["--main-server", &urls.join(",")]);
            let (process, _) = start_with_url(command, &folder.path().join(format!("{name}.log")));
            nodes.insert(name, (process, format!("https://127.0.0.1:{port}")));
        }
        for url in &urls {
            until_nodes(&client, url, SECRET, NODES.len()).await;
        }
        let main_server = urls.swap_remove(0);
        Self {
            main_server,
            client,
            trust,
            nodes,
            _main_servers: main_servers,
            folder,
            _nats: nats,
            _authority: authority,
        }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer =
            self.client.post(format!("{}{path}", self.main_server)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        answer.json().await.unwrap()
    }

    /// A viewer of the stream at the node with this public URL, after that chunk.
    async fn watch(&self, url: &str, id: &str, grant: &str, (take, group, index): Name) -> Viewer {
        let path = format!("/ws/{id}?grant={grant}&after={take}.{group}.{index}");
        Viewer::watching(&self.trust, &format!("{url}{path}")).await
    }

    fn logs(&self) -> String {
        let files = fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path());
        let logs = files.filter(|file| file.extension().is_some_and(|extension| extension == "log"));
        logs.map(|file| fs::read_to_string(file).unwrap()).collect()
    }
}

fn server(kind: &str, own: &Certificate, ca: &Path) -> Command {
    let mut command = Command::new(UNDEAD);
    command.args([kind, "--tls", "files"]).arg("--tls-cert").arg(&own.cert).arg("--tls-key").arg(&own.key);
    command.arg("--ca-file").arg(ca).env("UNDEAD_CLUSTER_SECRET", SECRET);
    command
}

/// Take, group and index of a chunk's first frame.
type Name = (u64, u64, u32);

/// A WebSocket over TLS.
struct Viewer(WebSocketStream<ClientStream>);

impl Viewer {
    /// Connects until the node serves the stream.
    async fn watching(trust: &Trust, url: &str) -> Self {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let mut viewer = Self::connect(trust, url).await;
            let first = tokio::time::timeout(DEADLINE, viewer.0.next()).await.expect("a message in time");
            match first {
                Some(Ok(Message::Text(text))) if text.starts_with("[\"watching\"") => return viewer,
                other => assert!(Instant::now() < deadline, "{other:?}"),
            }
        }
    }

    async fn connect(trust: &Trust, url: &str) -> Self {
        let parsed = Url::parse(url).unwrap();
        let (host, port) = (parsed.host_str().unwrap(), parsed.port_or_known_default().unwrap());
        let socket = TcpStream::connect((host, port)).await.unwrap();
        let socket = trust.connect(host, socket).await.unwrap();
        Self(client_async(url.replacen("https", "wss", 1), socket).await.unwrap().0)
    }

    /// The next chunk: its name and how many frames it has. `None` when the stream is over or the connection is lost.
    async fn chunk(&mut self) -> Option<(Name, u32)> {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.0.next()).await.expect("a message in time");
            match message {
                Some(Ok(Message::Binary(data))) => {
                    let (kind, _) = protocol::message::read(&data).unwrap();
                    if let DataKind::Media(head) = kind {
                        let name = head.name;
                        return Some(((name.take, name.group, name.index), head.frames));
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    async fn rest(&mut self, chunks: &mut Vec<(Name, u32)>) {
        while let Some(chunk) = self.chunk().await {
            chunks.push(chunk);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_dies_in_a_cluster_of_tls_and_a_viewer_gets_every_frame_once() {
    let mut cluster = Cluster::start().await;
    let created = cluster.post("/api/streams", json!({ "title": "all TLS" })).await;
    let (id, publish) = (created["stream_id"].as_str().unwrap().to_owned(), &created["publish"]);
    let origin = publish["nodes"][0]["public_url"].as_str().unwrap().to_owned();
    let mut broadcaster = Connection::open(&cluster.client, &origin).await;
    let recording = Recording::load(usize::MAX);
    let registration = json!({ "stream_id": id, "grant": publish["grant"], "mime": recording.mime });
    assert_eq!(broadcaster.call("register_new_stream", registration, None).await["ok"], true);
    let (early, late) = recording.segments.split_at(recording.segments.len() / 2);
    let send = async |broadcaster: &mut Connection, segments: &[Vec<u8>]| {
        for segment in segments {
            let payload = json!({ "stream_id": id, "segment": null });
            assert_eq!(broadcaster.call("broadcast_data", payload, Some(segment)).await["ok"], true);
        }
    };
    send(&mut broadcaster, early).await;

    let watch = cluster.post(&format!("/api/streams/{id}/watch"), json!({})).await;
    let grant = watch["grant"].as_str().unwrap();
    let mut edges: Vec<_> = NODES.into_iter().filter(|name| cluster.nodes[name].1 != origin).collect();
    let mut direct = cluster.watch(&origin, &id, grant, (0, 0, 0)).await;
    let doomed = edges.pop().unwrap();
    let mut viewer = cluster.watch(&cluster.nodes[doomed].1, &id, grant, (0, 0, 0)).await;
    let mut seen = vec![viewer.chunk().await.unwrap()];
    // Every viewer of the edge is cut off with it, in the middle of a stream.
    drop(cluster.nodes.remove(doomed));
    viewer.rest(&mut seen).await;
    let after = seen.last().unwrap().0;
    let mut viewer = cluster.watch(&cluster.nodes[edges[0]].1, &id, grant, after).await;
    send(&mut broadcaster, late).await;
    assert_eq!(broadcaster.call("end_stream", json!({ "stream_id": id }), None).await["ok"], true);
    viewer.rest(&mut seen).await;

    let mut expected = Vec::new();
    direct.rest(&mut expected).await;
    let begin = expected.iter().position(|chunk| chunk == &seen[0]).expect("the origin has it, too");
    assert_eq!(seen, expected[begin..]);
    for pair in seen.windows(2) {
        let (((take, group, index), frames), (next, _)) = (pair[0], pair[1]);
        assert!(next == (take, group, index + frames) || next == (take, group + 1, 0), "{pair:?}");
    }
    let logs = cluster.logs();
    assert!(!logs.contains(SECRET) && !logs.contains("its certificate"), "{logs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_up_with_a_self_signed_certificate_relay_for_each_other() {
    let spawned = ["--spawn-nodes", "2..2", "--spawn-ports", &port_harness::reserve().unwrap().to_string()];
    for flags in [&["--nodes", "2"][..], &spawned] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(UNDEAD);
        command.args(["up", "--tls", "self-signed", "--listen", "127.0.0.1:0"]).args(flags);
        command.arg("--data-dir").arg(folder.path());
        let log = folder.path().join("log");
        let (_up, main_server) = start_with_url(command, &log);
        let trust = Trust::load([folder.path().join("tls/certificate.pem")]).unwrap();
        let client = trust.http_client().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        let secret = fs::read_to_string(folder.path().join("cluster-secret")).unwrap();
        let nodes = until_nodes(&client, &main_server, secret.trim(), 2).await;
        let base = Url::parse(&main_server).unwrap();
        let url =
            |public_url: &str| base.join(public_url).unwrap().to_string().trim_end_matches('/').to_owned();

        let request = client.post(format!("{main_server}/api/streams")).json(&json!({ "title": "up" }));
        let created: Value = request.send().await.unwrap().json().await.unwrap();
        let (id, publish) = (&created["stream_id"], &created["publish"]);
        let origin = publish["nodes"][0]["public_url"].as_str().unwrap();
        let mut broadcaster = Connection::open(&client, &url(origin)).await;
        let recording = Recording::load(20);
        let registration = json!({ "stream_id": id, "grant": publish["grant"], "mime": recording.mime });
        assert_eq!(broadcaster.call("register_new_stream", registration, None).await["ok"], true);
        for segment in &recording.segments {
            let payload = json!({ "stream_id": id, "segment": null });
            assert_eq!(broadcaster.call("broadcast_data", payload, Some(segment)).await["ok"], true);
        }
        let edge = nodes.iter().find(|node| node.public_url != origin).unwrap();
        let edge = format!("{}/ws/{}", url(&edge.public_url), id.as_str().unwrap());
        // The main server hears that the stream is live with the next heartbeat, and not before.
        assert!(Viewer::watching(&trust, &edge).await.chunk().await.is_some());
        let log = fs::read_to_string(log).unwrap();
        assert!(!log.contains("cannot be pulled") && !log.contains("its certificate"), "{log}");
    }
}

#[test]
fn a_ca_file_or_a_client_certificate_that_cannot_be_used_ends_a_server_with_status_2_and_the_reason() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new().unwrap());
    let own = authority.issue(&["a.test"]).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let refused = |command: &str, flags: &[&str]| {
        let mut undead = Command::new(UNDEAD);
        undead.arg(command).args(flags).args(["--listen", "127.0.0.1:0"]).current_dir(&folder);
        let output = undead.env("UNDEAD_CLUSTER_SECRET", SECRET).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{command} {flags:?}: {said}");
        said
    };
    for command in ["up", "main-server", "cdn", "healthcheck"] {
        let said = refused(command, &["--ca-file", &path(&empty)]);
        assert!(said.contains("empty.pem: no certificate in PEM form"), "{said}");
        let said = refused(command, &["--ca-file", "missing.pem"]);
        assert!(said.contains("missing.pem: No such file"), "{said}");
    }
    let nats = ["--store", "tls://127.0.0.1:1", "--nats-cert", &path(&own.cert)];
    assert!(refused("main-server", &nats).contains("nats_cert and nats_key belong together"));
    let said = refused("main-server", &[&nats[..], &["--nats-key", &path(&own.cert)]].concat());
    assert!(said.contains("cert.pem: no private key in PEM form"), "{said}");
    let said = refused("main-server", &[&nats[..2], &["--nats-credentials", &path(&own.key)]].concat());
    let key = fs::read_to_string(&own.key).unwrap();
    assert!(said.contains("no NATS credentials") && !said.contains(key.lines().nth(1).unwrap()), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_of_a_server_with_tls_verifies_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(UNDEAD);
    command.args(["main-server", "--tls", "self-signed", "--listen", "127.0.0.1:0", "--data-dir"]);
    let (_server, url) = start_with_url(
        {
            command.arg(folder.path());
            command
        },
        &folder.path().join("log"),
    );
    let check = |flags: &[&str]| {
        let output = Command::new(UNDEAD).arg("healthcheck").args(flags).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let own = folder.path().join("tls/certificate.pem");
    let (healthy, said) = check(&["--health-url", &url, "--ca-file", own.to_str().unwrap()]);
    assert!(healthy, "{said}");
    let (healthy, said) = check(&["--health-url", &url]);
    assert!(!healthy && said.contains("does not trust"), "{said}");
    let (healthy, said) = check(&["--health-url", &url.replace("https", "http")]);
    assert!(!healthy && said.contains("--health-url to its https URL"), "{said}");
}
