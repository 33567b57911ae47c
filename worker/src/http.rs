//! Health and metrics of a worker over HTTP, if it has an address.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use serde_json::json;

use crate::shared::Shared;

/// `/healthz`: the process runs. `/readyz`: a main server answered the last call. `/metrics`.
pub(crate) fn router(worker: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(worker)
}

async fn ready(State(worker): State<Arc<Shared>>) -> Response {
    let (status, text) = match worker.is_connected() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "no main server answers"),
    };
    (status, Json(json!({ "status": text }))).into_response()
}

async fn metrics(State(worker): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], worker.render_metrics()).into_response()
}
