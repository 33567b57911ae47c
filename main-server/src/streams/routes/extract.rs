//! What the streams' handlers take out of a request.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderMap, request::Parts},
};
use protocol::{ErrorCode, StreamId, stream::Visibility};

use super::api::Api;
use crate::{
    api::{
        caller::{Caller, Operator, bearer},
        error::Error,
    },
    clock::Now,
};

/// The stream that the path names.
pub(crate) struct StreamPath(pub(crate) StreamId);

impl FromRequestParts<Arc<Api>> for StreamPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let text = Path::<String>::from_request_parts(parts, api).await;
        let stream_id = text.ok().and_then(|Path(text)| text.parse().ok());
        let unknown =
            || Error::new(ErrorCode::UnknownStream, "no stream has this id: the link is incomplete");
        stream_id.map(Self).ok_or_else(unknown)
    }
}

/// A stream that is not over, and proof that the caller is its broadcaster: a publish grant, which may have expired.
pub(crate) struct Publisher {
    /// Its id.
    pub(crate) stream_id: StreamId,
    /// Its visibility.
    pub(crate) visibility: Visibility,
}

impl FromRequestParts<Arc<Api>> for Publisher {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let StreamPath(stream_id) = StreamPath::from_request_parts(parts, api).await?;
        let visibility = api.streams.find(stream_id, Now::read())?.visibility;
        check_broadcaster(api, &parts.headers, stream_id)?;
        Ok(Self { stream_id, visibility })
    }
}

/// Proof that the caller may end the stream that the path names: its publisher, or the operator.
pub(crate) struct Ender(pub(crate) StreamId);

impl FromRequestParts<Arc<Api>> for Ender {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let StreamPath(stream_id) = StreamPath::from_request_parts(parts, api).await?;
        api.streams.describe(stream_id, Now::read())?;
        if Operator::from_request_parts(parts, api).await.is_err() {
            check_broadcaster(api, &parts.headers, stream_id)?;
        }
        Ok(Self(stream_id))
    }
}

/// Whether the caller shows a grant of the stream, expired or not, or is the operator or a node.
pub(crate) fn is_insider(api: &Api, headers: &HeaderMap, stream_id: StreamId) -> bool {
    let shows = |token| {
        [Caller::Operator, Caller::Node].iter().any(|caller| api.credentials.prove(*caller, token))
            || api.grants.was_let_in(token, stream_id)
    };
    bearer(headers).is_some_and(shows)
}

fn check_broadcaster(api: &Api, headers: &HeaderMap, stream_id: StreamId) -> Result<(), Error> {
    let grant = bearer(headers).ok_or_else(Error::no_grant)?;
    Ok(api.grants.check_broadcaster(grant, stream_id)?)
}
