//! One live stream on this node: its ring, its state, where it comes from, and when its takes were captured.

use std::sync::Arc;

use media::{Run, Track};
use protocol::{
    Format, Formats, StreamId,
    stream::{StreamState, Visibility},
};

use super::{
    readers::Readers,
    ring::{Error, Ring},
    span::Span,
    upstream::Upstream,
};
use crate::rendition::{Chunk, Renditions};

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
    visibility: Visibility,
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
    pub(super) fn new(id: StreamId, visibility: Visibility, ring: Ring) -> Self {
        let path = Some(Arc::default());
        let last_path = Arc::default();
        let state = StreamState::Created;
        Self {
            id,
            visibility,
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

    /// Whether it may be watched without a grant.
    pub fn visibility(&self) -> Visibility {
        self.visibility
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

    /// Nothing more comes. The first reason given stays.
    pub fn close(&mut self, why: Closed) {
        if why == Closed::Ended {
            self.set_state(StreamState::Ended);
        }
        self.closed.get_or_insert(why);
    }

    /// Why nothing more comes; none while the node carries the stream.
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

    /// Server-clock time at which timestamp 0 of the current take was captured, if the broadcaster told.
    pub fn epoch_ms(&self) -> Option<i64> {
        self.epoch_ms
    }

    /// Corrects [`LiveStream::epoch_ms`] for the chunks to come.
    pub fn set_epoch_ms(&mut self, epoch_ms: Option<i64>) {
        self.epoch_ms = epoch_ms;
    }

    /// Hostnames of the nodes it comes through, origin first; empty if it is published here, none while it has no origin.
    pub fn path(&self) -> Option<&Arc<[String]>> {
        self.path.as_ref()
    }

    /// The newest way it came, also while it does not.
    pub fn last_path(&self) -> &Arc<[String]> {
        &self.last_path
    }

    /// It comes through these nodes from now on. A new stream counts as published here until this says otherwise.
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

    /// Sets the tracks of the current take.
    ///
    /// # Errors
    /// Those of [`Ring::push_tracks`].
    pub fn push_tracks(&mut self, tracks: Arc<[Track]>) -> Result<(), Error> {
        self.ring.push_tracks(self.take, tracks)
    }

    /// Appends a run of `take`, stamped with its capture time if that is known.
    ///
    /// # Errors
    /// Those of [`Ring::push`].
    pub fn push(&mut self, take: u64, run: Run, now_ms: u64) -> Result<(), Error> {
        let captured_ms = |epoch_ms: i64| epoch_ms.saturating_add_unsigned(run.pts_us() / 1000);
        let captured_at_ms = self.epoch_ms.map(captured_ms);
        self.ring.push(take, run, captured_at_ms, now_ms)
    }

    /// See [`Ring::segment_done`].
    pub fn segment_done(&mut self, segment_bytes: u64) {
        self.ring.segment_done(segment_bytes);
    }

    /// See [`Ring::chunk`].
    pub fn chunk(&mut self, position: u64, format: Format) -> Option<Arc<Chunk>> {
        self.ring.chunk(position, format)
    }

    /// Runs are missing before the next one: see [`Ring::gap`].
    pub fn gap(&mut self) {
        self.ring.gap();
    }

    /// The next run is the one after `last`: see [`Ring::follow`].
    pub fn follow(&mut self, last: Span) {
        self.ring.follow(last);
    }

    pub(super) fn ring_mut(&mut self) -> &mut Ring {
        &mut self.ring
    }
}
