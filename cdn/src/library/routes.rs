//! The paths below `/library/{item_id}`, each for GET and HEAD.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use objects::Hash;

use super::{
    content::{Content, Part},
    file, file_name, fragments,
    hls::{self, Packing},
    media::{Named, quoted},
    refusal::Refusal,
    request::{MediaRequest, number},
    respond::{IMMUTABLE, REVALIDATED, Representation},
    selection::{Selection, select},
    service::Library,
    window_routes,
};

/// Which takes of how many a file has: `0-1/3` for the first two of three.
pub(crate) const TAKES: HeaderName = HeaderName::from_static("undead-takes");

type Answer = Result<Response, Refusal>;

/// Each path and its handler.
fn table() -> [(&'static str, MethodRouter<Arc<Library>>); 7] {
    [
        ("/library/{item_id}/manifest", get(manifest)),
        ("/library/{item_id}/blobs/{hash}", get(blob)),
        ("/library/{item_id}/fragments", get(several)),
        ("/library/{item_id}/download", get(download)),
        ("/library/{item_id}/audio.m3u8", get(playlist)),
        ("/library/{item_id}/index.m3u8", get(playlist)),
        ("/library/{item_id}/hls/{file}", get(segment)),
    ]
}

/// The paths of the library at a node. Each needs a grant for the item that it names.
pub fn library_paths() -> Vec<&'static str> {
    table().into_iter().map(|(path, _)| path).collect()
}

/// The routes of the library.
pub(crate) fn routes(library: Arc<Library>) -> Router {
    let routes =
        table().into_iter().fold(Router::new(), |routes, (path, handler)| routes.route(path, handler));
    let window = Router::new()
        .route("/streams/{stream_id}/window/manifest", get(window_routes::manifest))
        .route("/streams/{stream_id}/window/blobs/{hash}", get(window_routes::blob));
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
    let (hash, named, mime) = library.named(&item, &hash, &request).await?;
    let content = Content::of([Part::Blob { hash, bytes: named.bytes, shift: None }]);
    let etag = quoted(&hash);
    let representation = Representation { content, mime, etag, cache: IMMUTABLE, fields: Vec::new() };
    library.respond(&request, representation).await
}

impl Library {
    /// The blob called `hash` of an item, and its type.
    async fn named(
        &self,
        item: &str,
        hash: &str,
        request: &MediaRequest,
    ) -> Result<(Hash, Named, HeaderValue), Refusal> {
        let item_id = self.admit(item, request)?;
        let hash: Hash = hash.parse().map_err(|_| Refusal::unknown_blob(hash))?;
        let media = self.manifests.get(item_id, Some(&hash)).await?;
        let named = media.named(&hash).ok_or_else(|| Refusal::unknown_blob(hash))?;
        Ok((hash, named, media.mime(named)))
    }
}

async fn download(
    State(library): State<Arc<Library>>,
    Path(item): Path<String>,
    request: MediaRequest,
) -> Answer {
    let media = library.media(&item, &request).await?;
    let fields = &request.fields;
    let first = fields.take.as_deref().map(|take| number("take", Some(take), 0)).transpose()?;
    let first = first.map(|first| usize::try_from(first).unwrap_or(usize::MAX));
    let plan = file::plan(&media.manifest, fields.mime.as_deref(), first)?;
    let content = plan.content(&library.blobs).await?;
    let container = plan.rendition().container();
    let name = fields.name.as_deref().unwrap_or_default();
    let disposition = file_name::attachment(name, &item, file::extension(&container));
    let takes = format!(
        "{}-{}/{}",
        plan.indices.start,
        plan.indices.end.saturating_sub(1),
        media.manifest.takes.len()
    );
    let takes = HeaderValue::try_from(takes).map_err(|_| Refusal::records_unavailable())?;
    let representation = Representation {
        etag: quoted(&content.hash()),
        content,
        mime: HeaderValue::try_from(container)
            .unwrap_or(HeaderValue::from_static("application/octet-stream")),
        cache: REVALIDATED,
        fields: vec![(header::CONTENT_DISPOSITION, disposition), (TAKES, takes)],
    };
    library.respond(&request, representation).await
}

async fn playlist(
    State(library): State<Arc<Library>>,
    Path(item): Path<String>,
    request: MediaRequest,
) -> Answer {
    let media = library.media(&item, &request).await?;
    let text = Bytes::from(hls::playlist(&media.manifest, &request.grant)?);
    let representation = Representation {
        etag: quoted(&Hash::of(&text)),
        content: Content::of([Part::Made(text)]),
        mime: HeaderValue::from_static("application/vnd.apple.mpegurl"),
        cache: REVALIDATED,
        fields: Vec::new(),
    };
    library.respond(&request, representation).await
}

async fn segment(
    State(library): State<Arc<Library>>,
    Path((item, file)): Path<(String, String)>,
    request: MediaRequest,
) -> Answer {
    let (hash, packing) = hls::file_name(&file).unwrap_or((&file, Packing::Mp4));
    let (hash, named, mut mime) = library.named(&item, hash, &request).await?;
    let blob = Part::Blob { hash, bytes: named.bytes, shift: None };
    let content = match packing {
        Packing::Sound => {
            let (init, fragment) = match request.fields.init.as_deref() {
                None => ((hash, named.bytes), None),
                Some(init) => {
                    let (init, of_init, _) = library.named(&item, init, &request).await?;
                    ((init, of_init.bytes), Some((hash, named.bytes)))
                }
            };
            mime = HeaderValue::from_static("audio/mp4");
            let sound = library.rewriting.sound(&library.blobs, request.address, init, fragment).await?;
            Content::of([Part::Made(sound)])
        }
        Packing::Mp4 => Content::of([blob]),
        Packing::Mp3 => {
            let at_ms = number("at_ms", request.fields.at_ms.as_deref(), 0)?;
            Content::of([Part::Made(hls::id3(at_ms)), blob])
        }
    };
    let etag = quoted(&content.hash());
    let representation = Representation { content, mime, etag, cache: IMMUTABLE, fields: Vec::new() };
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
