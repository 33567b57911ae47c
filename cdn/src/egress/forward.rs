//! How long segments take through the node: one event each at target `undead::forward`, level TRACE.
//!
//! What a round forwards is held by the pump until every viewer was served, and by the receipt of each new chunk until that
//! viewer's connection took it. Whoever lets go last writes the events. Without a listener for them nothing is held.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use protocol::StreamId;

use crate::ingest::Arrival;

/// The segments that one round forwards.
#[derive(Debug)]
pub(super) struct Forwarding {
    stream: StreamId,
    arrivals: Vec<Arrival>,
    handed: OnceLock<Handed>,
}

#[derive(Debug)]
struct Handed {
    at: Instant,
    viewers: u32,
    behind: u32,
}

/// Whether somebody listens.
pub(super) fn is_logged() -> bool {
    tracing::enabled!(target: "undead::forward", tracing::Level::TRACE)
}

impl Forwarding {
    /// None if there is nothing to measure or nobody listens.
    pub(super) fn begin(stream: StreamId, arrivals: Vec<Arrival>) -> Option<Arc<Self>> {
        let measured = !arrivals.is_empty() && is_logged();
        measured.then(|| Arc::new(Self { stream, arrivals, handed: OnceLock::new() }))
    }

    /// The chunks are with the connections of `viewers` viewers; those of `behind` others had no room.
    pub(super) fn handed(&self, viewers: u32, behind: u32) {
        self.handed.get_or_init(|| Handed { at: Instant::now(), viewers, behind });
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        let Some(Handed { at, viewers, behind }) = self.handed.get() else { return };
        let taken_at = Instant::now();
        for Arrival { segment, bytes, arrived } in &self.arrivals {
            tracing::trace!(
                target: "undead::forward",
                stream = %self.stream,
                take = segment.take,
                seq = segment.seq,
                bytes,
                viewers,
                behind,
                forward_us = micros(*arrived, *at),
                taken_us = micros(*arrived, taken_at),
                "segment {} of take {} forwarded", segment.seq, segment.take,
            );
        }
    }
}

fn micros(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.duration_since(from).as_micros()).unwrap_or(u64::MAX)
}
