//! One live stream on this node: its ring, its state, its source, and when its takes were captured.

use std::sync::{Arc, Mutex};

use protocol::{Formats, StreamId, node::Access, stream::StreamState};

use super::{readers::Readers, ring::Ring, upstream::Upstream};
use crate::rendition::Renditions;

/// A stream, shared between its producer and its readers.
pub type SharedStream = Arc<Mutex<LiveStream>>;

/// Why a node carries a stream no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The stream is over, for good.
    Ended,
    /// This node stopped carrying it. The stream is not over: other nodes may have it.
    Dropped,
}

/// One live publication. Its producer writes, its viewers' cursors read [`LiveStream::ring`].
pub struct LiveStream {
    id: StreamId,
    access: Access,
    state: StreamState,
    closed: Option<Closed>,
    take: u64,
    epoch_ms: Option<i64>,
    path: Option<Arc<[String]>>,
    last_path: Arc<[String]>,
    ring: Ring,
    readers: Arc<Readers>,
    upstream: Arc<Upstream>,
}

impl LiveStream {
    pub(super) fn new(id: StreamId, access: Access, ring: Ring) -> Self {
        let path = Some(Arc::default());
        let last_path = Arc::default();
        let state = StreamState::Created;
        Self {
            id,
            access,
            state,
            closed: None,
            take: 0,
            epoch_ms: None,
            path,
            last_path,
            ring,
            readers: Arc::default(),
            upstream: Arc::default(),
        }
    }

    /// Its id.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Which viewers may watch it.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Changes it for viewers that come from now on. At [`Access::Asked`], those that are here and were not asked are disconnected, too, once
    /// the readers learn of the [change](Readers::changed).
    pub fn set_access(&mut self, access: Access) {
        self.access = access;
    }

    /// Its readers.
    pub fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }

    /// What its readers ask of its producer.
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// How it is doing.
    pub fn state(&self) -> StreamState {
        self.state
    }

    /// Changes how it is doing; a closed stream stays as it is. Says whether that changed anything.
    pub fn set_state(&mut self, state: StreamState) -> bool {
        let changes = self.state != state && self.closed.is_none();
        if changes {
            self.state = state;
        }
        changes
    }

    /// The stream is closed. The first reason stays.
    pub fn close(&mut self, why: Closed) {
        if why == Closed::Ended {
            self.set_state(StreamState::Ended);
        }
        self.closed.get_or_insert(why);
    }

    /// Why the stream is closed; `None` while the node carries it.
    pub fn closed(&self) -> Option<Closed> {
        self.closed
    }

    /// The current take.
    pub fn take(&self) -> u64 {
        self.take
    }

    /// The current take is now `take`.
    pub fn begin_take(&mut self, take: u64) {
        self.take = take;
        self.epoch_ms = None;
    }

    /// Server-clock time at which timestamp 0 of the current take was captured, if the broadcaster sent capture times.
    pub fn epoch_ms(&self) -> Option<i64> {
        self.epoch_ms
    }

    /// Server-clock time at which what has timestamp `pts_us` in the current take was captured, if that is known.
    pub fn captured_at_ms(&self, pts_us: u64) -> Option<i64> {
        self.epoch_ms.map(|epoch_ms| epoch_ms.saturating_add_unsigned(pts_us / 1000))
    }

    /// Corrects [`LiveStream::epoch_ms`] for the chunks to come.
    pub fn set_epoch_ms(&mut self, epoch_ms: Option<i64>) {
        self.epoch_ms = epoch_ms;
    }

    /// Hostnames of the nodes on its path, origin first; empty if it is published here, `None` while it has no origin.
    pub fn path(&self) -> Option<&Arc<[String]>> {
        self.path.as_ref()
    }

    /// Its newest path, also while it has no source.
    pub fn last_path(&self) -> &Arc<[String]> {
        &self.last_path
    }

    /// Sets the nodes on its path. Until the first call, a new stream counts as published here.
    pub fn set_path(&mut self, path: Option<Arc<[String]>>) {
        if let Some(path) = &path {
            self.last_path = path.clone();
        }
        self.path = path;
    }

    /// The current take's renditions; none until its tracks are known.
    pub fn renditions(&self) -> Option<&Renditions> {
        self.ring.renditions(self.take)
    }

    /// The type of the current take's chunks for a reader of these formats; none until its tracks are known, or if it cannot be
    /// written in any of them.
    pub fn mime(&self, formats: Option<Formats>) -> Option<&str> {
        let renditions = self.renditions()?;
        Some(&renditions.init(renditions.choose(formats)?)?.mime)
    }

    /// Its window of runs.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The window, for the stream's producer and for what makes chunks.
    pub fn ring_mut(&mut self) -> &mut Ring {
        &mut self.ring
    }
}
