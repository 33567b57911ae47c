//! The library's media: manifests, blobs, several fragments at once, whole files and playlists of items, over plain HTTP.
//!
//! ```text
//! client ── grant for the item ─► manifest (from main servers, cached) ── names ─► blobs (from the object store, cached)
//! ```
//!
//! Every request needs a grant for the item, and a blob is served only if the manifest of that item names it. Nothing of an item is
//! kept here for good. Live media does not pass here, but for what viewers that go back ask for ([`window`]), and comes first: what is read and sent at once is bounded (see
//! [`blobs`], [`body`]), and what is sent counts as the node's egress.

mod blob;
mod blobs;
mod body;
mod byte_lru;
mod content;
mod disk;
mod file;
mod file_name;
mod fragments;
mod hls;
mod main_servers;
mod manifests;
mod media;
mod refusal;
mod request;
mod respond;
mod routes;
mod selection;
mod window;

use std::sync::{Arc, Mutex};

use axum::Router;
use per_address::Shares;
use protocol::ItemId;

pub(crate) use self::{
    blobs::BlobStore, disk::DiskCache, fragments::FRAGMENTS, main_servers::manifest_source,
    manifests::ManifestSource, routes::TAKES,
};
use self::{
    blobs::Blobs, manifests::Manifests, media::ItemMedia, refusal::Refusal, request::MediaRequest,
    window::Windows,
};
pub use self::{fragments::MAX_FRAGMENTS, routes::library_paths};
use crate::{clock::Clock, config::Limits, grants::Grants, hub::Hub, metrics::Metrics};

/// Which part of the memory for blobs is for groups of windows.
const WINDOW_SHARE: u64 = 4;

/// What the library needs of the node.
pub(crate) struct LibraryContext {
    pub(crate) hub: Arc<Mutex<Hub>>,
    pub(crate) manifests: Arc<dyn ManifestSource>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) disk: Option<DiskCache>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
}

/// See the [module](self).
pub(crate) struct Library {
    manifests: Manifests,
    windows: Windows,
    blobs: Arc<Blobs>,
    grants: Arc<Grants>,
    places: Arc<Shares>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Library {
    pub(crate) fn new(context: LibraryContext) -> Arc<Self> {
        let LibraryContext { hub, manifests, blobs, disk, grants, limits, metrics, clock } = context;
        let window_bytes = limits.library_cache_bytes / WINDOW_SHARE;
        let blobs = Blobs::new(blobs, disk, limits.library_cache_bytes - window_bytes, metrics.clone());
        Arc::new(Self {
            manifests: Manifests::new(manifests, clock.clone()),
            windows: Windows::new(hub, window_bytes),
            blobs,
            grants,
            places: Shares::new(limits.library_responses as usize, None),
            metrics,
            clock,
        })
    }

    /// Where clients ask.
    pub(crate) fn routes(self: Arc<Self>) -> Router {
        routes::routes(self)
    }

    /// Bytes of blobs in memory, with those of windows.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.blobs.memory_bytes() + self.windows.memory_bytes()
    }

    /// Checks the grant of a request for an item.
    fn admit(&self, item_id: &str, request: &MediaRequest) -> Result<ItemId, Refusal> {
        let item_id = request::item_id(item_id)?;
        let granted = self.grants.verify_item(&request.grant, item_id, self.clock.now());
        granted.map_err(Refusal::bad_grant).map(|()| item_id)
    }

    /// The media of the item that a request is for.
    async fn media(&self, item_id: &str, request: &MediaRequest) -> Result<Arc<ItemMedia>, Refusal> {
        let item_id = self.admit(item_id, request)?;
        self.manifests.get(item_id, None).await
    }
}
