//! A main server, nodes and an object store, each of which can fail.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use protocol::item::{Manifest, ManifestTake};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    LOOK_INTERVAL,
    storage::{Place, Storage},
};

/// Longest that anything here may take; what is awaited is always a condition.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How much of each stream nodes keep by default.
const WINDOW: Duration = Duration::from_secs(30);
/// How often a number has to be the same before it counts as final.
const QUIET_LOOKS: u32 = 5;
const SECRET: &str = "a secret for tests";

/// A process that is killed (`SIGKILL`) when this is dropped.
struct Running(Child);

impl Drop for Cluster {
    /// Shows what the servers logged if the test failed.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.kill_all();
        for entry in fs::read_dir(self.folder.path()).unwrap().filter_map(Result::ok) {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                eprintln!("--- {}\n{text}", entry.file_name().display());
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks the main server.
#[derive(Clone)]
pub(crate) struct Control {
    client: Client,
    url: String,
}

impl Control {
    /// The answer to a call; none if it failed or was refused.
    pub(crate) async fn call(&self, method: Method, path: &str, token: &str, body: Value) -> Option<Value> {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        let request = request.timeout(Duration::from_secs(5)).body(body.to_string());
        let response = request.send().await.ok()?.error_for_status().ok()?;
        serde_json::from_slice(&response.bytes().await.ok()?).ok()
    }
}

/// See the [module](self).
pub(crate) struct Cluster {
    folder: TempDir,
    storage: Storage,
    main_server: Option<Running>,
    control: Control,
    nodes: HashMap<String, Node>,
    window: Duration,
}

struct Node {
    url: String,
    running: Option<Running>,
}

impl Cluster {
    /// Starts one with its media at `place` and nodes of these names, and waits until it has them.
    pub(crate) async fn start(place: Place, names: &[&str]) -> Self {
        Self::start_keeping(place, names, WINDOW).await
    }

    /// The same, with nodes that keep so much of each stream.
    pub(crate) async fn start_keeping(place: Place, names: &[&str], window: Duration) -> Self {
        let url = format!("http://127.0.0.1:{}", port_harness::reserve().unwrap());
        let control = Control { client: tls_harness::client(), url };
        let node = |name: &&str| {
            let url = format!("http://127.0.0.1:{}", port_harness::reserve().unwrap());
            ((*name).to_owned(), Node { url, running: None })
        };
        let nodes = names.iter().map(node).collect();
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::start(place, folder.path()).await;
        let mut cluster = Self { folder, storage, main_server: None, control, nodes, window };
        cluster.start_main_server().await;
        for name in names {
            cluster.start_node(name).await;
        }
        cluster
    }

    pub(crate) fn control(&self) -> Control {
        self.control.clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, log: &str, arguments: &[&str], listen: &str) -> Running {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path(log)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
        command.args(arguments).stdout(Stdio::piped()).stderr(log);
        command.env("UNDEAD_CLUSTER_SECRET", SECRET).env("UNDEAD_LISTEN", listen.replace("http://", ""));
        // Shorter than by default, so that an abandoned broadcast ends soon.
        command.env("UNDEAD_GRACE_MS", "10000");
        command.env("UNDEAD_WINDOW_MS", self.window.as_millis().to_string());
        self.storage.configure(&mut command);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("http://"), "{arguments:?} did not start: {line}");
        Running(child)
    }

    pub(crate) async fn start_main_server(&mut self) {
        let data_dir = self.path("data");
        let store = self.storage.store_arguments();
        let arguments = ["main-server", "--data-dir", data_dir.to_str().unwrap()];
        let arguments: Vec<&str> = arguments.into_iter().chain(store.iter().map(String::as_str)).collect();
        self.main_server = Some(self.run("main-server.log", &arguments, &self.control.url));
    }

    pub(crate) fn kill_main_server(&mut self) {
        self.main_server = None;
    }

    /// Starts a node and waits until it gets streams.
    pub(crate) async fn start_node(&mut self, name: &str) {
        let (url, spool) = (self.nodes[name].url.clone(), self.path("spool"));
        let arguments = ["cdn", "--hostname", name, "--public-url", &url, "--main-server", &self.control.url];
        let arguments = [&arguments[..], &["--spool-dir", spool.to_str().unwrap()]].concat();
        let running = self.run(&format!("{name}.log"), &arguments, &url);
        self.nodes.get_mut(name).unwrap().running = Some(running);
        until("the node gets streams", async || {
            let nodes = self.control.call(Method::GET, "/api/nodes", SECRET, json!({})).await;
            let nodes = nodes.and_then(|nodes| nodes.as_array().cloned()).unwrap_or_default();
            // One that the process before it left has no room for it.
            nodes.iter().any(|node| node["hostname"] == name && node["lease_left_ms"].as_u64() > Some(0))
        })
        .await;
    }

    /// Kills a node without a word to it.
    pub(crate) fn kill_node(&mut self, name: &str) {
        self.nodes.get_mut(name).unwrap().running = None;
    }

    pub(crate) async fn restart_node(&mut self, name: &str) {
        self.kill_node(name);
        self.start_node(name).await;
    }

    pub(crate) fn kill_all(&mut self) {
        self.main_server = None;
        self.nodes.values_mut().for_each(|node| node.running = None);
    }

    /// The disk of a node is gone.
    pub(crate) fn lose_spool(&self, name: &str) {
        fs::remove_dir_all(self.spool(name)).unwrap();
    }

    fn spool(&self, name: &str) -> PathBuf {
        self.path("spool").join(name)
    }

    /// The object store takes and gives nothing.
    pub(crate) async fn objects_away(&mut self) {
        self.storage.go_away().await;
    }

    pub(crate) async fn objects_back(&mut self) {
        self.storage.come_back().await;
    }

    /// Waits until the node at `url` has written what has arrived there to its disk.
    pub(crate) async fn until_spooled(&self, url: &str) {
        let mut seen = (String::new(), 0);
        until("the node has written everything", async || {
            let metrics = self.control.client.get(format!("{url}/metrics")).send().await.unwrap();
            let metrics = metrics.text().await.unwrap();
            let written = metrics.lines().find(|line| line.starts_with("undead_cdn_recording_bytes_total "));
            let written = written.unwrap_or_default().to_owned();
            seen = if seen.0 == written { (written, seen.1 + 1) } else { (written, 0) };
            seen.1 >= QUIET_LOOKS && !seen.0.is_empty() && !seen.0.ends_with(" 0")
        })
        .await;
    }

    /// Waits until another node relays a stream of the node at `url`.
    pub(crate) async fn until_relayed(&self, url: &str) {
        until("another node relays the stream", async || {
            let metrics = self.control.client.get(format!("{url}/metrics")).send().await.unwrap();
            let metrics = metrics.text().await.unwrap();
            let relays = metrics.lines().find_map(|line| line.strip_prefix("undead_cdn_relays "));
            relays.is_some_and(|relays| relays != "0")
        })
        .await;
    }

    /// Waits until so many nodes record a stream, and gives their names.
    pub(crate) async fn until_recorders(&self, count: usize) -> Vec<String> {
        let mut recorders = Vec::new();
        until("so many nodes record", async || {
            recorders.clear();
            for (name, node) in &self.nodes {
                let metrics = self.control.client.get(format!("{}/metrics", node.url)).send().await.unwrap();
                let metrics = metrics.text().await.unwrap();
                if metrics.lines().any(|line| line == "undead_cdn_recordings 1") {
                    recorders.push(name.clone());
                }
            }
            recorders.len() == count
        })
        .await;
        recorders
    }

    /// The name of the node at `url`.
    pub(crate) fn node_at(&self, url: &str) -> String {
        self.nodes.iter().find(|(_, node)| node.url == url).unwrap().0.clone()
    }

    /// Waits until the item is complete.
    pub(crate) async fn until_ready(&self, item_id: &str) {
        let path = format!("/api/library/{item_id}");
        until("the item is ready", async || {
            let item = self.control.call(Method::GET, &path, SECRET, json!({})).await;
            item.is_some_and(|item| item["state"] == "ready")
        })
        .await;
    }

    pub(crate) async fn manifest(&self, item_id: &str) -> Manifest {
        let path = format!("/api/library/{item_id}/manifest");
        let manifest = self.control.call(Method::GET, &path, SECRET, json!({})).await.unwrap();
        serde_json::from_value(manifest).unwrap()
    }

    /// Waits until the manifest of the item is as wanted.
    pub(crate) async fn until_manifest(
        &self,
        item_id: &str,
        is_wanted: impl Fn(&Manifest) -> bool,
    ) -> Manifest {
        let begun = Instant::now();
        loop {
            let manifest = self.manifest(item_id).await;
            if is_wanted(&manifest) {
                return manifest;
            }
            assert!(begun.elapsed() < TEST_TIMEOUT, "the manifest stays {manifest:#?}");
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// The media of a take, as the main server reads it from the object store.
    pub(crate) async fn media(&self, take: &ManifestTake) -> Vec<u8> {
        let fragments = take.fragments.iter().map(|fragment| &fragment.blob);
        let mut media = Vec::new();
        for blob in take.init.iter().chain(fragments) {
            let url = format!("{}/api/blobs/{}", self.control.url, blob.hash);
            media.extend(self.get(&url, SECRET).await);
        }
        media
    }

    /// The item as one file, from a node that the main server names.
    pub(crate) async fn download(&self, item_id: &str) -> Vec<u8> {
        let path = format!("/api/library/{item_id}/play");
        let playable = self.control.call(Method::POST, &path, "", json!({})).await.unwrap();
        let [node, grant] = [&playable["nodes"][0], &playable["grant"]].map(|text| text.as_str().unwrap());
        self.get(&format!("{node}/library/{item_id}/download"), grant).await
    }

    /// The item as `undead library export` writes it.
    pub(crate) fn export(&self, item_id: &str) -> Vec<u8> {
        let (data_dir, file) = (self.path("data"), self.path("exported"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
        command.args(["library", "export", item_id]).arg(&file).arg("--data-dir").arg(data_dir);
        command.args(self.storage.store_arguments());
        self.storage.configure(&mut command);
        let exported = command.output().unwrap();
        assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
        assert_eq!(exported.stdout.iter().filter(|byte| **byte == b'\n').count(), 1, "one file");
        fs::read(file).unwrap()
    }

    async fn get(&self, url: &str, token: &str) -> Vec<u8> {
        let answer = self.control.client.get(url).bearer_auth(token).timeout(TEST_TIMEOUT).send().await;
        answer.unwrap().error_for_status().unwrap().bytes().await.unwrap().into()
    }
}

/// Waits until `condition` is true.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < TEST_TIMEOUT, "{what}: not within {TEST_TIMEOUT:?}");
        sleep(LOOK_INTERVAL).await;
    }
}
