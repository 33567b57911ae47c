//! Policy for viewers: the least-loaded node, whether it carries the stream or not. It spreads every stream over all nodes: the
//! flattest load, at the price of a relay to each.

use crate::{
    candidates::Candidates,
    decision::{Pick, Reason, Role},
};

/// The first choice; `carriers` are the fit ones in `region`, the least loaded first.
pub(crate) fn first(candidates: &Candidates<'_>, carriers: &[u32], region: Option<&str>) -> Option<Pick> {
    let carrier = carriers.first().map(|slot| (*slot, Role::Carrier));
    let share = carrier.map_or(u32::MAX, |(slot, _)| candidates.nodes.share(slot));
    let other = candidates.others(region, share).next().map(|slot| (slot, Role::Edge));
    let best = carrier.into_iter().chain(other).min_by_key(|(slot, _)| candidates.nodes.rank(*slot));
    best.map(|(slot, role)| Pick { slot, role, reason: Reason::LeastLoaded(candidates.nodes.share(slot)) })
}
