//! A main server that notes what nodes tell it and answers as the test wants.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use cdn::{ClusterSecret, Config, Limits, Node};
use protocol::{
    NodeId,
    grant::PublicKey,
    node::{Command, Heartbeat, HeartbeatAnswer, RegisterServer, Registered},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::harness::signer;

/// What nodes show it.
pub(crate) const SECRET: &str = "open sesame";

/// What a node told the main server.
#[derive(Debug)]
pub(crate) enum Told {
    Register(RegisterServer),
    Heartbeat(NodeId, Heartbeat),
    Goodbye(NodeId),
}

/// A main server.
pub(crate) struct FakeMainServer {
    told: mpsc::UnboundedSender<Told>,
    /// Answers for the next registrations; accepted when empty.
    pub(crate) refusals: Mutex<Vec<(StatusCode, &'static str)>>,
    /// Whether the next heartbeat is from an unknown node.
    pub(crate) forgets: Mutex<bool>,
    pub(crate) commands: Mutex<Vec<Command>>,
    /// What becomes of every call.
    pub(crate) mood: Mutex<Mood>,
    /// How far its clock is ahead of this machine's; it tells no time without.
    pub(crate) ahead_ms: Mutex<Option<i64>>,
    /// What nodes verify grants with.
    pub(crate) grant_keys: Mutex<Vec<PublicKey>>,
    pub(crate) cluster_id: Mutex<Option<String>>,
    /// The manifests of its items.
    pub(crate) manifests: Mutex<HashMap<String, String>>,
    heartbeat_ms: u64,
}

/// How a main server is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Takes calls and never answers.
    Hangs,
    /// Answers with an error of its own.
    Fails,
}

pub(crate) type Server = Arc<FakeMainServer>;

impl FakeMainServer {
    /// One that wants heartbeats when something changes, and hardly otherwise.
    pub(crate) async fn start() -> (Server, String, mpsc::UnboundedReceiver<Told>) {
        Self::beating(60_000).await
    }

    /// One that wants a heartbeat every so often.
    pub(crate) async fn beating(heartbeat_ms: u64) -> (Server, String, mpsc::UnboundedReceiver<Told>) {
        let (told, heard) = mpsc::unbounded_channel();
        let server = Arc::new(Self {
            told,
            refusals: Mutex::default(),
            forgets: Mutex::default(),
            commands: Mutex::default(),
            mood: Mutex::new(Mood::Well),
            ahead_ms: Mutex::default(),
            grant_keys: Mutex::new(vec![signer().public_key().clone()]),
            cluster_id: Mutex::default(),
            manifests: Mutex::default(),
            heartbeat_ms,
        });
        let app = Router::new()
            .route("/register_server", post(register))
            .route("/api/nodes/{node_id}/heartbeat", put(heartbeat))
            .route("/api/nodes/{node_id}", axum::routing::delete(goodbye))
            .route("/api/library/{item_id}/manifest", get(manifest))
            .layer(from_fn_with_state(server.clone(), answer))
            .with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, app).into_future());
        (server, url, heard)
    }
}

impl FakeMainServer {
    /// Its clock.
    pub(crate) fn time_ms(&self) -> Option<u64> {
        let ahead_ms = (*self.ahead_ms.lock().unwrap())?;
        #[allow(clippy::disallowed_methods, reason = "it is compared with the node's")]
        let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(here.as_millis()).unwrap().checked_add_signed(ahead_ms)
    }
}

async fn answer(State(server): State<Server>, request: Request, next: Next) -> Response {
    let mood = *server.mood.lock().unwrap();
    match mood {
        Mood::Well => next.run(request).await,
        Mood::Hangs => std::future::pending().await,
        Mood::Fails => refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
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
    let grant_keys = server.grant_keys.lock().unwrap().clone();
    let cluster_id = server.cluster_id.lock().unwrap().clone();
    let heartbeat_ms = server.heartbeat_ms;
    let node_id = NodeId("node-1".into());
    let (lease_ms, server_time_ms) = (heartbeat_ms * 3, server.time_ms());
    Json(Registered { node_id, heartbeat_ms, lease_ms, grant_keys, cluster_id, server_time_ms })
        .into_response()
}

async fn heartbeat(
    State(server): State<Server>,
    Path(node_id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Heartbeat>,
) -> Response {
    assert_eq!(headers["authorization"], format!("Bearer {SECRET}"));
    let known = body.grant_keys.clone();
    server.told.send(Told::Heartbeat(NodeId(node_id), body)).unwrap();
    if std::mem::take(&mut *server.forgets.lock().unwrap()) {
        return refusal(StatusCode::NOT_FOUND, "unknown_node");
    }
    let commands = std::mem::take(&mut *server.commands.lock().unwrap());
    let keys = server.grant_keys.lock().unwrap().clone();
    let differ =
        known.is_some_and(|known| known != keys.iter().map(|key| key.kid.clone()).collect::<Vec<_>>());
    let (grant_keys, cluster_id) = match differ {
        true => (Some(keys), server.cluster_id.lock().unwrap().clone()),
        false => (None, None),
    };
    let server_time_ms = server.time_ms();
    Json(HeartbeatAnswer { commands, server_time_ms, grant_keys, cluster_id, recordings: None })
        .into_response()
}

async fn manifest(State(server): State<Server>, Path(item_id): Path<String>, headers: HeaderMap) -> Response {
    assert_eq!(headers["authorization"], format!("Bearer {SECRET}"));
    match server.manifests.lock().unwrap().get(&item_id) {
        Some(manifest) => manifest.clone().into_response(),
        None => refusal(StatusCode::NOT_FOUND, "unknown_item"),
    }
}

async fn goodbye(State(server): State<Server>, Path(node_id): Path<String>) -> StatusCode {
    server.told.send(Told::Goodbye(NodeId(node_id))).unwrap();
    StatusCode::NO_CONTENT
}

/// A node of the main server at `url`, called `cdn-1`, and its address. It runs until the token is cancelled.
pub(crate) async fn start_node(url: String, limits: Limits) -> (Node, SocketAddr, CancellationToken) {
    let mut config = Config::new("cdn-1", "http://cdn-1.example/");
    config.limits = limits;
    start_configured(url, config).await
}

/// A node of the main server at `url` that is configured otherwise than usual.
pub(crate) async fn start_configured(
    url: String,
    mut config: Config,
) -> (Node, SocketAddr, CancellationToken) {
    config.main_servers = vec![url];
    config.cluster_secret = ClusterSecret::new(SECRET);
    let shutdown = CancellationToken::new();
    let node = Node::start(config, shutdown.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = serving::Limits::for_open_files(1 << 20);
    tokio::spawn(serving::serve(listener, node.app(), limits, CancellationToken::new()));
    (node, address, shutdown)
}
