//! Streams that come from another node: opened, kept and dropped as the node's own readers want them.

use std::sync::Arc;

use protocol::{ErrorCode, StreamId, WireError, stream::Visibility};

use super::{Ingest, Producer, source::StreamSource};
use crate::{
    clock::Now,
    hub::{Closed, Role, SharedStream},
    lock::lock,
};

/// A stream that a client is about to watch.
pub(crate) struct Wanted {
    pub(crate) stream: SharedStream,
    /// Whether it comes from another node.
    pub(crate) is_relayed: bool,
}

impl Ingest {
    /// Begins to take a stream in from another node, by this path.
    ///
    /// # Errors
    /// `already_publishing` if it comes from somewhere already, `unknown_stream` if it is over, `no_capacity`.
    pub(crate) fn relay(
        &self,
        id: StreamId,
        visibility: Visibility,
        path: Arc<[String]>,
        now: Now,
    ) -> Result<Producer, WireError> {
        let source = self.open(&mut lock(&self.publishers), id, visibility, now)?.source().clone();
        let producer = Producer::of_relay(&source).ok_or_else(|| {
            WireError::new(ErrorCode::AlreadyPublishing, format!("stream {id} comes from somewhere already"))
        })?;
        // Where that is refused, the stream has another producer already, which the caller finds out when it writes.
        let _ = producer.path(path);
        Ok(producer)
    }

    /// The stream, if this node carries it; a client is about to watch it, so it is not dropped for a while.
    pub(crate) fn wanted(&self, id: StreamId, now: Now) -> Option<Wanted> {
        // Held throughout, so that the stream is not dropped in between.
        let publishers = lock(&self.publishers);
        let source = publishers.by_stream.get(&id)?.source();
        source.want(now);
        Some(Wanted { stream: source.stream().clone(), is_relayed: source.is_relayed() })
    }

    /// The stream, if this node carries it.
    pub(crate) fn carried(&self, id: StreamId) -> Option<SharedStream> {
        lock(&self.hub).get(id)
    }

    /// Streams whose broadcaster is gone for at least `alone_ms`, though clients here want them: it may be elsewhere.
    pub(crate) fn orphans(&self, alone_ms: u64, now: Now) -> Vec<StreamId> {
        let is_orphan = |source: &StreamSource| {
            let since_ms = source.alone_since_ms();
            !source.is_relayed()
                && since_ms.is_some_and(|since_ms| now.ms.saturating_sub(since_ms) >= alone_ms)
        };
        let orphans = self.all().into_iter().filter(|(_, source)| is_orphan(source));
        orphans.filter(|(_, source)| self.has_readers(source.stream())).map(|(id, _)| id).collect()
    }

    /// Relayed streams.
    pub(crate) fn relayed(&self) -> Vec<StreamId> {
        let relayed = self.all().into_iter().filter(|(_, source)| source.is_relayed());
        relayed.map(|(id, _)| id).collect()
    }

    /// Whether viewers or other nodes get a stream from here.
    pub(crate) fn has_readers(&self, stream: &SharedStream) -> bool {
        self.readers(stream, &[Role::Viewer, Role::Relay]) > 0
    }

    pub(super) fn readers(&self, stream: &SharedStream, roles: &[Role]) -> u32 {
        let readers = lock(stream).readers().clone();
        roles.iter().map(|role| readers.counts().now(*role)).sum()
    }

    /// Drops a relayed stream that no client here asked for since `idle_ms`.
    pub(crate) fn drop_idle(&self, id: StreamId, idle_ms: u64, now: Now) {
        let publishers = lock(&self.publishers);
        let Some(publisher) = publishers.by_stream.get(&id) else { return };
        if publisher.source().close_if_relayed(idle_ms, now) {
            self.close(publishers, id, Closed::Dropped);
        }
    }

    /// A relayed stream is without source for so long that its viewers should know.
    pub(super) fn source_is_lost(&self, id: StreamId) {
        let Some(publisher) = lock(&self.publishers).by_stream.get(&id).cloned() else { return };
        lock(publisher.source().stream()).set_path(None);
        if publisher.source().interrupt() {
            tracing::info!(stream.id = %id, "stream {id} is interrupted: no node has it");
        }
    }
}
