//! How long a segment takes through the node: one event at target `undead::forward`, level TRACE.
//!
//! A segment's record is held by every pump until it served its viewers, and by the receipt of each new chunk until that
//! viewer's connection took it. Whoever lets go last writes the event. Without a listener for them there are no records.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use protocol::StreamId;

use crate::ingest::Arrival;

/// A segment on its way to all viewers of its stream.
#[derive(Debug)]
pub(crate) struct Forwarding {
    stream: StreamId,
    arrival: Arrival,
    /// When the last pump so far had handed it over; 0 until the first one has.
    forward_us: AtomicU64,
    viewers: AtomicU32,
    behind: AtomicU32,
}

impl Forwarding {
    /// None if nobody listens.
    pub(super) fn begin(stream: StreamId, arrival: &Arrival) -> Option<Arc<Self>> {
        let is_logged = tracing::enabled!(target: "undead::forward", tracing::Level::TRACE);
        is_logged.then(|| {
            Arc::new(Self {
                stream,
                arrival: *arrival,
                forward_us: AtomicU64::new(0),
                viewers: AtomicU32::new(0),
                behind: AtomicU32::new(0),
            })
        })
    }

    /// A pump gave the chunks to the connections of `viewers` viewers; those of `behind` others had no room.
    pub(super) fn handed(&self, viewers: u32, behind: u32) {
        self.viewers.fetch_add(viewers, Relaxed);
        self.behind.fetch_add(behind, Relaxed);
        self.forward_us.fetch_max(self.elapsed_us().max(1), Relaxed);
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.arrival.arrived.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        let forward_us = self.forward_us.load(Relaxed);
        if forward_us == 0 {
            return;
        }
        let Arrival { segment, bytes, .. } = self.arrival;
        tracing::trace!(
            target: "undead::forward",
            stream = %self.stream,
            take = segment.take,
            seq = segment.seq,
            bytes,
            viewers = self.viewers.load(Relaxed),
            behind = self.behind.load(Relaxed),
            forward_us,
            taken_us = self.elapsed_us(),
            "segment {} of take {} forwarded", segment.seq, segment.take,
        );
    }
}
