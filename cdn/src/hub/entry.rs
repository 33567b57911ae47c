//! A run of frames as the ring keeps it, with the chunks that were made of it.

use std::sync::Arc;

use bytes::BytesMut;
use media::{Frame, Run};
use protocol::{Format, event::ChunkHead};

use crate::rendition::{Chunk, index_of};

/// Bytes that a run or a chunk costs besides frames and data, so that many tiny ones are bounded too.
pub(super) const OVERHEAD_BYTES: u64 = 512;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) head: ChunkHead,
    pub(super) arrived_ms: u64,
    pub(super) run: Run,
    /// By [`index_of`] of their format, each made when its first reader wanted it.
    chunks: [Option<Arc<Chunk>>; Format::ALL.len()],
    /// Bytes of its frames' data.
    data_bytes: u64,
    /// Whether its frames' data are in memory that is counted. Until then they may be slices of a segment.
    settled: bool,
}

impl Entry {
    pub(super) fn new(head: ChunkHead, run: Run, arrived_ms: u64) -> Self {
        let data_bytes = run.frames.iter().map(|frame| frame.data.len() as u64).sum();
        Self { head, arrived_ms, run, chunks: Default::default(), data_bytes, settled: false }
    }

    /// Bytes of its frames' data.
    pub(super) fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    /// What it costs without any chunk.
    pub(super) fn run_bytes(&self) -> u64 {
        let frames = self.run.frames.capacity() * size_of::<Frame>();
        self.data_bytes + frames as u64 + OVERHEAD_BYTES
    }

    /// What it costs. The first chunk holds the frames' data.
    pub(super) fn bytes(&self) -> u64 {
        let made = self.chunks.iter().flatten().map(|chunk| chunk.bytes as u64 + OVERHEAD_BYTES);
        let made: u64 = made.sum();
        self.run_bytes() - if made > 0 { self.data_bytes } else { 0 } + made
    }

    /// The chunk in `format`, if it was made.
    pub(super) fn chunk(&self, format: Format) -> Option<&Arc<Chunk>> {
        self.chunks[index_of(format)].as_ref()
    }

    /// Whether no chunk was made, so that the first one is to hold the frames' data.
    pub(super) fn has_no_chunk(&self) -> bool {
        self.chunks.iter().all(Option::is_none)
    }

    /// Keeps a chunk that was made. The first one holds the frames' data.
    pub(super) fn keep(&mut self, format: Format, chunk: Arc<Chunk>) {
        self.settled = true;
        self.chunks[index_of(format)] = Some(chunk);
    }

    /// Gives the frames memory of their own, unless a chunk holds them: a slice of a segment keeps all of that.
    pub(super) fn settle(&mut self) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let mut own = BytesMut::with_capacity(self.data_bytes as usize);
        for frame in &mut self.run.frames {
            own.extend_from_slice(&frame.data);
            frame.data = own.split().freeze();
        }
    }
}
