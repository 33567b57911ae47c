//! The window of a live stream over plain HTTP, for viewers that go back: a manifest as that of an item, whose fragments are the whole
//! groups that the node still has.
//!
//! A public stream needs no grant, as for watching it. Groups are named by their content, which is hashed once, when the first
//! manifest names it. A window that no client asks for costs nothing. Groups are served as blobs of a store of their own, so that
//! requests for the same group share it, few are written at once, and none for an answer without a body.

mod groups;
mod store;
mod timeline;
mod written;

use std::sync::{Arc, Mutex};

use protocol::{
    ItemId, StreamId,
    item::{Fragment, Manifest, ManifestTake},
    stream::StreamState,
};

use self::{
    groups::{Group, media, whole_groups},
    store::GroupStore,
    timeline::{Timeline, blob_of},
    written::written,
};
use super::{blobs::Blobs, content::Part};
use crate::{
    hub::{Hub, SharedStream},
    lock::lock,
};

/// The windows of which clients asked for a manifest.
pub(super) struct Windows {
    store: Arc<GroupStore>,
    groups: Arc<Blobs>,
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

    /// The stream, if the node carries it.
    pub(super) fn stream(&self, id: StreamId) -> Option<SharedStream> {
        self.store.stream(id)
    }

    /// The whole groups as fragments; none if that failed.
    pub(super) async fn manifest(&self, id: StreamId, stream: SharedStream) -> Option<Manifest> {
        let timeline = self.store.timeline(id);
        blocking(move || manifest_of(id, &stream, &mut lock(&timeline))).await
    }

    /// The type and the media with this name; none if no manifest named it, or if reading failed.
    pub(super) async fn find(
        &self,
        id: StreamId,
        stream: SharedStream,
        hash: String,
    ) -> Option<(String, Part)> {
        let timeline = self.store.timeline(id);
        blocking(move || find(&stream, &lock(&timeline), &hash)).await.flatten()
    }

    /// The groups that were written.
    pub(super) fn groups(&self) -> &Arc<Blobs> {
        &self.groups
    }
}

/// Writing and hashing megabytes would hold other tasks up. None if the work panicked, or the node has stopped.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
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
