//! `GET /api/streams`: the public streams, as one prepared text that all clients share.

use std::{
    io,
    sync::{Arc, Weak},
};

use axum::{
    Json,
    body::Body,
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use serving::{Forwarded, Prefix};

use super::{addresses, api::Api};
use crate::{
    api::{caller::Operator, error::Error},
    events::Snapshot,
};

/// Which streams are asked for.
pub(super) enum Listing {
    /// The public list.
    Public,
    /// Every stream that runs, for an operator: with the query `all=true`.
    All,
}

impl FromRequestParts<Arc<Api>> for Listing {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let query = parts.uri.query().unwrap_or_default();
        match query.split('&').find(|pair| pair.split('=').next() == Some("all")) {
            None => return Ok(Self::Public),
            Some("all=true") => {}
            Some(_) => return Err(Error::invalid("all must be true, or left out")),
        }
        Operator::from_request_parts(parts, api).await.map(|_| Self::All)
    }
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    listing: Listing,
    forwarded: Forwarded,
    request: HeaderMap,
) -> Response {
    let prefix = forwarded.prefix();
    if matches!(listing, Listing::All) {
        let running = api.streams.running().into_iter().map(|info| addresses::stream(info, prefix));
        return Json(running.collect::<Vec<_>>()).into_response();
    }
    let snapshot = api.feed.current();
    // Another process counts from the start, so its start time is part of the version.
    let tag = format!("\"{:x}-{:x}{prefix}\"", api.started.unix.as_nanos(), snapshot.version());
    let is_known = request.get(header::IF_NONE_MATCH).is_some_and(|known| lists(known, &tag));
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits and plain paths are a header's");
    let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (headers, kind, body(&snapshot, prefix)).into_response();
    if prefix.is_empty() {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(snapshot.bytes()));
    }
    response
}

/// Whether `If-None-Match` names `tag` (RFC 9110, section 13.1.2: a weak comparison).
fn lists(known: &HeaderValue, tag: &str) -> bool {
    let tags = known.to_str().unwrap_or_default().split(',').map(str::trim);
    tags.map(|known| known.strip_prefix("W/").unwrap_or(known)).any(|known| known == tag || known == "*")
}

/// The pieces of a snapshot. One that is taken too slowly to be kept breaks off.
fn body(snapshot: &Arc<Snapshot>, prefix: &Prefix) -> Body {
    if let (Some(only), None) = (snapshot.piece(0, prefix), snapshot.piece(1, prefix)) {
        return Body::from(only);
    }
    let pieces = Pieces { snapshot: Arc::downgrade(snapshot), prefix: prefix.clone(), next: 0 };
    Body::from_stream(stream::unfold(pieces, Pieces::step))
}

/// How far a client has got with a snapshot.
struct Pieces {
    snapshot: Weak<Snapshot>,
    prefix: Prefix,
    next: usize,
}

impl Pieces {
    async fn step(mut self) -> Option<(io::Result<Bytes>, Self)> {
        let piece = match self.snapshot.upgrade() {
            Some(kept) => Ok(kept.piece(self.next, &self.prefix)?),
            None => Err(io::ErrorKind::TimedOut.into()),
        };
        self.next += 1;
        Some((piece, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_list_is_recognised_by_its_tag() {
        let known = |value: &'static str| lists(&HeaderValue::from_static(value), "\"a-1\"");
        assert!(known("\"a-1\"") && known("W/\"a-1\"") && known("\"b\", \"a-1\"") && known("*"));
        assert!(!known("\"a-2\"") && !known("a-1") && !known(""));
    }
}
