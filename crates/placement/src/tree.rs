//! How a stream's tree of relays grows: whom a new edge pulls from is settled when it is opened, not when it asks.
//!
//! A crowd opens hundreds of edges before the first of them has the stream. Until an edge's source is settled, nothing
//! counts on that source, and it is filled with viewers up to the threshold: its relays come on top then. So the relay is
//! counted at once, and in a rush an edge that is to feed others keeps room for them, as if they were there already:
//! viewers pass it by, and the room it does not need is free again after [`SETTLE`](super::SETTLE).
//!
//! ```text
//!   origin ──► keeps room ──► keeps room ──► edge, edge, edge … filled with viewers
//!                        └──► keeps room ──► edge …
//! ```
//!
//! The room that is kept is used from below: one edge in so many keeps room, and the tree is as wide as the rush needs.

use std::time::Instant;

use protocol::StreamId;

use super::{
    Fleet,
    capacity::{Newcomer, has_room},
    stream::{Carriage, Carrier, Coming, Stream},
};

impl Fleet {
    /// A viewer is sent to a node that does not have the stream: it is about to pull it.
    pub(super) fn open_edge(&mut self, stream_id: StreamId, slot: u32, now: Instant) {
        let Some(is_rush) = self.streams.get_mut(&stream_id).map(|stream| stream.is_rush(now)) else {
            return;
        };
        let Some(stream) = self.streams.get(&stream_id) else { return };
        let Some((source, depth)) = self.source_of_new_edge(stream, is_rush) else { return };
        let (each, spare) = (relay_of(stream).egress_bytes_per_s, self.spare(stream));
        self.send_relay(stream_id, source, now);
        let keeps = self.relays_below_ceiling(slot, each).min(spare);
        let by_load = self.node(slot).by_load.clone();
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let is_feeder = is_rush && depth + 1 < self.policies.depth;
        let mut carrier = Carrier::new(Carriage::Coming(Coming { since: now, source, depth: depth + 1 }));
        if is_feeder {
            carrier.hold(keeps, now);
        }
        stream.carriers.insert(slot, carrier);
        stream.sort(slot, &by_load, self.policies.depth);
        let node = self.node_mut(slot);
        if let Err(place) = node.carries.binary_search(&stream_id) {
            node.carries.insert(place, stream_id);
        }
        if is_feeder {
            self.assign(slot, 0, each.saturating_mul(keeps.into()), now);
        }
    }

    /// Counts a relay that is sent to `source`.
    pub(super) fn send_relay(&mut self, stream_id: StreamId, source: u32, now: Instant) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let each = relay_of(stream).egress_bytes_per_s;
        let Some(carrier) = stream.carriers.get_mut(&source) else { return };
        if !carrier.expect_relay(now) {
            self.assign(source, 0, each, now);
        }
    }

    /// Whether another edge could pull the stream from somebody, be it from an edge that is about to have it: a crowd of
    /// thousands does not wait until the first edges have reported.
    pub(super) fn can_grow(&self, stream: &Stream) -> bool {
        let newcomer = relay_of(stream);
        self.shallow(stream).any(|(slot, carrier)| self.feeds(slot, carrier, &newcomer))
    }

    /// Those that others may pull from as far as their depth goes: few, because they are near the origin.
    pub(super) fn shallow<'a>(&self, stream: &'a Stream) -> impl Iterator<Item = (u32, &'a Carrier)> {
        stream.shallow.iter().filter_map(|slot| Some((*slot, stream.carriers.get(slot)?)))
    }

    /// Whether `slot` may feed one more.
    pub(super) fn feeds(&self, slot: u32, carrier: &Carrier, newcomer: &Newcomer) -> bool {
        let takes = carrier.relays() < self.policies.fan_out && has_room(self.node(slot), newcomer);
        takes && carrier.depth() < self.policies.depth
    }

    /// How many relays of so many bytes per second the node in `slot` takes without standing out.
    pub(super) fn relays_below_ceiling(&self, slot: u32, each: u64) -> u32 {
        let node = self.node(slot);
        let ceiling = self.policies.ceiling(self.mean_share());
        node.burden.fit_below(ceiling, each, &node.capacity)
    }

    /// Where the next edge is to pull from, and how deep that is: where room is kept, the deepest first; else below the
    /// ceiling, the nearest to the origin first; else the least loaded. In a rush the nearest to the origin again: one more
    /// relay there is room for a hundred edges.
    fn source_of_new_edge(&self, stream: &Stream, is_rush: bool) -> Option<(u32, usize)> {
        let newcomer = relay_of(stream);
        let fit = self.shallow(stream).filter(|(slot, carrier)| self.feeds(*slot, carrier, &newcomer));
        let order = |slot: u32, carrier: &Carrier| {
            let above_deepest = self.policies.depth - carrier.depth();
            let choice = if carrier.held() > 0 {
                (0, above_deepest)
            } else if self.relays_below_ceiling(slot, newcomer.egress_bytes_per_s) > 0 {
                (1, carrier.depth())
            } else {
                (2, if is_rush { carrier.depth() } else { 0 })
            };
            (choice, &self.node(slot).by_load)
        };
        let best = fit.min_by(|(a, x), (b, y)| order(*a, x).cmp(&order(*b, y)));
        best.map(|(slot, carrier)| (slot, carrier.depth()))
    }

    /// Most relays an edge can come to feed: there have to be nodes for them.
    fn spare(&self, stream: &Stream) -> u32 {
        let others = self.len().saturating_sub(stream.carriers.len() + 1);
        u32::try_from(others).unwrap_or(u32::MAX).min(self.policies.fan_out)
    }
}

/// A relay is let in past a limit like somebody who moves: all viewers behind it would be lost else.
pub(super) fn relay_of(stream: &Stream) -> Newcomer {
    Newcomer { viewers: 0, egress_bytes_per_s: stream.bytes_per_viewer(), moves: true }
}
