//! What operators and orchestrators ask: health, readiness, metrics, and the description of the API.

use std::sync::Arc;

use axum::{Json, extract::State, http::header, response::IntoResponse};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use serde::Serialize;

use super::{Api, error::Error};
use crate::{clock::Now, metrics};

/// The API for programs; a test compares it with the routes.
const OPENAPI: &str = include_str!("openapi.json");

/// Body of a good answer.
#[derive(Serialize)]
pub(crate) struct Status {
    status: &'static str,
}

pub(crate) async fn health() -> Json<Status> {
    Json(Status { status: "ok" })
}

pub(crate) async fn readiness(State(api): State<Arc<Api>>) -> Result<Json<Status>, Error> {
    if let Some(failure) = api.supervisor.failure() {
        return Err(Error::failing(failure.to_string()));
    }
    api.control.ready(Now::read())?;
    Ok(Json(Status { status: "ready" }))
}

pub(crate) async fn metrics(State(api): State<Arc<Api>>) -> impl IntoResponse {
    let text = metrics::render(&api.control.totals(Now::read()), api.scaling.wanted(), &api.counters);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text)
}

pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
