//! `/api/blobs/{hash}`: blobs for nodes that have no object store of their own.
//!
//! A whole blob is verified before its first byte is sent, and what a node writes before it is kept. So blobs are in memory,
//! and only so many at once: further requests wait for their turn.

use std::{ops::Range, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, FromRef, FromRequest, FromRequestParts, Path, Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use objects::{Hash, MAX_BYTES, Objects};
use protocol::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::range;
use crate::{
    api::{
        caller::{Credentials, Node},
        error::Error,
        extract::Raw,
    },
    feature::Context,
};

/// Most blobs in memory at once, until they are sent or kept; few are larger than a few MiB.
const AT_ONCE: usize = 16;
/// A blob is handed to the connection in pieces of this size, so that its turn ends when the last one leaves.
const PIECE_BYTES: usize = 256 << 10;

/// What the handlers share.
struct Api {
    objects: Objects,
    credentials: Credentials,
    turns: Arc<Semaphore>,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The routes of blobs.
pub(super) fn router(context: &Context) -> Router {
    let (objects, credentials) = (context.objects.clone(), context.credentials.clone());
    let api = Api { objects, credentials, turns: Arc::new(Semaphore::new(AT_ONCE)) };
    let blob = get(read).put(write).layer(DefaultBodyLimit::max(MAX_BYTES as usize));
    Router::new().route("/api/blobs/{hash}", blob).with_state(Arc::new(api))
}

/// The blob that the path names, known or not.
struct BlobPath(Hash);

impl<S: Send + Sync> FromRequestParts<S> for BlobPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        let hash = text.and_then(|Path(text)| text.parse().ok());
        let unknown =
            || Error::new(ErrorCode::UnknownBlob, "a blob's name is its BLAKE3, 64 lower-case hex digits");
        hash.map(Self).ok_or_else(unknown)
    }
}

async fn read(
    State(api): State<Arc<Api>>,
    _: Node,
    BlobPath(hash): BlobPath,
    (method, headers): (Method, HeaderMap),
) -> Result<Response, Error> {
    if method == Method::HEAD {
        return describe(&api.objects, &hash).await;
    }
    let asked = headers.get(header::RANGE).and_then(|value| range::parse(value.to_str().ok()?));
    let turn = turn(&api.turns).await;
    let bytes = api.objects.get(&hash, asked.clone()).await?;
    let content = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.len().to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    let body = pieces(bytes, turn);
    let Some(Range { start, end }) = asked else { return Ok((content, body).into_response()) };
    // The whole length is not known without another call, and nodes do not need it.
    let part = [(header::CONTENT_RANGE, format!("bytes {start}-{}/*", end - 1))];
    Ok((StatusCode::PARTIAL_CONTENT, content, part, body).into_response())
}

/// The bytes as a body that has its turn until its end.
fn pieces(bytes: Bytes, turn: OwnedSemaphorePermit) -> Body {
    let pieces = stream::unfold((bytes, turn), |(mut bytes, turn)| async move {
        let piece = bytes.split_to(bytes.len().min(PIECE_BYTES));
        (!piece.is_empty()).then_some((Ok::<_, std::convert::Infallible>(piece), (bytes, turn)))
    });
    Body::from_stream(pieces)
}

async fn describe(objects: &Objects, hash: &Hash) -> Result<Response, Error> {
    let unknown = || Error::from(objects::Error::Missing(hash.to_string()));
    let info = objects.head(hash).await?.ok_or_else(unknown)?;
    Ok([(header::CONTENT_LENGTH, info.bytes.to_string())].into_response())
}

async fn write(
    State(api): State<Arc<Api>>,
    _: Node,
    BlobPath(hash): BlobPath,
    request: Request,
) -> Result<StatusCode, Error> {
    let _turn = turn(&api.turns).await;
    let Raw(bytes) = Raw::from_request(request, &()).await?;
    let content = bytes.clone();
    let named =
        tokio::task::spawn_blocking(move || Hash::of(&content)).await.map_err(|_| Error::internal())?;
    if named != hash {
        return Err(Error::invalid("the body is not the blob that the path names"));
    }
    api.objects.put(bytes).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn turn(turns: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(turns).acquire_owned().await.expect("nothing closes the semaphore")
}
