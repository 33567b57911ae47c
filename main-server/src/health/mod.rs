//! What operators and orchestrators ask: health, readiness, metrics, and the description of the API.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::header, response::IntoResponse, routing::get};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use serde::Serialize;
use supervisor::Supervisor;

use crate::{
    api::error::Error,
    clock::Now,
    cluster::partition::Partition,
    feature::{Context, Feature},
    metrics::Metrics,
};

/// The API for programs; a test compares it with the routes.
const OPENAPI: &str = include_str!("../api/openapi.json");

struct Api {
    partition: Arc<Partition>,
    supervisor: Supervisor,
    metrics: Arc<Metrics>,
}

/// The routes of health, metrics and the description.
pub(crate) fn feature(context: &Context) -> Feature {
    let [ready, following] = [(); 2].map(|()| Arc::clone(&context.partition));
    let help = "1 while the store takes writes and the other main servers can be heard";
    context.metrics.gauge("undead_ready", help, move || ready.ready(Now::read()).is_ok().into());
    let api = Api {
        partition: Arc::clone(&context.partition),
        supervisor: context.store.supervisor.clone(),
        metrics: Arc::clone(&context.metrics),
    };
    let routes = Router::new()
        .route("/api/openapi.json", get(openapi))
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(api));
    Feature::new(routes).task("store health", async move { following.follow_health().await })
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
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], api.metrics.render())
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
