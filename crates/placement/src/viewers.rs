//! Where a viewer goes: the policy's first choice, then standbys, then nodes the viewer just lost.
//!
//! Standbys differ from viewer to viewer, so that the viewers of a lost node spread over several others. The last standby is
//! the stream's *reserve*, a node that does not carry it: the same for all viewers, so that it is one relay.

use std::sync::Arc;

use crate::{
    carriers_first,
    decision::{Pick, Reason, Refusal, Request, Role},
    least_egress,
    nodes::Nodes,
    policy::ViewerPolicy,
    stream::Stream,
    view::View,
};

/// Carriers among which a viewer's first choice and standbys are picked, the least loaded ones. More would spread standbys further, but
/// each costs a cache miss, and a crowd's stream has thousands of carriers.
const CARRIER_WINDOW: usize = 8;
/// Nodes among which a stream's reserve is picked, the least loaded ones.
const RESERVE_WINDOW: usize = 16;

/// The answer for a viewer, and the stream's reserve from then on.
pub(crate) struct Plan {
    pub(crate) picks: Vec<Pick>,
    pub(crate) reserve: Option<Arc<str>>,
}

/// Decides for one viewer; nothing is changed.
pub(crate) fn decide(
    policy: ViewerPolicy,
    nodes: &Nodes,
    stream: &Stream,
    request: Request<'_>,
) -> Result<Plan, Refusal> {
    let view = View::new(nodes, stream, request.avoid);
    let mut plan = if stream.carriers.is_live() {
        live(policy, &view, request)
    } else {
        Plan { picks: waiting(&view, request.at_most), reserve: stream.reserve.clone() }
    };
    plan.picks.truncate(request.at_most);
    match plan.picks.is_empty() {
        false => Ok(plan),
        true if stream.carriers.is_empty() && view.placed_on().is_none() => Err(Refusal::NoNode),
        true => Err(Refusal::NoCapacity),
    }
}

fn live(policy: ViewerPolicy, view: &View<'_>, request: Request<'_>) -> Plan {
    let carriers = view.carriers(None, CARRIER_WINDOW);
    let by_policy = |carriers: &[u32], region| match policy {
        ViewerPolicy::CarriersFirst => carriers_first::first(view, carriers, region),
        ViewerPolicy::LeastEgress => least_egress::first(view, carriers, region),
    };
    let in_region = |region| by_policy(&view.carriers(Some(region), CARRIER_WINDOW), Some(region));
    let first = expected_origin(view, &carriers)
        .or_else(|| request.region.and_then(in_region))
        .or_else(|| by_policy(&carriers, None));
    let mut picks: Vec<Pick> = first.into_iter().collect();
    picks.extend(standbys(view, &carriers, first, request.at_most.saturating_sub(2)));
    let reserve = reserve(view);
    let slot = reserve.as_deref().and_then(|name| view.nodes.slot(name));
    let slot = slot.filter(|slot| picks.iter().all(|pick| pick.slot != *slot));
    picks.extend(slot.map(|slot| Pick { slot, role: Role::Edge, reason: Reason::Standby }));
    picks.extend(lost(view));
    Plan { picks, reserve }
}

/// The node that the broadcaster was sent to and that has not reported the stream yet, while no fit carrier is left.
fn expected_origin(view: &View<'_>, carriers: &[u32]) -> Option<Pick> {
    let slot = view.placed_on()?;
    let is_new = !view.stream.carriers.contains(slot);
    let is_expected = carriers.is_empty() && is_new && view.is_fit(slot);
    is_expected.then_some(Pick { slot, role: Role::Origin, reason: Reason::Placed })
}

/// Carriers that are not the first choice. Rotates with each viewer.
fn standbys(view: &View<'_>, carriers: &[u32], first: Option<Pick>, at_most: usize) -> Vec<Pick> {
    let first = first.map(|pick| pick.slot);
    let others: Vec<u32> = carriers.iter().copied().filter(|slot| Some(*slot) != first).collect();
    let turned = others.iter().cycle().skip(view.stream.turn as usize % others.len().max(1));
    let pick = |&slot: &u32| Pick { slot, role: Role::Carrier, reason: Reason::Standby };
    turned.take(others.len().min(at_most)).map(pick).collect()
}

/// The node that becomes an edge should the carriers be lost: the one known already, while it is fit for that.
fn reserve(view: &View<'_>) -> Option<Arc<str>> {
    let is_fit = |name: &&Arc<str>| {
        let slot = view.nodes.slot(name).filter(|slot| !view.stream.carriers.contains(*slot));
        slot.is_some_and(|slot| view.is_fit(slot) && view.nodes.share(slot) <= view.threshold)
    };
    if let Some(known) = view.stream.reserve.as_ref().filter(is_fit) {
        return Some(Arc::clone(known));
    }
    let fit: Vec<u32> = view.others(None, u32::MAX).take(RESERVE_WINDOW).collect();
    let id = view.stream.id.to_string();
    let turn = id.bytes().fold(0_usize, |sum, byte| (sum * 31 + usize::from(byte)) % 65_521);
    fit.get(turn % fit.len().max(1)).map(|slot| Arc::clone(&view.nodes.node(*slot).name))
}

/// While no node has the stream live: nodes that wait for its broadcaster, or where it was placed. Nodes just lost come last.
fn waiting(view: &View<'_>, at_most: usize) -> Vec<Pick> {
    let carriers = &view.stream.carriers;
    let (role, reason, mut slots) = if !carriers.has_waiting() {
        let slots = view.placed_on().into_iter().filter(|slot| view.has_room(*slot)).collect();
        (Role::Origin, Reason::Placed, slots)
    } else {
        let mut slots = carriers.waiting(view.nodes, at_most, |slot| view.is_fit(slot));
        let lost = |slot| view.has_room(slot) && view.is_avoided(slot);
        slots.extend(carriers.waiting(view.nodes, at_most, lost));
        (Role::Carrier, Reason::Waits, slots)
    };
    slots.truncate(at_most);
    slots.into_iter().map(|slot| Pick { slot, role, reason }).collect()
}

/// The carriers that the viewer just lost. Listed last, in case the viewer's own network failed.
fn lost(view: &View<'_>) -> Vec<Pick> {
    let serves = |slot: &u32| view.stream.carriers.get(*slot).is_some_and(|carrier| carrier.serves());
    let mut slots: Vec<u32> =
        view.nodes.at_urls(view.avoid).filter(|slot| serves(slot) && view.has_room(*slot)).collect();
    slots.sort_unstable_by_key(|slot| view.nodes.rank(*slot));
    slots.dedup();
    slots.into_iter().map(|slot| Pick { slot, role: Role::Carrier, reason: Reason::Avoided }).collect()
}
