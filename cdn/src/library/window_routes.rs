//! The paths below `/streams/{stream_id}/window`: who may read them, and the answers.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::{ErrorCode, StreamId};

use super::{
    content::Content,
    refusal::Refusal,
    request::MediaRequest,
    respond::{IMMUTABLE, Representation},
    service::Library,
};
use crate::{hub::SharedStream, lock::lock};

type Answer = Result<Response, Refusal>;

/// `GET /streams/{stream_id}/window/manifest`.
pub(super) async fn manifest(
    State(library): State<Arc<Library>>,
    Path(stream): Path<String>,
    request: MediaRequest,
) -> Answer {
    let (id, stream) = library.window_of(&stream, &request)?;
    let manifest = library.windows.manifest(id, stream).await.ok_or_else(Refusal::objects_unavailable)?;
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(manifest)).into_response())
}

/// `GET /streams/{stream_id}/window/blobs/{hash}`.
pub(super) async fn blob(
    State(library): State<Arc<Library>>,
    Path((stream, hash)): Path<(String, String)>,
    request: MediaRequest,
) -> Answer {
    let (id, stream) = library.window_of(&stream, &request)?;
    let found = library.windows.find(id, stream, hash.clone()).await;
    let (mime, part) = found.ok_or_else(|| Refusal::unknown_blob(&hash))?;
    let representation = Representation {
        content: Content::of([part]),
        mime: HeaderValue::try_from(mime).unwrap_or(HeaderValue::from_static("application/octet-stream")),
        etag: HeaderValue::try_from(format!("\"{hash}\"")).map_err(|_| Refusal::unknown_blob(&hash))?,
        cache: IMMUTABLE,
        fields: Vec::new(),
    };
    library.respond_from(library.windows.groups(), &request, representation).await
}

impl Library {
    /// The stream whose window a request is for, if its client may watch it.
    fn window_of(&self, stream: &str, request: &MediaRequest) -> Result<(StreamId, SharedStream), Refusal> {
        let id: StreamId = stream.parse().map_err(|_| unknown_stream(stream))?;
        let stream = self.windows.stream(id).ok_or_else(|| unknown_stream(stream))?;
        let access = lock(&stream).access();
        let admitted = self.grants.admit_viewer(Some(&request.grant), id, access, self.clock.now());
        admitted.map_err(Refusal::bad_grant)?;
        Ok((id, stream))
    }
}

fn unknown_stream(id: &str) -> Refusal {
    let message = format!("this node does not carry stream {id:.32}");
    Refusal::new(StatusCode::NOT_FOUND, ErrorCode::UnknownStream, message)
}
