//! Policy for viewers: the least-loaded node, whether it carries the stream or not. It spreads every stream over all nodes: the
//! flattest load, at the price of a relay to each.

use crate::{
    decision::{Pick, Reason, Role},
    view::View,
};

/// The first choice; `carriers` are the fit ones in `region`, the least loaded first.
pub(crate) fn first(view: &View<'_>, carriers: &[u32], region: Option<&str>) -> Option<Pick> {
    let carrier = carriers.first().map(|slot| (*slot, Role::Carrier));
    let share = carrier.map_or(u32::MAX, |(slot, _)| view.nodes.share(slot));
    let other = view.others(region, share).next().map(|slot| (slot, Role::Edge));
    let best = carrier.into_iter().chain(other).min_by_key(|(slot, _)| view.nodes.rank(*slot));
    best.map(|(slot, role)| Pick { slot, role, reason: Reason::LeastLoaded(view.nodes.share(slot)) })
}
