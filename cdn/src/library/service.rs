//! What the paths of the library work with, made once for the node.

use std::sync::{Arc, Mutex};

use objects::Folder;
use per_address::Shares;
use protocol::ItemId;

use super::{
    blobs::{BlobStore, Blobs},
    disk::DiskCache,
    files::OpenFiles,
    manifests::{ManifestSource, Manifests},
    media::ItemMedia,
    refusal::Refusal,
    request::{self, MediaRequest},
    sound::Rewriting,
    window::Windows,
};
use crate::{clock::Clock, config::Limits, grants::Grants, hub::Hub, metrics::Metrics};

/// Which part of the memory for blobs is for groups of windows.
const WINDOW_SHARE: u64 = 4;

/// What the library needs of the node.
pub(crate) struct LibraryContext {
    pub(crate) hub: Arc<Mutex<Hub>>,
    pub(crate) manifests: Arc<dyn ManifestSource>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    /// The object store's files, if it is a folder on this machine.
    pub(crate) folder: Option<Arc<Folder>>,
    pub(crate) disk: Option<DiskCache>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
}

/// See the [module](super).
pub(crate) struct Library {
    pub(super) manifests: Manifests,
    pub(super) windows: Windows,
    pub(super) blobs: Arc<Blobs>,
    pub(super) files: Option<Arc<OpenFiles>>,
    pub(super) grants: Arc<Grants>,
    pub(super) places: Arc<Shares>,
    pub(super) rewriting: Rewriting,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
}

impl Library {
    pub(crate) fn new(context: LibraryContext) -> Arc<Self> {
        let LibraryContext { hub, manifests, blobs, folder, disk, grants, limits, metrics, clock } = context;
        let window_bytes = limits.library_cache_bytes / WINDOW_SHARE;
        let blobs = Blobs::new(blobs, disk, limits.library_cache_bytes - window_bytes, metrics.clone());
        let most_open = limits.library_open_files;
        let files = folder.map(|folder| OpenFiles::new(folder, most_open, metrics.clone(), clock.clone()));
        Arc::new(Self {
            manifests: Manifests::new(manifests, clock.clone()),
            windows: Windows::new(hub, window_bytes),
            blobs,
            files,
            grants,
            places: Shares::new(limits.library_responses as usize, None),
            rewriting: Rewriting::new(),
            metrics,
            clock,
        })
    }

    /// Bytes of blobs in memory, with those of windows.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.blobs.memory_bytes() + self.windows.memory_bytes()
    }

    /// Closes files that are not needed any more, until it is dropped.
    pub(crate) async fn close_unused_files(self: Arc<Self>) {
        if let Some(files) = &self.files {
            files.close_unused().await;
        }
    }

    /// Checks the grant of a request for an item.
    pub(super) fn admit(&self, item_id: &str, request: &MediaRequest) -> Result<ItemId, Refusal> {
        let item_id = request::item_id(item_id)?;
        let granted = self.grants.verify_item(&request.grant, item_id, self.clock.now());
        granted.map_err(Refusal::bad_grant).map(|()| item_id)
    }

    /// The media of the item that a request is for.
    pub(super) async fn media(
        &self,
        item_id: &str,
        request: &MediaRequest,
    ) -> Result<Arc<ItemMedia>, Refusal> {
        let item_id = self.admit(item_id, request)?;
        self.manifests.get(item_id, None).await
    }
}
