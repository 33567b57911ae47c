//! What a client sends with a request for an item's media.

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderMap, Method, header, request::Parts},
};
use protocol::ItemId;
use serde::Deserialize;
use serving::{FileSender, Forwarded};

use super::refusal::Refusal;

/// The query of a request, all of its fields optional.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Fields {
    grant: Option<String>,
    pub(super) from_ms: Option<String>,
    pub(super) count: Option<String>,
    pub(super) init: Option<String>,
    pub(super) mime: Option<String>,
    pub(super) name: Option<String>,
    pub(super) take: Option<String>,
    pub(super) at_ms: Option<String>,
}

/// A request, apart from its path.
pub(super) struct MediaRequest {
    pub(super) headers: HeaderMap,
    pub(super) fields: Fields,
    /// The grant, from the query or as a bearer token; empty if there is none.
    pub(super) grant: String,
    /// Whether the answer has no body.
    pub(super) is_head: bool,
    /// The address that the client's limits are counted by.
    pub(super) address: Option<std::net::IpAddr>,
    /// What sends files on the client's connection, if that is possible.
    pub(super) files: Option<FileSender>,
}

impl<S: Send + Sync> FromRequestParts<S> for MediaRequest {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let query = Query::<Fields>::try_from_uri(&parts.uri);
        let Query(mut fields) =
            query.map_err(|error| Refusal::invalid(format!("the query cannot be read: {error}")))?;
        let grant = fields.grant.take().or_else(|| bearer(&parts.headers)).unwrap_or_default();
        let address = parts.extensions.get::<Forwarded>().and_then(Forwarded::network);
        Ok(Self {
            headers: std::mem::take(&mut parts.headers),
            fields,
            grant,
            is_head: parts.method == Method::HEAD,
            address,
            files: parts.extensions.remove(),
        })
    }
}

/// The item that a path names.
pub(super) fn item_id(text: &str) -> Result<ItemId, Refusal> {
    text.parse().map_err(|_| Refusal::unknown_item(text))
}

/// A whole number of the query; `default` where there is none.
pub(super) fn number(name: &str, text: Option<&str>, default: u64) -> Result<u64, Refusal> {
    let Some(text) = text else { return Ok(default) };
    text.parse().map_err(|_| Refusal::invalid(format!("{name} has to be a whole number, not {text:.32}")))
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}
