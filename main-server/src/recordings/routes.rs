//! `POST /api/nodes/{node_id}/recordings/{item_id}`: a node reports what it recorded.

use std::sync::Arc;

use axum::{
    Json as Answer, Router,
    extract::{DefaultBodyLimit, FromRef, FromRequestParts, Path, State},
    http::request::Parts,
    routing::post,
};
use protocol::{
    ErrorCode, ItemId, NodeId,
    item::{RecordingProgress, ReportRecording},
};

use super::Recordings;
use crate::{
    api::{
        caller::{Credentials, Node},
        error::Error,
        extract::Json,
    },
    metrics::Counter,
};

/// Largest report, in bytes: some five hundred fragments.
pub const REPORT_BYTES: usize = 256 * 1024;

/// What the handler needs.
pub(super) struct Api {
    pub(super) recordings: Arc<Recordings>,
    pub(super) credentials: Credentials,
    /// Reports that were taken.
    pub(super) reports: Counter,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The route.
pub(super) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route(
            "/api/nodes/{node_id}/recordings/{item_id}",
            post(report).layer(DefaultBodyLimit::max(REPORT_BYTES)),
        )
        .with_state(api)
}

/// The node and the item that the path names.
struct RecordingPath(NodeId, ItemId);

impl<S: Send + Sync> FromRequestParts<S> for RecordingPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let texts = Path::<(String, String)>::from_request_parts(parts, state).await;
        let unknown = || Error::new(ErrorCode::UnknownItem, "no item has this id: the path is incomplete");
        let Path((node_id, item_id)) = texts.map_err(|_| unknown())?;
        Ok(Self(NodeId(node_id), item_id.parse().map_err(|_| unknown())?))
    }
}

async fn report(
    State(api): State<Arc<Api>>,
    _: Node,
    RecordingPath(node_id, item_id): RecordingPath,
    Json(report): Json<ReportRecording>,
) -> Result<Answer<RecordingProgress>, Error> {
    let progress = api.recordings.take(&node_id, item_id, report).await?;
    api.reports.inc();
    Ok(Answer(progress))
}
