//! `GET /api/nodes/placement`: where a client would be sent now, and why.

use std::sync::Arc;

use axum::extract::{Query, State, rejection::QueryRejection};
use placement::Decision;
use protocol::{ErrorCode, StreamId};
use serde::Deserialize;

use super::api::Api;
use crate::{
    api::{caller::Operator, error::Error},
    streams::ClientKind,
};

/// What is asked.
#[derive(Deserialize)]
pub(super) struct Question {
    stream_id: Option<StreamId>,
    #[serde(rename = "for")]
    client: ClientKind,
    region: Option<String>,
}

pub(super) async fn explain(
    State(api): State<Arc<Api>>,
    _: Operator,
    question: Result<Query<Question>, QueryRejection>,
) -> Result<axum::Json<Decision>, Error> {
    let wrong = "`for` must be viewer or broadcaster; `stream_id` must be a stream id";
    let Query(question) = question.map_err(|_| Error::invalid(wrong))?;
    if question.client == ClientKind::Viewer && question.stream_id.is_none() {
        return Err(Error::new(ErrorCode::UnknownStream, "stream_id is required for a viewer"));
    }
    Ok(axum::Json(api.streams.explain(question.stream_id, question.client, question.region.as_deref())?))
}
