//! Never past a limit: which nodes take another viewer, another relay or another stream.
//!
//! A node's limits are what its operator configured, and its processors. What it only *learned* that it can send, or what is
//! believed while nothing is known, makes other nodes come first but turns nobody away: it is a guess, and a guess must not
//! refuse what there is room for. Somebody who moves because a node was lost is let in a little above the limits
//! ([`RESERVE`]): those who watch already come before newcomers.

use super::{load::WHOLE, node::Node};

/// How far past a limit sessions may go that were running elsewhere; one tenth.
const RESERVE: u32 = WHOLE / 10;

/// Somebody who asks for room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newcomer {
    /// Viewers it is: 1, or 0 for a relay.
    pub(super) viewers: u32,
    /// Bytes per second it is expected to take.
    pub(super) egress_bytes_per_s: u64,
    /// Whether it was served elsewhere until now.
    pub(super) moves: bool,
}

impl Newcomer {
    /// The share of a limit up to which it is let in.
    pub(super) fn most(&self) -> u32 {
        if self.moves { WHOLE + RESERVE } else { WHOLE }
    }
}

/// Whether `node` takes `newcomer` and stays within its limits.
pub(super) fn has_room(node: &Node, newcomer: &Newcomer) -> bool {
    let most = |limit: u64| u128::from(limit) * u128::from(newcomer.most()) / u128::from(WHOLE);
    let egress = node.burden.egress_bytes_per_s().saturating_add(newcomer.egress_bytes_per_s);
    let fits = node.capacity.egress_bytes_per_s.is_none_or(|limit| u128::from(egress) <= most(limit));
    let viewers = u64::from(node.burden.viewers()) + u64::from(newcomer.viewers);
    let seats = node.capacity.viewers.is_none_or(|seats| u128::from(viewers) <= most(seats.into()));
    seats && fits && (newcomer.moves || !node.burden.is_out_of_processor())
}

/// Whether `node` takes another stream in. One that nothing has arrived for takes no place: otherwise a client that creates
/// streams and sends nothing could fill every node.
pub(super) fn takes_stream(node: &Node) -> bool {
    let slots = node.capacity.streams.is_none_or(|most| node.placed.started < most);
    let newcomer = Newcomer { viewers: 0, egress_bytes_per_s: 0, moves: false };
    slots && has_room(node, &newcomer)
}
