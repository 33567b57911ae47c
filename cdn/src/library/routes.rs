//! The paths below `/library/{item_id}`, each for GET and HEAD.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use objects::Hash;

use super::{
    Library,
    content::{Content, Part},
    fragments,
    media::quoted,
    refusal::Refusal,
    request::MediaRequest,
    respond::{IMMUTABLE, REVALIDATED, Representation},
    selection::{Selection, select},
    window,
};

type Answer = Result<Response, Refusal>;

/// Each path and its handler.
fn table() -> [(&'static str, MethodRouter<Arc<Library>>); 3] {
    [
        ("/library/{item_id}/manifest", get(manifest)),
        ("/library/{item_id}/blobs/{hash}", get(blob)),
        ("/library/{item_id}/fragments", get(several)),
    ]
}

/// The paths of the library at a node. Each needs a grant for the item that it names.
pub fn library_paths() -> Vec<&'static str> {
    table().into_iter().map(|(path, _)| path).collect()
}

pub(super) fn routes(library: Arc<Library>) -> Router {
    let routes =
        table().into_iter().fold(Router::new(), |routes, (path, handler)| routes.route(path, handler));
    let window = Router::new()
        .route("/streams/{stream_id}/window/manifest", get(window::manifest))
        .route("/streams/{stream_id}/window/blobs/{hash}", get(window::blob));
    routes.merge(window).with_state(library)
}

async fn manifest(
    State(library): State<Arc<Library>>,
    Path(item): Path<String>,
    request: MediaRequest,
) -> Answer {
    let media = library.media(&item, &request).await?;
    let etag = media.etag.to_str().unwrap_or_default();
    let headers = [(header::ETAG, media.etag.clone()), (header::CACHE_CONTROL, REVALIDATED)];
    if select(&request.headers, etag, 0) == Selection::NotModified {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((headers, json, media.json.clone()).into_response())
}

async fn blob(
    State(library): State<Arc<Library>>,
    Path((item, hash)): Path<(String, String)>,
    request: MediaRequest,
) -> Answer {
    let item_id = library.admit(&item, &request)?;
    let hash: Hash = hash.parse().map_err(|_| Refusal::unknown_blob(&hash))?;
    let media = library.manifests.get(item_id, Some(&hash)).await?;
    let named = media.named(&hash).ok_or_else(|| Refusal::unknown_blob(hash))?;
    let representation = Representation {
        content: Content::of([Part::Blob { hash, bytes: named.bytes }]),
        mime: media.mime(named),
        etag: quoted(&hash),
        cache: IMMUTABLE,
        fields: Vec::new(),
    };
    library.respond(&request, representation).await
}

async fn several(
    State(library): State<Arc<Library>>,
    Path(item): Path<String>,
    request: MediaRequest,
) -> Answer {
    let media = library.media(&item, &request).await?;
    let representation = fragments::fragments(&media, &request.fields)?;
    library.respond(&request, representation).await
}
