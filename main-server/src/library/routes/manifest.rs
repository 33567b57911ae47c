//! `GET /api/library/{item_id}/manifest`: for nodes, and for operators, who export items.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use super::{Api, extract::ItemPath};
use crate::api::{caller::NodeOrOperator, error::Error};

/// The manifest with its version as `ETag`; 304 if the node already has it, according to `If-None-Match` or
/// the query `known`.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    _: NodeOrOperator,
    ItemPath(item_id): ItemPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let in_query = uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("known="));
    let in_query = in_query.map(|known| known.replace("%22", "\""));
    let in_header = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let found = api.library.manifest(item_id, in_header.or(in_query.as_deref())).await?;
    let tag = [(header::ETAG, found.tag)];
    Ok(match found.manifest {
        Some(manifest) => (tag, Json(manifest)).into_response(),
        None => (StatusCode::NOT_MODIFIED, tag).into_response(),
    })
}
