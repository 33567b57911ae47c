//! For broadcasters: the node with the fewest streams first, ties by egress, then by name.
//!
//! Streams are those placed on the node that are not over, so one that was just created counts at once.

use super::{node::Node, order::Rank};

/// How good a choice `node` is; the smaller the better.
pub(super) fn rank(node: &Node) -> Rank {
    (node.placed.all.into(), node.burden.egress_bytes_per_s())
}
