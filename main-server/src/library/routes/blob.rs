//! Answers with a blob of an item, which clients may cache.

use axum::{
    http::{
        HeaderMap, StatusCode, Uri,
        header::{self, HeaderValue},
    },
    response::{IntoResponse, Response},
};
use protocol::{ErrorCode, item::Blob};

use super::Api;
use crate::api::error::Error;

/// How long a client may cache `blob`, and its entity tag. A URL with a version always has the same blob; one
/// without has the newest.
pub(super) fn caching(blob: &Blob, uri: &Uri) -> [(header::HeaderName, String); 2] {
    let has_version = uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("v=")));
    let caching = if has_version { "private, max-age=86400, immutable" } else { "private, no-cache" };
    [(header::CACHE_CONTROL, caching.to_owned()), (header::ETAG, format!("\"{}\"", blob.hash))]
}

/// Whether the client has cached `blob`.
pub(super) fn is_known(blob: &Blob, headers: &HeaderMap) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    known.and_then(|known| known.strip_prefix('"')?.strip_suffix('"')) == Some(blob.hash.as_str())
}

/// Sends a whole small blob. `what` names it in errors.
pub(super) async fn answer(
    api: &Api,
    blob: Option<&Blob>,
    what: &str,
    content_type: HeaderValue,
    (uri, headers): (&Uri, &HeaderMap),
) -> Result<Response, Error> {
    let none = || Error::new(ErrorCode::NotFound, format!("the item has no {what}"));
    let blob = blob.ok_or_else(none)?;
    let caching = caching(blob, uri);
    if is_known(blob, headers) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let hash = blob.hash.parse().map_err(|_| none())?;
    let bytes = match api.objects.get(&hash, None).await {
        Err(objects::Error::Missing(_)) => return Err(none()),
        read => read?,
    };
    Ok((caching, [(header::CONTENT_TYPE, content_type)], bytes).into_response())
}
