//! `POST /register_server` and `/api/nodes`: the nodes' side of the cluster. All of it needs the cluster secret.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, http::StatusCode};
use protocol::node::{Heartbeat, HeartbeatAnswer, NodeInfo, RegisterServer, Registered};

use super::{
    Api,
    error::Error,
    extract::{Json, Member, NodePath},
};
use crate::{clock::Now, metrics::count};

pub(crate) async fn register(
    State(api): State<Arc<Api>>,
    _: Member,
    Json(request): Json<RegisterServer>,
) -> Result<axum::Json<Registered>, Error> {
    let registered = api.control.register(request, Now::read());
    let node_id = registered.inspect_err(|_| count(&api.counters.registrations_refused))?;
    Ok(axum::Json(Registered {
        node_id,
        heartbeat_ms: millis(api.heartbeat),
        lease_ms: millis(api.lease),
        grant_keys: vec![api.grants.public_key().clone()],
    }))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) async fn heartbeat(
    State(api): State<Arc<Api>>,
    _: Member,
    NodePath(node_id): NodePath,
    Json(heartbeat): Json<Heartbeat>,
) -> Result<axum::Json<HeartbeatAnswer>, Error> {
    let answer = api.control.heartbeat(&node_id, &heartbeat, Now::read())?;
    count(&api.counters.heartbeats);
    Ok(axum::Json(answer))
}

pub(crate) async fn goodbye(
    State(api): State<Arc<Api>>,
    _: Member,
    NodePath(node_id): NodePath,
) -> Result<StatusCode, Error> {
    api.control.goodbye(&node_id, Now::read())?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn list(State(api): State<Arc<Api>>, _: Member) -> axum::Json<Vec<NodeInfo>> {
    axum::Json(api.control.nodes(Now::read()))
}
