//! `GET /api/nodes/placement`: where somebody would be sent now, and why. Nobody is sent anywhere by asking.

use std::sync::Arc;

use axum::extract::{Query, State, rejection::QueryRejection};
use placement::Decision;
use protocol::{ErrorCode, StreamId};
use serde::Deserialize;

use crate::{
    api::{Api, error::Error, extract::Member},
    control::Whom,
};

/// What is asked.
#[derive(Deserialize)]
pub(crate) struct Question {
    stream_id: Option<StreamId>,
    #[serde(rename = "for")]
    whom: Whom,
    region: Option<String>,
}

pub(crate) async fn explain(
    State(api): State<Arc<Api>>,
    _: Member,
    question: Result<Query<Question>, QueryRejection>,
) -> Result<axum::Json<Decision>, Error> {
    let wrong = "for is viewer or broadcaster, and stream_id that of a stream";
    let Query(question) = question.map_err(|_| Error::invalid(wrong))?;
    if question.whom == Whom::Viewer && question.stream_id.is_none() {
        return Err(Error::new(ErrorCode::UnknownStream, "a viewer watches a stream: stream_id says which"));
    }
    Ok(axum::Json(api.control.explain(question.stream_id, question.whom, question.region.as_deref())?))
}
