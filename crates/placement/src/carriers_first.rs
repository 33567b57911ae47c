//! Policy for viewers: the least-loaded node that carries the stream and has headroom; if none has, another node becomes an edge.
//!
//! Headroom ends at the [threshold](crate::share). So small streams stay on one node, big ones spread until all nodes are about equally
//! loaded, and every edge is filled before the next is opened. If every node is above the threshold, a carrier that has room takes the
//! viewer, then any other node that has room.

use crate::{
    candidates::Candidates,
    decision::{Pick, Reason, Role},
};

/// How many more receivers an origin has headroom for when viewers are sent elsewhere.
///
/// Only the origin can feed the first edges of a crowd. Filled up to the threshold like other carriers, it would stand out
/// as soon as they pull from it: at 1.18 times the mean in the worst second, instead of 1.15 (decision 10).
const KEPT_ON_ORIGIN: u32 = 4;

/// The first choice; `carriers` are the fit ones in `region`, the least loaded first.
pub(crate) fn first(candidates: &Candidates<'_>, carriers: &[u32], region: Option<&str>) -> Option<Pick> {
    let threshold = candidates.threshold;
    let share = |slot| candidates.nodes.share(slot);
    let has_headroom = |slot: &u32| share(*slot) <= threshold && !is_kept(candidates, *slot);
    let carrier = |slot| {
        let share = share(slot);
        let reason =
            if share <= threshold { Reason::Headroom { share, threshold } } else { Reason::Room(share) };
        Pick { slot, role: Role::Carrier, reason }
    };
    let edge =
        |slot| Pick { slot, role: Role::Edge, reason: Reason::Relieves { share: share(slot), threshold } };
    let headroom = carriers.iter().copied().find(has_headroom);
    (headroom.map(carrier))
        .or_else(|| candidates.others(region, threshold).next().map(edge))
        .or_else(|| carriers.first().copied().map(carrier))
        .or_else(|| candidates.others(region, u32::MAX).next().map(edge))
}

/// Whether the headroom that the node in `slot` has is kept for edges.
fn is_kept(candidates: &Candidates<'_>, slot: u32) -> bool {
    let is_origin = candidates.stream.carriers.get(slot).is_some_and(|carrier| carrier.depth() == 0);
    is_origin
        && candidates.nodes.fit_below(slot, candidates.threshold, candidates.stream.bytes_per_viewer())
            < KEPT_ON_ORIGIN
}
