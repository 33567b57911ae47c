//! Limits: which nodes take another viewer, relay or stream. Sessions that move from a lost node may exceed a limit by a tenth;
//! new ones never do.
//!
//! Limits are what the operator configured, and the processors. A limit on egress that a node only *learned*, or that is assumed
//! while nothing is known, orders nodes but refuses no client.

use crate::{
    node::Node,
    share::{WHOLE, part_of},
};

/// How far past a limit sessions may go that were running elsewhere.
const RESERVE: u32 = WHOLE / 10;

/// What one more session needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// 1 for a viewer, 0 for a relay.
    pub(crate) viewers: u32,
    /// Bytes per second it is expected to take.
    pub(crate) egress_bytes_per_s: u64,
    /// Whether it was served elsewhere until now.
    pub(crate) moves: bool,
}

impl Demand {
    /// A relay of a stream: admitted past a limit like a viewer that moves, because all viewers behind it depend on it.
    pub(crate) fn relay(egress_bytes_per_s: u64) -> Self {
        Self { viewers: 0, egress_bytes_per_s, moves: true }
    }

    /// The share of a limit up to which it is admitted.
    pub(crate) fn max_share(&self) -> u32 {
        if self.moves { WHOLE + RESERVE } else { WHOLE }
    }
}

/// Whether `node` takes `demand` and stays within its limits.
pub(crate) fn has_room(node: &Node, demand: &Demand) -> bool {
    let fits = |amount: u64, limit: Option<u64>| {
        limit.is_none_or(|limit| amount <= part_of(limit, demand.max_share()))
    };
    let egress = node.load.egress_bytes_per_s().saturating_add(demand.egress_bytes_per_s);
    let viewers = u64::from(node.load.viewers()) + u64::from(demand.viewers);
    fits(egress, node.capacity.egress_bytes_per_s)
        && fits(viewers, node.capacity.viewers.map(u64::from))
        && (demand.moves || !node.load.is_out_of_processor())
}

/// Whether `node` takes another stream. Only streams that media has arrived for count against its limit: otherwise a client that
/// creates streams and sends nothing could fill every node.
pub(crate) fn takes_stream(node: &Node) -> bool {
    let is_below = node.capacity.streams.is_none_or(|limit| node.placed.started < limit);
    is_below && has_room(node, &Demand { viewers: 0, egress_bytes_per_s: 0, moves: false })
}
