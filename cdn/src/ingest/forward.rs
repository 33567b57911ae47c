//! How long a segment takes through the node: one event at target `undead::forward`, level TRACE.
//!
//! A segment's record is held by every pump until it served its viewers, and by the receipt of each new chunk until that
//! viewer's connection took it. The last holder that drops it writes the event. Without a listener for them there are no records.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use protocol::{StreamId, event::SegmentName};

use crate::{clock::Clock, hub::Trace};

/// A segment on its way to all viewers of its stream.
pub(super) struct Forwarding {
    pub(super) stream: StreamId,
    pub(super) segment: SegmentName,
    pub(super) bytes: usize,
    /// When its last byte was there.
    pub(super) arrived_us: i64,
    pub(super) clock: Clock,
    pub(super) progress: ForwardProgress,
}

/// How far it is.
#[derive(Default)]
pub(super) struct ForwardProgress {
    /// When the last pump so far had handed it over; 0 until the first one has.
    forward_us: AtomicU64,
    viewers: AtomicU32,
    behind: AtomicU32,
}

/// Whether segments are to be traced.
pub(super) fn is_logged() -> bool {
    tracing::enabled!(target: "undead::forward", tracing::Level::TRACE)
}

impl Forwarding {
    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.clock.elapsed_us().saturating_sub(self.arrived_us)).unwrap_or(0)
    }
}

impl Trace for Forwarding {
    fn read(&self, viewers: u32, behind: u32) {
        self.progress.viewers.fetch_add(viewers, Relaxed);
        self.progress.behind.fetch_add(behind, Relaxed);
        self.progress.forward_us.fetch_max(self.elapsed_us().max(1), Relaxed);
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        let forward_us = self.progress.forward_us.load(Relaxed);
        if forward_us == 0 {
            return;
        }
        let Self { stream, segment, bytes, .. } = &*self;
        tracing::trace!(
            target: "undead::forward",
            %stream,
            take = segment.take,
            seq = segment.seq,
            bytes,
            viewers = self.progress.viewers.load(Relaxed),
            behind = self.progress.behind.load(Relaxed),
            forward_us,
            taken_us = self.elapsed_us(),
            "segment {} of take {} forwarded", segment.seq, segment.take,
        );
    }
}
