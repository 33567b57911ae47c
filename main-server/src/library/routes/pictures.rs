//! `GET /library/{item_id}/poster` and `/library/{item_id}/previews/{at_ms}`: pictures, from the object
//! store; and `PUT /api/library/{item_id}/previews/{at_ms}`: pictures that pages make of uploaded files,
//! because the server decodes no video.
//!
//! The type of a picture follows from its first bytes, whatever the client claimed, and browsers are told not
//! to guess. Pictures are read in pieces as clients receive them, so that a slow client uses the memory of
//! one piece, not of a whole cover of up to 8 MiB.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use protocol::{ErrorCode, item::Blob};

use super::{
    Api,
    blob::{caching, is_known},
    extract::{Editor, Reader},
};
use crate::{
    api::{error::Error, extract::Raw},
    state::catalogue::{picture_size::is_bounded, thumbnail::ImageKind},
};

/// An item with this many pictures accepts no more. With the limit on their size, this bounds an item's data
/// besides its media.
const MOST_SENT: usize = 64;
/// The latest time of a picture; larger numbers are not exact in every client.
const MAX_AT_MS: u64 = (1 << 53) - 1;

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

/// Adds a picture, which also becomes the poster of an item without one.
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    editor: Editor,
    path: Result<Path<(String, u64)>, axum::extract::rejection::PathRejection>,
    Raw(bytes): Raw,
) -> Result<StatusCode, Error> {
    // A deleted item accepts no pictures.
    let record = api.library.get(editor.item_id).await?;
    let at_ms = path.ok().map(|Path((_, at_ms))| at_ms).filter(|at_ms| *at_ms <= MAX_AT_MS);
    let at_ms = at_ms.ok_or_else(|| Error::invalid("the time is not a number of milliseconds"))?;
    let kind =
        ImageKind::of(&bytes).ok_or_else(|| Error::invalid("the body is not a JPEG, PNG or WebP picture"))?;
    if !is_bounded(kind, &bytes) {
        return Err(Error::invalid("the picture has more than 2097152 pixels"));
    }
    if record.previews >= MOST_SENT {
        return Err(Error::invalid(format!("the item has {MOST_SENT} pictures already")));
    }
    let size = bytes.len() as u64;
    let hash = api.objects.put(bytes).await?;
    let blob = Blob { hash: hash.to_string(), bytes: size };
    api.library.add_preview(editor.item_id, at_ms, blob).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn none() -> Error {
    Error::new(ErrorCode::NotFound, "the item has no such picture")
}

async fn picture(api: &Api, blob: &Blob, uri: &Uri, headers: &HeaderMap) -> Result<Response, Error> {
    let caching = caching(blob, uri);
    if is_known(blob, headers) {
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
