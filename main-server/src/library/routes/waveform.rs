//! `GET /api/library/{item_id}/waveform`: peaks of an item's sound, as measured by a job.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, Uri, header::HeaderValue},
    response::Response,
};

use super::{Api, blob::answer, extract::Reader};
use crate::api::error::Error;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    reader: Reader,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer(&api, reader.record.waveform.as_ref(), "waveform", JSON, (&uri, &headers)).await
}
