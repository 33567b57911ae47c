//! What recording needs of the node.

use std::{sync::Arc, time::Duration};

use objects::Objects;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::spool::Spool;
use crate::{
    clock::Clock,
    control::Control,
    metrics::Metrics,
    relay::{OpenedStreams, Relays},
};

/// Most recordings that read runs and write them to the disk at once: each may hold some MiB.
const WRITING_AT_ONCE: usize = 4;
/// Most recordings that wait for the disk to sync at once.
const SYNCING_AT_ONCE: usize = 4;
/// Most fragments that are uploaded at once: each is in memory as a whole.
const UPLOADS_AT_ONCE: usize = 4;

/// What recording needs of a node that can record.
#[derive(Clone)]
pub(crate) struct RecorderParts {
    pub(crate) relays: Arc<Relays>,
    /// Tells of streams that begin here.
    pub(crate) opened: Arc<OpenedStreams>,
    pub(crate) control: Arc<Control>,
    pub(crate) objects: Objects,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    /// Most bytes of one group.
    pub(crate) group_bytes: u64,
    /// How long a stream waits for its broadcaster.
    pub(crate) grace: Duration,
    pub(crate) shutdown: CancellationToken,
}

/// What all recordings of a node share.
pub(super) struct RecorderContext {
    pub(super) parts: RecorderParts,
    pub(super) spool: Arc<Spool>,
    pub(super) writing: Semaphore,
    pub(super) uploads: Semaphore,
    pub(super) syncing: Arc<Semaphore>,
}

impl RecorderContext {
    pub(super) fn new(parts: RecorderParts, spool: Spool) -> Self {
        let (writing, uploads) = (Semaphore::new(WRITING_AT_ONCE), Semaphore::new(UPLOADS_AT_ONCE));
        let syncing = Arc::new(Semaphore::new(SYNCING_AT_ONCE));
        Self { parts, spool: Arc::new(spool), writing, uploads, syncing }
    }

    /// Runs `work`, which reaches the disk, on a thread for that. None if it panicked, or the node has stopped.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Spool>) -> T + Send + 'static,
    ) -> Option<T> {
        let spool = self.spool.clone();
        tokio::task::spawn_blocking(move || work(&spool)).await.ok()
    }
}
