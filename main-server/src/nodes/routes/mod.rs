//! `POST /register_server` and `/api/nodes`: what nodes and operators call.

mod extract;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, State},
    http::StatusCode,
    routing::{delete, get, post, put},
};
use protocol::{
    grant::Action,
    node::{AskForSources, Heartbeat, HeartbeatAnswer, NodeInfo, RegisterServer, Registered, Sources},
};

use self::extract::{NodePath, NodeStreamPath};
use super::Nodes;
use crate::{
    api::{
        caller::{Credentials, Node, NodeOrOperator},
        error::Error,
        extract::{Json, OptionalJson, Raw, parse},
    },
    auth::Grants,
    clock::Now,
    metrics::Counter,
    recordings::Recordings,
    state::ClusterState,
};

/// Largest heartbeat, in bytes: some twenty thousand streams.
pub const HEARTBEAT_BYTES: usize = 4 * 1024 * 1024;

/// What the handlers share.
pub(crate) struct Api {
    /// The nodes.
    pub(crate) nodes: Arc<Nodes>,
    /// Streams and nodes.
    pub(crate) state: Arc<ClusterState>,
    /// Says what nodes have to record.
    pub(crate) recordings: Arc<Recordings>,
    /// Signs grants for relays.
    pub(crate) grants: Arc<Grants>,
    /// What operators and nodes prove themselves with.
    pub(crate) credentials: Credentials,
    /// How often nodes are to send a heartbeat.
    pub(crate) heartbeat: Duration,
    /// How long a node may be chosen after one.
    pub(crate) lease: Duration,
    /// Heartbeats accepted.
    pub(crate) heartbeats: Counter,
    /// Registrations refused.
    pub(crate) refused: Counter,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The routes of nodes.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/register_server", post(register))
        .route("/api/nodes", get(list))
        .route("/api/nodes/{node_id}", delete(goodbye))
        .route("/api/nodes/{node_id}/heartbeat", put(heartbeat).layer(DefaultBodyLimit::max(HEARTBEAT_BYTES)))
        .route("/api/nodes/{node_id}/streams/{stream_id}/sources", post(sources))
        .with_state(api)
}

async fn register(
    State(api): State<Arc<Api>>,
    _: Node,
    Json(request): Json<RegisterServer>,
) -> Result<axum::Json<Registered>, Error> {
    let registered = api.nodes.register(request, Now::read()).await;
    let node_id = registered.inspect_err(|_| _ = api.refused.inc())?;
    Ok(axum::Json(Registered {
        node_id,
        heartbeat_ms: millis(api.heartbeat),
        lease_ms: millis(api.lease),
        grant_keys: api.grants.public_keys(),
        cluster_id: Some(api.grants.cluster_id().to_owned()),
        server_time_ms: Some(Now::read().unix_ms()),
    }))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

async fn heartbeat(
    State(api): State<Arc<Api>>,
    _: Node,
    NodePath(node_id): NodePath,
    Raw(body): Raw,
) -> Result<axum::Json<HeartbeatAnswer>, Error> {
    let heartbeat: Heartbeat = parse(&body)?;
    let commands = api.nodes.heartbeat(&node_id, &heartbeat, &body, Now::read()).await?;
    api.heartbeats.inc();
    let grant_keys = heartbeat.grant_keys.and_then(|known| api.grants.keys_unless_known(&known));
    let cluster_id = grant_keys.is_some().then(|| api.grants.cluster_id().to_owned());
    let recordings = api.recordings.of_node(&node_id);
    // Read now and not at the start: the node takes it for the time of the answer.
    let server_time_ms = Some(Now::read().unix_ms());
    Ok(axum::Json(HeartbeatAnswer { commands, server_time_ms, grant_keys, cluster_id, recordings }))
}

async fn goodbye(
    State(api): State<Arc<Api>>,
    _: NodeOrOperator,
    NodePath(node_id): NodePath,
) -> Result<StatusCode, Error> {
    api.nodes.goodbye(&node_id, Now::read()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn sources(
    State(api): State<Arc<Api>>,
    _: Node,
    NodeStreamPath(node_id, stream_id): NodeStreamPath,
    OptionalJson(request): OptionalJson<AskForSources>,
) -> Result<axum::Json<Sources>, Error> {
    let now = Now::read();
    let (access, nodes) = api.nodes.sources(&node_id, stream_id, &request.avoid, now)?;
    let grant = api.grants.permit(Action::Relay, stream_id, access.visibility(), now)?;
    let (visibility, asked_only) = (access.visibility(), access.asked_only());
    Ok(axum::Json(Sources { visibility, asked_only, grant, nodes }))
}

async fn list(State(api): State<Arc<Api>>, _: NodeOrOperator) -> axum::Json<Vec<NodeInfo>> {
    axum::Json(api.state.list_nodes(Now::read()))
}
