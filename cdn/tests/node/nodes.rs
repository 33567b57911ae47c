//! Several nodes and a main server that names as sources whoever carries a stream, as far as heartbeats tell.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, post, put},
};
use cdn::{ClusterSecret, Config, Limits, Node};
use protocol::{
    NodeId, StreamId,
    grant::Action,
    node::{
        AskForSources, CarriedStream, Command, Heartbeat, HeartbeatAnswer, RegisterServer, Registered,
        SourceAddress, Sources,
    },
    stream::{StreamState, Visibility},
};
use serde_json::json;
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    client::Client,
    fake_library::FakeLibrary,
    harness::{TEST_TIMEOUT, grant, registration, signer},
};

/// The main server's side, shared with the tests.
#[derive(Default)]
struct Known {
    nodes: Mutex<HashMap<String, Row>>,
    /// Sources of an asking node, whatever the heartbeats tell.
    scripts: Mutex<HashMap<String, Vec<String>>>,
    visibility: Mutex<Visibility>,
    /// What every heartbeat is answered with.
    commands: Mutex<Vec<Command>>,
    /// Streams that a node called over.
    over: Mutex<HashSet<StreamId>>,
    asks: AtomicUsize,
    /// How many of the next requests are answered that no node has room.
    full: AtomicUsize,
    library: Arc<FakeLibrary>,
}

#[derive(Debug, Default)]
struct Row {
    public_url: String,
    peer_url: Option<String>,
    streams: Vec<CarriedStream>,
    heartbeats: usize,
}

/// A main server and the nodes that know it.
pub(crate) struct Nodes {
    known: Arc<Known>,
    main_server: String,
}

/// A node in a runtime of its own, so that it can die without a word.
pub(crate) struct EdgeNode {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    runtime: Option<Runtime>,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

impl Nodes {
    pub(crate) async fn start() -> Self {
        let known = Arc::<Known>::default();
        let app = Router::new()
            .route("/register_server", post(register))
            .route("/api/nodes/{node_id}/heartbeat", put(heartbeat))
            .route("/api/nodes/{node_id}/streams/{stream_id}/sources", post(sources))
            .route("/api/nodes/{node_id}", delete(async || StatusCode::NO_CONTENT))
            .with_state(known.clone())
            .merge(known.library.routes());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let main_server = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { known, main_server }
    }

    /// A node that is registered.
    pub(crate) async fn node(&self, name: &str) -> EdgeNode {
        self.node_with(name, |_| {}).await
    }

    /// A node with other limits.
    pub(crate) async fn node_with(&self, name: &str, change: impl FnOnce(&mut Limits)) -> EdgeNode {
        self.node_configured(name, |config| change(&mut config.limits)).await
    }

    /// A node with another configuration.
    pub(crate) async fn node_configured(&self, name: &str, change: impl FnOnce(&mut Config)) -> EdgeNode {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = Config::new(name, format!("http://{address}"));
        config.main_servers = vec![self.main_server.clone()];
        config.cluster_secret = ClusterSecret::new("open sesame");
        config.limits.cpu_permille = 1000;
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let shutdown = CancellationToken::new();
        let stopping = shutdown.clone();
        let served = runtime.spawn(async move {
            let node = Node::start(config, stopping.clone()).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let limits = serving::Limits::for_open_files(65_536);
            serving::serve(listener, node.app(), limits, stopping).await;
            node.stopped().await;
        });
        let node = EdgeNode { name: name.to_owned(), address, runtime: Some(runtime), shutdown, served };
        self.until(|rows| rows.contains_key(name).then_some(())).await;
        node
    }

    /// Waits until the heartbeats satisfy `wanted`.
    async fn until<T>(&self, wanted: impl Fn(&HashMap<String, Row>) -> Option<T>) -> T {
        let look = async {
            loop {
                if let Some(found) = wanted(&self.known.nodes.lock().unwrap()) {
                    return found;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(TEST_TIMEOUT, look).await.ok();
        found
            .unwrap_or_else(|| panic!("the nodes say so in time, not {:?}", self.known.nodes.lock().unwrap()))
    }

    /// Waits until `node` says this of `stream`; `None` is that it does not carry it.
    pub(crate) async fn until_carried(
        &self,
        node: &EdgeNode,
        stream: StreamId,
        wanted: impl Fn(Option<&CarriedStream>) -> bool,
    ) {
        self.until(|rows| {
            let carried = rows[&node.name].streams.iter().find(|carried| carried.stream_id == stream);
            wanted(carried).then_some(())
        })
        .await;
    }

    /// Waits until `node` serves `stream` by this path.
    pub(crate) async fn until_path(&self, node: &EdgeNode, stream: StreamId, path: &[&str]) {
        self.until_carried(node, stream, |carried| carried.is_some_and(|carried| carried.path == path)).await;
    }

    /// From now on `node` is told to pull from these.
    pub(crate) fn script(&self, node: &str, sources: Vec<String>) {
        self.known.scripts.lock().unwrap().insert(node.to_owned(), sources);
    }

    /// From now on streams are private.
    pub(crate) fn make_private(&self) {
        *self.known.visibility.lock().unwrap() = Visibility::Private;
    }

    /// From now on every node is told this.
    pub(crate) fn command(&self, command: Command) {
        self.known.commands.lock().unwrap().push(command);
    }

    /// Whether a node called a stream over.
    pub(crate) fn is_over(&self, stream: StreamId) -> bool {
        self.known.is_over(stream)
    }

    /// So many of the next requests are answered that no node has room.
    pub(crate) fn have_no_room(&self, times: usize) {
        self.known.full.store(times, Relaxed);
    }

    /// Waits until `node` has had an answer to a heartbeat since this call.
    pub(crate) async fn until_heard(&self, node: &EdgeNode) {
        let count = |rows: &HashMap<String, Row>| rows[&node.name].heartbeats;
        let before = count(&self.known.nodes.lock().unwrap());
        // The second one is sent after the first was answered.
        self.until(|rows| (count(rows) >= before + 2).then_some(())).await;
    }

    /// What is recorded, and by which node.
    pub(crate) fn library(&self) -> &FakeLibrary {
        &self.known.library
    }

    /// How often sources were asked for.
    pub(crate) fn asks(&self) -> usize {
        self.known.asks.load(Relaxed)
    }
}

impl EdgeNode {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address, "").await
    }

    /// A connection that registered a public stream.
    pub(crate) async fn broadcaster(&self, stream: StreamId, mime: &str) -> Client {
        let broadcaster = self.connect().await;
        let answer = broadcaster.call("register_new_stream", registration(stream, mime)).await;
        assert_eq!(answer["ok"], true, "{answer}");
        broadcaster
    }

    /// A connection that watches a stream.
    pub(crate) async fn viewer(&self, stream: StreamId) -> Client {
        let viewer = self.connect().await;
        viewer.watch(stream).await;
        viewer
    }

    /// A counter or gauge.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = tls_harness::get(format!("{}/metrics", self.url())).await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("a metric called {name}")).rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Stops the node and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.shutdown.cancel();
        tokio::time::timeout(TEST_TIMEOUT, &mut self.served).await.expect("the node stops").unwrap();
    }

    /// Ends at once: no goodbye, no close frames.
    pub(crate) fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for EdgeNode {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn register(State(known): State<Arc<Known>>, Json(body): Json<RegisterServer>) -> Json<Registered> {
    let row = Row { public_url: body.public_url, peer_url: body.peer_url, ..Row::default() };
    known.nodes.lock().unwrap().insert(body.hostname.clone(), row);
    let grant_keys = vec![signer().public_key().clone()];
    Json(Registered {
        node_id: NodeId(body.hostname),
        heartbeat_ms: 200,
        lease_ms: 60_000,
        grant_keys,
        cluster_id: None,
        server_time_ms: None,
    })
}

async fn heartbeat(
    State(known): State<Arc<Known>>,
    Path(node_id): Path<String>,
    Json(body): Json<Heartbeat>,
) -> Json<HeartbeatAnswer> {
    let ended = body.streams.iter().filter(|carried| carried.state == StreamState::Ended);
    known.over.lock().unwrap().extend(ended.map(|carried| carried.stream_id));
    {
        let mut nodes = known.nodes.lock().unwrap();
        let row = nodes.get_mut(&node_id).unwrap();
        row.streams = body.streams;
        row.heartbeats += 1;
    }
    let commands = known.commands.lock().unwrap().clone();
    let recordings = Some(known.library.recordings(&node_id));
    Json(HeartbeatAnswer { commands, recordings, ..HeartbeatAnswer::default() })
}

async fn sources(
    State(known): State<Arc<Known>>,
    Path((node_id, stream_id)): Path<(String, StreamId)>,
    Json(body): Json<AskForSources>,
) -> Response {
    known.asks.fetch_add(1, Relaxed);
    let script = known.scripts.lock().unwrap().get(&node_id).cloned();
    let nodes = script.unwrap_or_else(|| known.carriers(&node_id, stream_id, &body.avoid));
    if known.is_over(stream_id) {
        let error = json!({ "error": { "code": "unknown_stream", "message": "it is over" } });
        return (StatusCode::NOT_FOUND, Json(error)).into_response();
    }
    if known.full.fetch_update(Relaxed, Relaxed, |full| full.checked_sub(1)).is_ok() {
        let error = json!({ "error": { "code": "no_capacity", "message": "no node has room" } });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response();
    }
    if nodes.is_empty() {
        let error = json!({ "error": { "code": "no_node_available", "message": "no node carries it" } });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response();
    }
    let visibility = *known.visibility.lock().unwrap();
    let nodes = nodes.into_iter().map(|public_url| known.address(public_url)).collect();
    let grant = grant(stream_id, Action::Relay, visibility);
    Json(Sources { visibility, asked_only: false, grant, nodes }).into_response()
}

impl Known {
    fn address(&self, public_url: String) -> SourceAddress {
        let nodes = self.nodes.lock().unwrap();
        let row = nodes.values().find(|row| row.public_url == public_url);
        SourceAddress { peer_url: row.and_then(|row| row.peer_url.clone()), public_url }
    }

    fn is_over(&self, stream: StreamId) -> bool {
        self.over.lock().unwrap().contains(&stream)
    }

    /// Who carries a stream and does not get it from `asking`, live ones and those near the origin first.
    fn carriers(&self, asking: &str, stream: StreamId, avoid: &[String]) -> Vec<String> {
        let nodes = self.nodes.lock().unwrap();
        let mut carriers: Vec<_> = nodes
            .iter()
            .filter(|(name, row)| *name != asking && !avoid.contains(&row.public_url))
            .flat_map(|(_, row)| row.streams.iter().map(move |carried| (row, carried)))
            .filter(|(_, carried)| carried.stream_id == stream && carried.state != StreamState::Ended)
            .filter(|(_, carried)| !carried.path.iter().any(|name| name == asking))
            .collect();
        carriers.sort_by_key(|(_, carried)| (carried.state != StreamState::Live, carried.path.len()));
        carriers.into_iter().map(|(row, _)| row.public_url.clone()).collect()
    }
}
