//! What a decision for a viewer looks at: the nodes, its stream, what the viewer needs, and the threshold now.

use crate::{
    capacity::{Demand, has_room},
    nodes::Nodes,
    stream::Stream,
    tree,
};

/// How many of the least-loaded nodes are looked at for one that does not carry the stream: a bound on the work of one decision.
/// Carriers among them are rare, because a carrier below the threshold takes the viewer itself.
const OTHERS_WINDOW: usize = 256;

/// See the [module](self).
pub(crate) struct Candidates<'a> {
    pub(crate) nodes: &'a Nodes,
    pub(crate) stream: &'a Stream,
    pub(crate) demand: Demand,
    pub(crate) threshold: u32,
    pub(crate) avoid: &'a [String],
}

impl<'a> Candidates<'a> {
    /// For a viewer of `stream` that just lost the nodes at `avoid`.
    pub(crate) fn new(nodes: &'a Nodes, stream: &'a Stream, avoid: &'a [String]) -> Self {
        let egress_bytes_per_s = stream.bytes_per_viewer();
        let demand = Demand { viewers: 1, egress_bytes_per_s, moves: !avoid.is_empty() };
        Self { nodes, stream, demand, threshold: nodes.threshold(), avoid }
    }

    /// Whether the node in `slot` has room.
    pub(crate) fn has_room(&self, slot: u32) -> bool {
        has_room(self.nodes.node(slot), &self.demand)
    }

    /// Whether the node in `slot` was just lost.
    pub(crate) fn is_avoided(&self, slot: u32) -> bool {
        self.nodes.node(slot).is_avoided(self.avoid)
    }

    /// Whether the node in `slot` is one to send the viewer to.
    pub(crate) fn is_fit(&self, slot: u32) -> bool {
        self.has_room(slot) && !self.is_avoided(slot)
    }

    /// The fit carriers in `region`, or everywhere; the least loaded first, so many at most.
    pub(crate) fn carriers(&self, region: Option<&str>, at_most: usize) -> Vec<u32> {
        let is_fit = |slot| self.nodes.node(slot).is_in(region) && self.is_fit(slot);
        self.stream.carriers.serving(self.nodes, at_most, is_fit)
    }

    /// The other fit nodes up to `share`, the least loaded first; none if no carrier could feed them.
    pub(crate) fn others(&self, region: Option<&str>, share: u32) -> impl Iterator<Item = u32> {
        let share = share.min(self.demand.max_share());
        let is_fed = self.stream.carriers.len() < self.nodes.len() && tree::can_grow(self.nodes, self.stream);
        let nodes = self.nodes.by_load(region).take(OTHERS_WINDOW);
        let below = nodes.take_while(move |slot| is_fed && self.nodes.share(*slot) <= share);
        below.filter(|slot| !self.stream.carriers.contains(*slot) && self.is_fit(*slot))
    }

    /// The slot of the node that the stream belongs on, if it lives.
    pub(crate) fn placed_on(&self) -> Option<u32> {
        self.nodes.slot(self.stream.placed_on.as_deref()?)
    }
}
