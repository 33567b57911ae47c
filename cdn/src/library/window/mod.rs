//! The window of a live stream over plain HTTP, for viewers that go back: a manifest as that of an item, whose fragments are the whole
//! groups that the node still has.
//!
//! A public stream needs no grant, as for watching it. Groups are named by their content, which is hashed once, when the first
//! manifest names it. A window that no client asks for costs nothing. Groups are served as blobs of a store of their own, so that
//! requests for the same group share it, few are written at once, and none for an answer without a body.

mod groups;
mod store;
mod timeline;

use std::sync::{Arc, Mutex};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use protocol::{
    ErrorCode, Format, ItemId, StreamId,
    grant::Action,
    item::{Fragment, Manifest, ManifestTake},
    stream::{StreamState, Visibility},
};

use self::{
    groups::{Group, media, whole_groups},
    store::GroupStore,
    timeline::{Timeline, blob_of},
};
use super::{
    Library,
    blobs::Blobs,
    content::{Content, Part},
    refusal::Refusal,
    request::MediaRequest,
    respond::{IMMUTABLE, Representation},
};
use crate::{
    hub::{Hub, SharedStream},
    lock::lock,
};

type Answer = Result<Response, Refusal>;

/// The windows of which clients asked for a manifest.
pub(super) struct Windows {
    store: Arc<GroupStore>,
    groups: Arc<Blobs>,
}

/// A take as its media is written.
struct Written {
    format: Format,
    mime: String,
    init: Bytes,
}

impl Windows {
    /// At most `most_bytes` of groups are kept in memory for further requests.
    pub(super) fn new(hub: Arc<Mutex<Hub>>, most_bytes: u64) -> Self {
        let store = GroupStore::new(hub);
        // The metrics of reads are those of the object store.
        let groups = Blobs::new(Arc::new(store.clone()), None, most_bytes, Arc::default());
        Self { store, groups }
    }

    /// Bytes of groups in memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.groups.memory_bytes()
    }

    fn stream(&self, id: StreamId) -> Result<SharedStream, Refusal> {
        self.store.stream(id).ok_or_else(|| unknown_stream(&id.to_string()))
    }
}

/// `GET /streams/{stream_id}/window/manifest`.
pub(super) async fn manifest(
    State(library): State<Arc<Library>>,
    Path(stream): Path<String>,
    request: MediaRequest,
) -> Answer {
    let (id, stream) = library.window_of(&stream, &request)?;
    let timeline = library.windows.store.timeline(id);
    let manifest = blocking(move || manifest_of(id, &stream, &mut lock(&timeline))).await?;
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(manifest)).into_response())
}

/// `GET /streams/{stream_id}/window/blobs/{hash}`.
pub(super) async fn blob(
    State(library): State<Arc<Library>>,
    Path((stream, hash)): Path<(String, String)>,
    request: MediaRequest,
) -> Answer {
    let (id, stream) = library.window_of(&stream, &request)?;
    let timeline = library.windows.store.timeline(id);
    let wanted = hash.clone();
    let (mime, part) = blocking(move || find(&stream, &lock(&timeline), &wanted))
        .await?
        .ok_or_else(|| Refusal::unknown_blob(&hash))?;
    let representation = Representation {
        content: Content::of([part]),
        mime: HeaderValue::try_from(mime).unwrap_or(HeaderValue::from_static("application/octet-stream")),
        etag: HeaderValue::try_from(format!("\"{hash}\"")).map_err(|_| Refusal::unknown_blob(&hash))?,
        cache: IMMUTABLE,
        fields: Vec::new(),
    };
    library.respond_from(&library.windows.groups, &request, representation).await
}

impl Library {
    /// The stream whose window a request is for, if its client may watch it.
    fn window_of(&self, stream: &str, request: &MediaRequest) -> Result<(StreamId, SharedStream), Refusal> {
        let id: StreamId = stream.parse().map_err(|_| unknown_stream(stream))?;
        let stream = self.windows.stream(id)?;
        if lock(&stream).visibility() != Visibility::Public {
            let granted = self.grants.verify(&request.grant, id, Action::Watch, self.clock.now());
            granted.map_err(Refusal::bad_grant)?;
        }
        Ok((id, stream))
    }
}

fn unknown_stream(id: &str) -> Refusal {
    let message = format!("this node does not carry stream {id:.32}");
    Refusal::new(StatusCode::NOT_FOUND, ErrorCode::UnknownStream, message)
}

/// Writing and hashing megabytes would hold other tasks up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::objects_unavailable())
}

/// The whole groups as fragments.
fn manifest_of(id: StreamId, stream: &SharedStream, timeline: &mut Timeline) -> Manifest {
    let groups = whole_groups(stream);
    timeline.follow(&groups);
    let takes = groups.chunk_by(|a, b| a.name.take == b.name.take);
    let takes = takes.filter_map(|groups| take_of(stream, timeline, groups)).collect();
    let is_growing = {
        let stream = lock(stream);
        stream.closed().is_none() && stream.state() != StreamState::Ended
    };
    Manifest { item_id: ItemId::from(id), is_growing, takes }
}

/// Groups of one take; none if it cannot be written.
fn take_of(stream: &SharedStream, timeline: &mut Timeline, groups: &[Group]) -> Option<ManifestTake> {
    let take = groups.first()?.name.take;
    let written = written(stream, take)?;
    let offset_ms = timeline.offset_ms(take);
    let fragments = groups.iter().filter_map(|group| {
        let blob = match timeline.blob(group.name) {
            Some(known) => known.clone(),
            None => timeline.name(group.name, &media(stream, group, written.format)?),
        };
        let start_ms = group.start_ms.saturating_add_signed(offset_ms);
        Some(Fragment { blob, start_ms, duration_ms: group.end_ms - group.start_ms })
    });
    let fragments = fragments.collect();
    let init = Some(blob_of(&written.init));
    Some(ManifestTake { mime: written.mime, init, fragments, offset_ms, alternatives: Vec::new() })
}

/// How a take is written: in the format that players get if they ask for none.
fn written(stream: &SharedStream, take: u64) -> Option<Written> {
    let stream = lock(stream);
    let renditions = stream.ring().renditions(take)?;
    let format = renditions.choose(None)?;
    let init = renditions.init(format)?;
    Some(Written { format, mime: init.mime.clone(), init: init.data.clone() })
}

/// The media with this name, and its type: a group that a manifest named, or the init segment of a take.
fn find(stream: &SharedStream, timeline: &Timeline, hash: &str) -> Option<(String, Part)> {
    let groups = whole_groups(stream);
    if let Some((name, bytes)) = timeline.find(hash) {
        groups.iter().find(|group| group.name == name)?;
        let part = Part::Blob { hash: hash.parse().ok()?, bytes, shift: None };
        return Some((written(stream, name.take)?.mime, part));
    }
    let takes = groups.chunk_by(|a, b| a.name.take == b.name.take);
    let mut inits = takes.filter_map(|groups| written(stream, groups.first()?.name.take));
    let written = inits.find(|written| blob_of(&written.init).hash == hash)?;
    Some((written.mime, Part::Made(written.init)))
}
