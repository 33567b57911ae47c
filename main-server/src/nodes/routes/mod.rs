//! `POST /register_server` and `/api/nodes`: the nodes' side of the cluster. All of it needs the cluster secret.

pub(crate) mod placement;

use std::{sync::Arc, time::Duration};

use axum::{extract::State, http::StatusCode};
use protocol::{
    grant::Action,
    node::{AskForSources, Heartbeat, HeartbeatAnswer, NodeInfo, RegisterServer, Registered, Sources},
};

use crate::{
    api::{
        Api,
        error::Error,
        extract::{Json, Member, NodePath, NodeStreamPath, OptionalJson, Raw, parse},
    },
    clock::Now,
    metrics::count,
};

pub(crate) async fn register(
    State(api): State<Arc<Api>>,
    _: Member,
    Json(request): Json<RegisterServer>,
) -> Result<axum::Json<Registered>, Error> {
    let registered = api.control.register(request, Now::read()).await;
    let node_id = registered.inspect_err(|_| count(&api.counters.registrations_refused))?;
    Ok(axum::Json(Registered {
        node_id,
        heartbeat_ms: millis(api.heartbeat),
        lease_ms: millis(api.lease),
        grant_keys: api.grants.public_keys().to_vec(),
        server_time_ms: Some(Now::read().unix_ms()),
    }))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) async fn heartbeat(
    State(api): State<Arc<Api>>,
    _: Member,
    NodePath(node_id): NodePath,
    Raw(body): Raw,
) -> Result<axum::Json<HeartbeatAnswer>, Error> {
    let heartbeat: Heartbeat = parse(&body)?;
    let commands = api.control.heartbeat(&node_id, &heartbeat, &body, Now::read()).await?;
    count(&api.counters.heartbeats);
    // Read now and not at the start: the node takes it for the time of the answer.
    Ok(axum::Json(HeartbeatAnswer { commands, server_time_ms: Some(Now::read().unix_ms()) }))
}

pub(crate) async fn goodbye(
    State(api): State<Arc<Api>>,
    _: Member,
    NodePath(node_id): NodePath,
) -> Result<StatusCode, Error> {
    api.control.goodbye(&node_id, Now::read()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn sources(
    State(api): State<Arc<Api>>,
    _: Member,
    NodeStreamPath(node_id, stream_id): NodeStreamPath,
    OptionalJson(request): OptionalJson<AskForSources>,
) -> Result<axum::Json<Sources>, Error> {
    let now = Now::read();
    let (visibility, nodes) = api.control.sources(&node_id, stream_id, &request.avoid, now)?;
    let grant = api.grants.permit(Action::Relay, stream_id, visibility, now)?;
    Ok(axum::Json(Sources { visibility, grant, nodes }))
}

pub(crate) async fn list(State(api): State<Arc<Api>>, _: Member) -> axum::Json<Vec<NodeInfo>> {
    axum::Json(api.control.nodes(Now::read()))
}
