//! Streams that come from another node: the same rings, written by a [`Feed`] instead of a broadcaster.
//!
//! A feed ends when a broadcaster registers here, when the stream is over, or when this node drops it; from then on everything
//! it brings is [`Refused`], under the same lock that made it so.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{
    ErrorCode, StreamId, WireError,
    event::ChunkName,
    stream::{StreamState, Visibility},
};
use tokio_util::sync::CancellationToken;

use super::{Ingest, Publisher, node_full};
use crate::{
    clock::Now,
    hub::{Chunk, Closed, LiveStream, SharedStream},
    lock::lock,
};

/// The stream does not come this way any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// A stream that somebody is about to watch.
pub(crate) struct Wanted {
    pub(crate) stream: SharedStream,
    /// Whether it comes from another node.
    pub(crate) is_relayed: bool,
}

/// Writes a stream that comes from another node.
pub(crate) struct Feed {
    id: StreamId,
    ingest: Arc<Ingest>,
    publisher: Arc<Publisher>,
    stop: CancellationToken,
}

impl Ingest {
    /// Begins to take a stream in from another node, by this path.
    ///
    /// # Errors
    /// `already_publishing` if it comes from somewhere already, `unknown_stream` if it is over, `no_capacity`.
    pub(crate) fn relay(
        self: &Arc<Self>,
        id: StreamId,
        visibility: Visibility,
        path: Arc<[String]>,
        now: Now,
    ) -> Result<Feed, WireError> {
        let mut publishers = lock(&self.publishers);
        publishers.check_not_over(id)?;
        let known = publishers.by_stream.get(&id).cloned();
        let publisher = match &known {
            Some(publisher) => publisher.clone(),
            None => {
                let stream = lock(&self.hub).open(id, visibility).ok_or_else(node_full)?;
                Arc::new(Publisher::new(stream, self.limits.stream_bytes_per_s, now))
            }
        };
        let stop = publisher.relay().ok_or_else(|| {
            WireError::new(ErrorCode::AlreadyPublishing, format!("stream {id} comes from somewhere already"))
        })?;
        publishers.by_stream.insert(id, publisher.clone());
        if known.is_none() {
            let stream = publisher.stream();
            lock(stream).set_path(Some(path));
            self.followers.iter().for_each(|follower| follower.opened(stream));
        }
        Ok(Feed { id, ingest: self.clone(), publisher, stop })
    }

    /// The stream, if this node carries it; a client is about to watch it, so it is not dropped for a while.
    pub(crate) fn wanted(&self, id: StreamId, now: Now) -> Option<Wanted> {
        // Held throughout, so that the stream is not dropped in between.
        let publishers = lock(&self.publishers);
        let publisher = publishers.by_stream.get(&id)?;
        publisher.want(now);
        Some(Wanted { stream: publisher.stream().clone(), is_relayed: publisher.is_relayed() })
    }

    /// The stream, if this node carries it.
    pub(crate) fn carried(&self, id: StreamId) -> Option<SharedStream> {
        lock(&self.hub).get(id)
    }

    /// Streams whose broadcaster is gone for at least `alone_ms`, though somebody here wants them: it may be elsewhere.
    pub(crate) fn orphans(&self, alone_ms: u64, now: Now) -> Vec<StreamId> {
        let is_orphan = |publisher: &Publisher| {
            let since_ms = publisher.alone_since_ms();
            !publisher.is_relayed()
                && since_ms.is_some_and(|since_ms| now.ms.saturating_sub(since_ms) >= alone_ms)
        };
        let orphans = self.all().into_iter().filter(|(_, publisher)| is_orphan(publisher));
        orphans.map(|(id, _)| id).filter(|id| self.readers(*id) > 0).collect()
    }

    /// Relayed streams.
    pub(crate) fn relayed(&self) -> Vec<StreamId> {
        let relayed = self.all().into_iter().filter(|(_, publisher)| publisher.is_relayed());
        relayed.map(|(id, _)| id).collect()
    }

    /// Who gets a stream from here: viewers and other nodes.
    pub(crate) fn readers(&self, id: StreamId) -> u32 {
        let readers = self.followers.iter().map(|follower| follower.readers(id));
        readers.map(|(viewers, relays)| viewers.saturating_add(relays)).sum()
    }

    /// Drops a relayed stream that no client here asked for since `idle_ms`.
    pub(crate) fn drop_idle(&self, id: StreamId, idle_ms: u64, now: Now) {
        let publishers = lock(&self.publishers);
        let Some(publisher) = publishers.by_stream.get(&id) else { return };
        if publisher.close_if_relayed(idle_ms, now) {
            self.close(publishers, id, Closed::Dropped);
        }
    }

    /// A relayed stream is without source for so long that its viewers should know.
    pub(super) fn source_is_lost(&self, id: StreamId) {
        let Some(publisher) = lock(&self.publishers).by_stream.get(&id).cloned() else { return };
        lock(publisher.stream()).set_path(None);
        if publisher.interrupt() {
            tracing::info!(stream.id = %id, "stream {id} is interrupted: no node has it");
            self.followers.iter().for_each(|follower| follower.state_changed(id));
        }
    }
}

impl Feed {
    /// Cancelled when the stream does not come this way any more.
    pub(crate) fn stopped(&self) -> &CancellationToken {
        &self.stop
    }

    /// The newest chunk this node has.
    pub(crate) fn newest(&self) -> Option<ChunkName> {
        lock(self.publisher.stream()).ring().newest_name()
    }

    /// A node to pull from is found, and this is the way the stream comes.
    pub(crate) fn path(&self, path: Arc<[String]>) -> Result<(), Refused> {
        let changed = self.write(|stream| {
            let changed = stream.path() != Some(&path);
            stream.set_path(Some(path));
            changed
        })?;
        self.publisher.set_lost(&self.stop, None);
        if changed {
            self.state_changed();
        }
        Ok(())
    }

    /// The node it is pulled from is gone.
    pub(crate) fn lost(&self, now: Now) {
        self.publisher.set_lost(&self.stop, Some(now));
    }

    /// How the stream is doing where it comes from.
    pub(crate) fn state(&self, state: StreamState) -> Result<(), Refused> {
        if self.write(|stream| stream.set_state(state))? {
            self.state_changed();
        }
        Ok(())
    }

    /// Chunks are missing before the next one.
    pub(crate) fn gap(&self) -> Result<(), Refused> {
        self.write(LiveStream::gap)
    }

    /// An init segment; the first of a take begins it.
    pub(crate) fn init(
        &self,
        take: u64,
        mime: String,
        origin_ms: Option<i64>,
        data: Bytes,
    ) -> Result<(), Refused> {
        self.write(|stream| {
            if stream.take() != take {
                stream.begin_take(take);
            }
            stream.set_origin_ms(origin_ms);
            stream.push_init(mime, data);
        })?;
        self.state_changed();
        Ok(())
    }

    /// A chunk. One that is here already is passed over; one that does not follow what is here shows as a gap.
    pub(crate) fn chunk(&self, chunk: Chunk, now: Now) -> Result<(), Refused> {
        let bytes = chunk.data.len() as u64;
        let pushed = self.write(|stream| {
            // None too: else the hub would fill in a time that the origin does not know any more.
            if chunk.name.take == stream.take() {
                let captured_ms =
                    chunk.captured_at_ms.map(|at_ms| at_ms.saturating_sub_unsigned(chunk.pts_ms));
                stream.set_origin_ms(captured_ms);
            }
            let newest = stream.ring().newest_name();
            if newest.is_some_and(|newest| newest < chunk.name && !may_follow(newest, chunk.name)) {
                stream.gap();
            }
            stream.push(chunk, now.ms)
        })?;
        let Ok(()) = pushed else { return Ok(()) };
        self.ingest.metrics.relay_bytes_in.add(bytes);
        self.ingest.metrics.relay_chunks_in.add(1);
        self.ingest.keep_budget();
        self.ingest.followers.iter().for_each(|follower| follower.appended(self.id));
        Ok(())
    }

    /// The stream is over.
    pub(crate) fn ended(&self) {
        if !self.stop.is_cancelled() {
            self.ingest.finish(self.id);
        }
    }

    fn write<T>(&self, write: impl FnOnce(&mut LiveStream) -> T) -> Result<T, Refused> {
        self.publisher.unless_stopped(&self.stop, write).ok_or(Refused)
    }

    fn state_changed(&self) {
        self.ingest.followers.iter().for_each(|follower| follower.state_changed(self.id));
    }
}

/// Whether `next` can be the very next chunk after `newest`.
fn may_follow(newest: ChunkName, next: ChunkName) -> bool {
    let in_group = next.group == newest.group && Some(next.index) == newest.index.checked_add(1);
    let next_group = Some(next.group) == newest.group.checked_add(1) && next.index == 0;
    next.take > newest.take || (next.take == newest.take && (in_group || next_group))
}
