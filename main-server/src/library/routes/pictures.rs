//! `GET /library/{item_id}/poster` and `/library/{item_id}/previews/{at_ms}`: pictures, from the object store.
//!
//! What is sent is a picture by its first bytes, whatever was put there, and browsers are told not to guess. Pictures are read in pieces as
//! clients take them, so a slow client holds one piece of the 8 MiB that a cover may have.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use protocol::{ErrorCode, item::Blob};

use super::{Api, extract::Reader};
use crate::{api::error::Error, state::catalogue::thumbnail::ImageKind};

pub(super) async fn poster(
    State(api): State<Arc<Api>>,
    reader: Reader,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let blob = reader.record.poster.as_ref().ok_or_else(none)?;
    picture(&api, blob, &uri, &headers).await
}

pub(super) async fn preview(
    State(api): State<Arc<Api>>,
    reader: Reader,
    path: Result<Path<(String, u64)>, axum::extract::rejection::PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Path((_, at_ms)) = path.map_err(|_| none())?;
    let previews = api.library.previews(reader.item_id, &reader.record).await?;
    let found = previews.pictures.iter().find(|picture| picture.at_ms == at_ms).ok_or_else(none)?;
    picture(&api, &found.blob, &uri, &headers).await
}

fn none() -> Error {
    Error::new(ErrorCode::NotFound, "the item has no such picture")
}

async fn picture(api: &Api, blob: &Blob, uri: &Uri, headers: &HeaderMap) -> Result<Response, Error> {
    let tag = format!("\"{}\"", blob.hash);
    let has_version = uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("v=")));
    // An address with a version stands for one picture; without, for whichever is newest.
    let caching = if has_version { "private, max-age=86400, immutable" } else { "private, no-cache" };
    let caching = [(header::CACHE_CONTROL, caching.to_owned()), (header::ETAG, tag.clone())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let hash = blob.hash.parse().map_err(|_| none())?;
    let mut pieces = Box::pin(api.objects.pieces(hash, blob.bytes));
    let first = match pieces.next().await {
        None | Some(Err(objects::Error::Missing(_))) => return Err(none()),
        Some(read) => read?,
    };
    let kind = ImageKind::of(&first).ok_or_else(none)?;
    let length = blob.bytes.to_string();
    let content = [(header::CONTENT_TYPE, kind.content_type().to_owned()), (header::CONTENT_LENGTH, length)];
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(pieces));
    Ok((caching, content, body).into_response())
}
