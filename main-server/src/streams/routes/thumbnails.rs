//! `/api/streams/{stream_id}/thumbnail`: the preview picture, as the broadcaster's page made it, without metadata.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use protocol::ErrorCode;

use super::{
    api::Api,
    extract::{Publisher, StreamPath},
};
use crate::{
    api::{error::Error, extract::Raw},
    clock::Now,
    state::catalogue::{picture_metadata::without_metadata, picture_size::is_bounded, thumbnail::ImageKind},
};

pub(super) async fn replace(
    State(api): State<Arc<Api>>,
    Publisher { stream_id, .. }: Publisher,
    Raw(bytes): Raw,
) -> Result<StatusCode, Error> {
    let unknown = || Error::invalid("the body is not a JPEG, PNG or WebP picture");
    let kind = ImageKind::of(&bytes).ok_or_else(unknown)?;
    let picture = without_metadata(kind, bytes);
    // Not before: what is in front of the size may be taken out.
    if !is_bounded(kind, &picture) {
        return Err(Error::invalid("the picture has more than 2097152 pixels"));
    }
    api.streams.set_thumbnail(stream_id, kind, picture, Now::read())?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    StreamPath(stream_id): StreamPath,
    uri: Uri,
) -> Result<Response, Error> {
    let none = || Error::new(ErrorCode::NotFound, "this stream has no preview picture");
    let thumbnail = api.streams.thumbnail(stream_id)?.ok_or_else(none)?;
    // An address with a version stands for one picture; without, for whichever is newest.
    let caching = if uri.query().is_some() { "public, max-age=60" } else { "no-cache" };
    let headers = [(header::CONTENT_TYPE, thumbnail.kind.content_type()), (header::CACHE_CONTROL, caching)];
    Ok((headers, thumbnail.bytes).into_response())
}
