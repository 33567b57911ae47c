//! How a stream's tree of relays grows: which node a new edge pulls from is decided when the edge is opened, not when it asks.
//!
//! A crowd opens hundreds of edges before the first of them has the stream. If their sources were chosen when they ask, half a second
//! later, viewers would have filled those sources up to the threshold meanwhile, and the relays would come on top. So a relay is
//! counted on its source at once. In a rush, an edge that is to feed others also keeps room for them, counted as load, so that
//! viewers pass it by; room that is not used is free again after [`ASSIGNMENT_LIFETIME`](crate::ASSIGNMENT_LIFETIME).
//!
//! ```text
//!   origin ──► keeps room ──► keeps room ──► edge, edge, edge … filled with viewers
//!                        └──► keeps room ──► edge …
//! ```
//!
//! Kept room is used from the deepest level up, so one edge in about twelve keeps room, and the tree is as wide as the rush needs. Without
//! kept room the most loaded node was at 1.24 times the mean in the worst second, instead of 1.14 (decision 10).

use std::time::Instant;

use protocol::node::MOST_HOPS;

use crate::{
    capacity::{Demand, has_room},
    carrier::{Carriage, Carrier, Coming},
    nodes::Nodes,
    stream::Stream,
};

/// Most nodes that pull one stream from one node, as nodes allow.
pub(crate) const FAN_OUT: u32 = 16;

/// Makes the node in `slot` an edge, to which a viewer is sent: it is about to pull the stream.
pub(crate) fn open_edge(nodes: &mut Nodes, stream: &mut Stream, slot: u32, now: Instant) {
    let is_rush = stream.open_edge(now);
    let Some((source, source_depth)) = source_of_new_edge(nodes, stream, is_rush) else { return };
    let depth = source_depth + 1;
    let each = stream.bytes_per_viewer();
    assign_relay(nodes, stream, source, now);
    let mut carrier = Carrier::new(Carriage::Coming(Coming { since: now, source, depth }));
    if is_rush && depth < MOST_HOPS {
        let kept = nodes.fit_below(slot, nodes.ceiling(), each).min(FAN_OUT).min(other_nodes(nodes, stream));
        carrier.keep(kept, now);
        nodes.assign(slot, 0, each.saturating_mul(kept.into()), now);
    }
    stream.carriers.open(slot, nodes.rank(slot).tie, carrier);
    let carries = nodes.carries_mut(slot);
    if let Err(place) = carries.binary_search(&stream.id) {
        carries.insert(place, stream.id);
    }
}

/// Counts a relay that is sent to `source`.
pub(crate) fn assign_relay(nodes: &mut Nodes, stream: &mut Stream, source: u32, now: Instant) {
    let was_kept = stream.carriers.assign_relay(source, now);
    if !was_kept {
        nodes.assign(source, 0, stream.bytes_per_viewer(), now);
    }
}

/// Whether another edge could pull the stream from a carrier. That may be an edge that is about to have it: a crowd of thousands does
/// not wait until the first edges have reported.
pub(crate) fn can_grow(nodes: &Nodes, stream: &Stream) -> bool {
    let relay = stream.relay();
    stream.carriers.shallow().any(|(slot, carrier)| can_feed(nodes, slot, carrier, &relay))
}

/// Whether the node in `slot` may feed one more relay.
pub(crate) fn can_feed(nodes: &Nodes, slot: u32, carrier: &Carrier, relay: &Demand) -> bool {
    carrier.relays() < FAN_OUT && carrier.depth() < MOST_HOPS && has_room(nodes.node(slot), relay)
}

/// The slot of the node the next edge is to pull from, and its depth: where room is kept, the deepest first; else below the
/// ceiling, the nearest to the origin first; else the least loaded. In a rush the last is the nearest to the origin again: one
/// more relay there makes room for a hundred edges.
fn source_of_new_edge(nodes: &Nodes, stream: &Stream, is_rush: bool) -> Option<(u32, usize)> {
    let (relay, ceiling) = (stream.relay(), nodes.ceiling());
    let fit = stream.carriers.shallow().filter(|(slot, carrier)| can_feed(nodes, *slot, carrier, &relay));
    let best = fit.min_by_key(|(slot, carrier)| {
        let depth = carrier.depth();
        let choice = if carrier.kept() > 0 {
            (0, MOST_HOPS - depth)
        } else if nodes.fit_below(*slot, ceiling, relay.egress_bytes_per_s) > 0 {
            (1, depth)
        } else {
            (2, if is_rush { depth } else { 0 })
        };
        (choice, nodes.rank(*slot))
    });
    best.map(|(slot, carrier)| (slot, carrier.depth()))
}

/// Nodes that could still become edges, when one more does.
fn other_nodes(nodes: &Nodes, stream: &Stream) -> u32 {
    u32::try_from(nodes.len().saturating_sub(stream.carriers.len() + 1)).unwrap_or(u32::MAX)
}
