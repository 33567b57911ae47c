//! Streams that come from another node: opened, kept and dropped as the node's own readers want them.

use protocol::{ErrorCode, StreamId, WireError, node::Access};

use super::{
    producer::Producer,
    streams::{Ending, Ingest},
};
use crate::{
    clock::Now,
    hub::{AskKeyframe, SharedStream},
    lock::lock,
};

/// A stream that a client is about to watch.
pub(crate) struct WatchedStream {
    pub(crate) stream: SharedStream,
    /// Whether another node is its source.
    pub(crate) is_relayed: bool,
}

impl Ingest {
    /// Begins to take a stream in from another node, whose [path](Producer::path) is to be written next. Readers that need a
    /// keyframe ask the link by `ask_keyframe`.
    ///
    /// # Errors
    /// `already_publishing` if it has a source already, `unknown_stream` if it is over, `no_capacity`.
    pub(crate) fn relay(
        &self,
        id: StreamId,
        access: Access,
        ask_keyframe: AskKeyframe,
        now: Now,
    ) -> Result<Producer, WireError> {
        let source = self.open(&mut lock(&self.publishers), id, access, now)?.source().clone();
        Producer::of_relay(&source, ask_keyframe).ok_or_else(|| {
            WireError::new(ErrorCode::AlreadyPublishing, format!("stream {id} has a source already"))
        })
    }

    /// The stream, if this node carries it; a client is about to watch it, so it is not dropped for a while.
    pub(crate) fn wanted(&self, id: StreamId, now: Now) -> Option<WatchedStream> {
        // Held throughout, so that the stream is not dropped in between.
        let publishers = lock(&self.publishers);
        let source = publishers.by_stream.get(&id)?.source();
        source.want(now);
        Some(WatchedStream { stream: source.stream().clone(), is_relayed: source.is_relayed() })
    }

    /// The stream, if this node carries it.
    pub(crate) fn carried(&self, id: StreamId) -> Option<SharedStream> {
        lock(&self.hub).get(id)
    }

    /// Streams whose broadcaster is gone for at least `alone_ms`, though clients here want them: it may be elsewhere.
    pub(crate) fn orphans(&self, alone_ms: u64, now: Now) -> Vec<StreamId> {
        let orphans = self.all().into_iter().filter(|(_, source)| source.is_orphan(alone_ms, now));
        orphans.filter(|(_, source)| self.has_readers(source.stream())).map(|(id, _)| id).collect()
    }

    /// Relayed streams.
    pub(crate) fn relayed(&self) -> Vec<StreamId> {
        let relayed = self.all().into_iter().filter(|(_, source)| source.is_relayed());
        relayed.map(|(id, _)| id).collect()
    }

    /// Whether viewers, other nodes or this node itself read a stream here.
    pub(crate) fn has_readers(&self, stream: &SharedStream) -> bool {
        lock(stream).readers().are_some()
    }

    /// Drops a relayed stream that no client here asked for since `idle_ms`.
    pub(crate) fn drop_idle(&self, id: StreamId, idle_ms: u64, now: Now) {
        self.close_if(id, Ending::Dropped, |source| source.close_if_idle(idle_ms, now));
    }
}
