//! The node that has most of its limit left first, ties by the number of streams, then by name.
//!
//! For broadcasters where streams are few and their audiences differ much. For viewers it spreads every stream over all
//! nodes: the flattest load, at the price of a relay to each.

use super::{
    Reason, Role,
    node::Node,
    order::Rank,
    viewers::{Pick, View},
};

/// How good a choice `node` is; the smaller the better.
pub(super) fn rank(node: &Node) -> Rank {
    (node.share.into(), node.placed.all.into())
}

/// The first choice for a viewer within `scope`, if anybody there has room.
pub(super) fn first(view: &View<'_>, scope: Option<&str>) -> Option<Pick> {
    let fit = |slot: u32| Some((view.welcome(slot, scope)?.by_load.clone(), slot));
    let carrier = view.carriers().find_map(fit).map(|(place, slot)| (place, slot, Role::Carrier));
    let other = view.others(scope).find_map(fit).map(|(place, slot)| (place, slot, Role::Edge));
    let (place, slot, role) = [carrier, other].into_iter().flatten().min_by(|a, b| a.0.cmp(&b.0))?;
    let share = u32::try_from(place.rank().0).unwrap_or(u32::MAX);
    Some(Pick { slot, role, reason: Reason::LeastLoaded(share) })
}
