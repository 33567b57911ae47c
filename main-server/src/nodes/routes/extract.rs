//! What the nodes' handlers take out of a request.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use protocol::{ErrorCode, NodeId, StreamId};

use crate::api::error::Error;

/// The node that the path names, known or not.
pub(crate) struct NodePath(pub(crate) NodeId);

impl<S: Send + Sync> FromRequestParts<S> for NodePath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let unknown = |_| Error::new(ErrorCode::UnknownNode, "no node has this id: register again");
        text.map(|Path(text)| Self(NodeId(text))).map_err(unknown)
    }
}

/// The node and the stream that the path names.
pub(crate) struct NodeStreamPath(pub(crate) NodeId, pub(crate) StreamId);

impl<S: Send + Sync> FromRequestParts<S> for NodeStreamPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let texts = Path::<(String, String)>::from_request_parts(parts, state).await;
        let unknown =
            || Error::new(ErrorCode::UnknownStream, "no stream has this id: the path is incomplete");
        let Path((node_id, stream_id)) = texts.map_err(|_| unknown())?;
        Ok(Self(NodeId(node_id), stream_id.parse().map_err(|_| unknown())?))
    }
}
