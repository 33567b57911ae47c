//! What operators and orchestrators ask: health, readiness, metrics, and the description of the API.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::header, response::IntoResponse, routing::get};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use serde::Serialize;
use supervisor::Supervisor;

use super::error::Error;
use crate::{
    clock::Now,
    cluster::partition::Partition,
    metrics::{self, Counters, Totals},
    scaling::Signal,
    streams::feed::Feed,
    view::View,
};

/// The API for programs; a test compares it with the routes.
const OPENAPI: &str = include_str!("openapi.json");

/// What the handlers look at.
pub(crate) struct Api {
    /// Streams and nodes.
    pub(crate) view: Arc<View>,
    /// Listeners.
    pub(crate) feed: Arc<Feed>,
    /// Contact with the store and the other main servers.
    pub(crate) partition: Arc<Partition>,
    /// How many nodes the load wants.
    pub(crate) scaling: Arc<Signal>,
    /// Knows whether a task that the server needs has panicked.
    pub(crate) supervisor: Supervisor,
    /// What happened since the start.
    pub(crate) counters: Arc<Counters>,
}

/// The routes of health, metrics and the description.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/openapi.json", get(openapi))
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
        .with_state(api)
}

/// Body of a good answer.
#[derive(Serialize)]
struct Status {
    status: &'static str,
}

async fn health() -> Json<Status> {
    Json(Status { status: "ok" })
}

async fn readiness(State(api): State<Arc<Api>>) -> Result<Json<Status>, Error> {
    if let Some(failure) = api.supervisor.failure() {
        return Err(Error::failing(failure.to_string()));
    }
    api.partition.ready(Now::read())?;
    Ok(Json(Status { status: "ready" }))
}

async fn metrics(State(api): State<Arc<Api>>) -> impl IntoResponse {
    let now = Now::read();
    let ready = api.partition.ready(now).is_ok();
    let ((streams, nodes_live), (listeners, snapshots)) = (api.view.totals(now), api.feed.totals());
    let totals = Totals { streams, nodes_live, listeners, snapshots, ready };
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics::render(&totals, api.scaling.wanted(), &api.counters))
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
