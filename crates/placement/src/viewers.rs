//! Where a viewer goes: the policy's first choice, then standbys, then nodes the viewer just lost.
//!
//! Standbys differ from viewer to viewer, so that the viewers of a lost node spread over several others. The last standby is
//! the stream's *reserve*, a node that does not carry it: the same for all viewers, so that it is one relay.

use std::sync::Arc;

use crate::{
    candidates::Candidates,
    carriers_first,
    decision::{Pick, Reason, Refusal, Request, Role},
    least_egress,
    nodes::Nodes,
    policy::ViewerPolicy,
    stream::Stream,
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
    let candidates = Candidates::new(nodes, stream, request.avoid);
    let mut plan = if stream.carriers.is_live() {
        live(policy, &candidates, request)
    } else {
        Plan { picks: waiting(&candidates, request.at_most), reserve: stream.reserve.clone() }
    };
    plan.picks.truncate(request.at_most);
    match plan.picks.is_empty() {
        false => Ok(plan),
        true if stream.carriers.is_empty() && candidates.placed_on().is_none() => Err(Refusal::NoNode),
        true => Err(Refusal::NoCapacity),
    }
}

fn live(policy: ViewerPolicy, candidates: &Candidates<'_>, request: Request<'_>) -> Plan {
    let carriers = candidates.carriers(None, CARRIER_WINDOW);
    let by_policy = |carriers: &[u32], region| match policy {
        ViewerPolicy::CarriersFirst => carriers_first::first(candidates, carriers, region),
        ViewerPolicy::LeastEgress => least_egress::first(candidates, carriers, region),
    };
    let in_region = |region| by_policy(&candidates.carriers(Some(region), CARRIER_WINDOW), Some(region));
    let first = expected_origin(candidates, &carriers)
        .or_else(|| request.region.and_then(in_region))
        .or_else(|| by_policy(&carriers, None));
    let mut picks: Vec<Pick> = first.into_iter().collect();
    picks.extend(standbys(candidates, &carriers, first, request.at_most.saturating_sub(2)));
    let reserve = reserve(candidates);
    let slot = reserve.as_deref().and_then(|name| candidates.nodes.slot(name));
    let slot = slot.filter(|slot| picks.iter().all(|pick| pick.slot != *slot));
    picks.extend(slot.map(|slot| Pick { slot, role: Role::Edge, reason: Reason::Standby }));
    picks.extend(lost(candidates));
    Plan { picks, reserve }
}

/// The node that the broadcaster was sent to and that has not reported the stream yet, while no fit carrier is left.
fn expected_origin(candidates: &Candidates<'_>, carriers: &[u32]) -> Option<Pick> {
    let slot = candidates.placed_on()?;
    let is_new = !candidates.stream.carriers.contains(slot);
    let is_expected = carriers.is_empty() && is_new && candidates.is_fit(slot);
    is_expected.then_some(Pick { slot, role: Role::Origin, reason: Reason::Placed })
}

/// Carriers that are not the first choice. Rotates with each viewer.
fn standbys(candidates: &Candidates<'_>, carriers: &[u32], first: Option<Pick>, at_most: usize) -> Vec<Pick> {
    let first = first.map(|pick| pick.slot);
    let others: Vec<u32> = carriers.iter().copied().filter(|slot| Some(*slot) != first).collect();
    let turned = others.iter().cycle().skip(candidates.stream.turn as usize % others.len().max(1));
    let pick = |&slot: &u32| Pick { slot, role: Role::Carrier, reason: Reason::Standby };
    turned.take(others.len().min(at_most)).map(pick).collect()
}

/// The node that becomes an edge should the carriers be lost: the one known already, while it is fit for that.
fn reserve(candidates: &Candidates<'_>) -> Option<Arc<str>> {
    let is_fit = |name: &&Arc<str>| {
        let slot = candidates.nodes.slot(name).filter(|slot| !candidates.stream.carriers.contains(*slot));
        slot.is_some_and(|slot| {
            candidates.is_fit(slot) && candidates.nodes.share(slot) <= candidates.threshold
        })
    };
    if let Some(known) = candidates.stream.reserve.as_ref().filter(is_fit) {
        return Some(Arc::clone(known));
    }
    let fit: Vec<u32> = candidates.others(None, u32::MAX).take(RESERVE_WINDOW).collect();
    let id = candidates.stream.id.to_string();
    let turn = id.bytes().fold(0_usize, |sum, byte| (sum * 31 + usize::from(byte)) % 65_521);
    fit.get(turn % fit.len().max(1)).map(|slot| Arc::clone(&candidates.nodes.node(*slot).name))
}

/// While no node has the stream live: nodes that wait for its broadcaster, or where it was placed. Nodes just lost come last.
fn waiting(candidates: &Candidates<'_>, at_most: usize) -> Vec<Pick> {
    let carriers = &candidates.stream.carriers;
    let (role, reason, mut slots) = if !carriers.has_waiting() {
        let slots = candidates.placed_on().into_iter().filter(|slot| candidates.has_room(*slot)).collect();
        (Role::Origin, Reason::Placed, slots)
    } else {
        let mut slots = carriers.waiting(candidates.nodes, at_most, |slot| candidates.is_fit(slot));
        let lost = |slot| candidates.has_room(slot) && candidates.is_avoided(slot);
        slots.extend(carriers.waiting(candidates.nodes, at_most, lost));
        (Role::Carrier, Reason::Waits, slots)
    };
    slots.truncate(at_most);
    slots.into_iter().map(|slot| Pick { slot, role, reason }).collect()
}

/// The carriers that the viewer just lost. Listed last, in case the viewer's own network failed.
fn lost(candidates: &Candidates<'_>) -> Vec<Pick> {
    let serves = |slot: &u32| candidates.stream.carriers.get(*slot).is_some_and(|carrier| carrier.serves());
    let mut slots: Vec<u32> = candidates
        .nodes
        .at_urls(candidates.avoid)
        .filter(|slot| serves(slot) && candidates.has_room(*slot))
        .collect();
    slots.sort_unstable_by_key(|slot| candidates.nodes.rank(*slot));
    slots.dedup();
    slots.into_iter().map(|slot| Pick { slot, role: Role::Carrier, reason: Reason::Avoided }).collect()
}
