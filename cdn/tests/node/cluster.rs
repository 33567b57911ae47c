//! A node and a main server that does what the test wants.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{post, put},
};
use cdn::{ClusterSecret, Config, Node};
use protocol::{
    NodeId, StreamId,
    node::{Command, Heartbeat, HeartbeatAnswer, RegisterServer, Registered},
    stream::StreamState,
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    client::Client,
    harness::{PATIENCE, Recording, registration, signer, stream},
};

const SECRET: &str = "open sesame";

/// What a node told the main server.
#[derive(Debug)]
enum Told {
    Register(RegisterServer),
    Heartbeat(NodeId, Heartbeat),
    Goodbye(NodeId),
}

struct FakeMainServer {
    told: mpsc::UnboundedSender<Told>,
    /// Answers for the next registrations; accepted when empty.
    refusals: Mutex<Vec<(StatusCode, &'static str)>>,
    /// Whether the next heartbeat is from an unknown node.
    forgets: Mutex<bool>,
    commands: Mutex<Vec<Command>>,
}

type Server = Arc<FakeMainServer>;

impl FakeMainServer {
    async fn start() -> (Server, String, mpsc::UnboundedReceiver<Told>) {
        let (told, heard) = mpsc::unbounded_channel();
        let server = Arc::new(Self {
            told,
            refusals: Mutex::default(),
            forgets: Mutex::default(),
            commands: Mutex::default(),
        });
        let app = Router::new()
            .route("/register_server", post(register))
            .route("/api/nodes/{node_id}/heartbeat", put(heartbeat))
            .route("/api/nodes/{node_id}", axum::routing::delete(goodbye))
            .with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, app).into_future());
        (server, url, heard)
    }
}

fn refusal(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": "no" } }))).into_response()
}

async fn register(
    State(server): State<Server>,
    headers: HeaderMap,
    Json(body): Json<RegisterServer>,
) -> Response {
    assert_eq!(headers["authorization"], format!("Bearer {SECRET}"));
    server.told.send(Told::Register(body)).unwrap();
    if let Some((status, code)) = server.refusals.lock().unwrap().pop() {
        return refusal(status, code);
    }
    let grant_keys = vec![signer().public_key().clone()];
    let node_id = NodeId("node-1".into());
    Json(Registered { node_id, heartbeat_ms: 60_000, lease_ms: 180_000, grant_keys }).into_response()
}

async fn heartbeat(
    State(server): State<Server>,
    Path(node_id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Heartbeat>,
) -> Response {
    assert_eq!(headers["authorization"], format!("Bearer {SECRET}"));
    server.told.send(Told::Heartbeat(NodeId(node_id), body)).unwrap();
    if std::mem::take(&mut *server.forgets.lock().unwrap()) {
        return refusal(StatusCode::NOT_FOUND, "unknown_node");
    }
    Json(HeartbeatAnswer { commands: std::mem::take(&mut server.commands.lock().unwrap()) }).into_response()
}

async fn goodbye(State(server): State<Server>, Path(node_id): Path<String>) -> StatusCode {
    server.told.send(Told::Goodbye(NodeId(node_id))).unwrap();
    StatusCode::NO_CONTENT
}

/// A node that belongs to the fake main server.
struct Member {
    server: Server,
    heard: mpsc::UnboundedReceiver<Told>,
    node: Node,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
}

impl Member {
    async fn start(refusals: Vec<(StatusCode, &'static str)>) -> Self {
        let (server, url, heard) = FakeMainServer::start().await;
        *server.refusals.lock().unwrap() = refusals;
        let mut config = Config::new("cdn-1", "http://cdn-1.example/");
        config.main_servers = vec![url];
        config.cluster_secret = ClusterSecret::new(SECRET);
        let shutdown = CancellationToken::new();
        let node = Node::start(config, shutdown.clone()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, node.router()).into_future());
        Self { server, heard, node, address, shutdown }
    }

    async fn hears(&mut self) -> Told {
        let told =
            tokio::time::timeout(PATIENCE, self.heard.recv()).await.expect("the node says something in time");
        told.expect("the main server runs")
    }

    /// The first heartbeat that says this about a stream.
    async fn hears_state(&mut self, stream: StreamId, state: StreamState) {
        loop {
            if let Told::Heartbeat(_, Heartbeat { streams, .. }) = self.hears().await
                && streams.iter().any(|carried| (carried.stream_id, carried.state) == (stream, state))
            {
                return;
            }
        }
    }

    async fn broadcaster(&self, stream: StreamId, mime: &str) -> Client {
        let client = Client::connect(self.address, "").await;
        let answer = client.call("register_new_stream", registration(stream, mime)).await;
        assert_eq!(answer["ok"], true, "{answer}");
        client
    }
}

#[tokio::test]
async fn node_registers_until_it_is_accepted_and_says_goodbye() {
    let refusals = vec![
        (StatusCode::CONFLICT, "hostname_taken"),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        (StatusCode::UNAUTHORIZED, "unauthorized"),
    ];
    let mut member = Member::start(refusals).await;
    for _ in 0..4 {
        let Told::Register(registration) = member.hears().await else { panic!("not registered yet") };
        assert_eq!((&*registration.hostname, &*registration.public_url), ("cdn-1", "http://cdn-1.example"));
    }
    let Told::Heartbeat(node_id, heartbeat) = member.hears().await else { panic!("a heartbeat at once") };
    assert_eq!((node_id, heartbeat.streams), (NodeId("node-1".into()), vec![]));
    member.shutdown.cancel();
    member.node.stopped().await;
    assert!(matches!(member.heard.recv().await, Some(Told::Goodbye(node_id)) if node_id.0 == "node-1"));
}

#[tokio::test]
async fn forgotten_node_registers_again() {
    let mut member = Member::start(vec![]).await;
    *member.server.forgets.lock().unwrap() = true;
    assert!(matches!(member.hears().await, Told::Register(_)));
    assert!(matches!(member.hears().await, Told::Heartbeat(..)));
    assert!(matches!(member.hears().await, Told::Register(_)));
    assert!(matches!(member.hears().await, Told::Heartbeat(..)));
}

#[tokio::test]
async fn changes_of_a_stream_are_told_at_once_and_commands_are_obeyed() {
    let mut member = Member::start(vec![]).await;
    let (id, recording) = (stream("a"), Recording::usual());
    assert!(matches!(member.hears().await, Told::Register(_)));
    let Told::Heartbeat(..) = member.hears().await else { panic!("registered") };
    let broadcaster = member.broadcaster(id, &recording.mime).await;
    member.hears_state(id, StreamState::Created).await;
    broadcaster.send_all(id, &recording.segments[..5]).await;
    member.hears_state(id, StreamState::Live).await;
    drop(broadcaster);
    member.hears_state(id, StreamState::Interrupted).await;

    let mut viewer = Client::connect(member.address, "").await;
    viewer.watch(id).await;
    member.server.commands.lock().unwrap().push(Command::EndStream { stream_id: id });
    // Whatever changes brings a heartbeat, and with it the command.
    let _other = member.broadcaster(stream("b"), &recording.mime).await;
    viewer.until_state("ended").await;
    member.hears_state(id, StreamState::Ended).await;
}
