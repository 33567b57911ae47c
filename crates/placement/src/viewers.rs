//! Where a viewer goes: the policy's first choice, then standbys, then what the client just lost.
//!
//! Standbys differ from viewer to viewer, so that those of a lost node do not all arrive at the same other one. The last of
//! them is the stream's *reserve*, a node that does not carry it: for all viewers the same, so that it is one relay.

use std::{sync::Arc, time::Instant};

use protocol::StreamId;

use super::{
    Ask, Choice, Decision, Fleet, Reason, Refusal, Role, ViewerPolicy,
    capacity::{Newcomer, has_room},
    carriers_first, least_egress,
    node::Node,
    region,
    stream::{Carriage, Stream},
};

/// Carriers among which a viewer's standbys are picked, the least loaded ones.
const STANDBY_WINDOW: usize = 32;
/// Nodes among which a stream's reserve is picked, the least loaded ones.
const RESERVE_WINDOW: usize = 16;

/// Edges for which an origin keeps headroom.
const FEW: u32 = 4;

/// A node that is to be named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    pub(super) slot: u32,
    pub(super) role: Role,
    pub(super) reason: Reason,
}

/// What a policy looks at.
pub(super) struct View<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) stream: &'a Stream,
    pub(super) newcomer: Newcomer,
    pub(super) threshold: u32,
    avoid: &'a [String],
}

impl View<'_> {
    /// The node in `slot`, if it has room, lies within `scope` and was not just lost.
    pub(super) fn welcome(&self, slot: u32, scope: Option<&str>) -> Option<&Node> {
        let node = self.fleet.node(slot);
        let welcome =
            region::covers(scope, node) && has_room(node, &self.newcomer) && !node.is_avoided(self.avoid);
        welcome.then_some(node)
    }

    /// Whether what headroom a carrier has is for edges: an origin is to feed [`FEW`] more before it has as much to do as
    /// others, because nobody can do that for it, should a crowd come.
    pub(super) fn is_kept_for_edges(&self, slot: u32) -> bool {
        let node = self.fleet.node(slot);
        let is_origin = self.stream.carriers.get(&slot).is_some_and(|carrier| carrier.depth() == 0);
        let each = self.stream.bytes_per_viewer();
        is_origin && node.burden.fit_below(self.threshold, each, &node.capacity) < FEW
    }

    /// The carriers, the least loaded first, as long as they are not full.
    pub(super) fn carriers(&self) -> impl Iterator<Item = u32> {
        let most = u64::from(self.newcomer.most());
        self.stream
            .ready
            .iter()
            .take_while(move |place| place.rank().0 <= most)
            .map(super::order::Place::slot)
    }

    /// The other nodes, the least loaded first, as long as they are not full; none if nobody could feed them.
    pub(super) fn others(&self, scope: Option<&str>) -> impl Iterator<Item = u32> {
        let most = self.newcomer.most();
        let fed = self.stream.carriers.len() < self.fleet.len() && self.fleet.can_grow(self.stream);
        let nodes = self
            .fleet
            .by_load
            .best(scope)
            .take_while(move |slot| fed && self.fleet.node(*slot).share <= most);
        nodes.filter(|slot| !self.stream.carriers.contains_key(slot))
    }
}

/// What a viewer is told, and what it means for the stream.
struct Chosen {
    picks: Vec<Pick>,
    reserve: Option<Arc<str>>,
    bytes_per_viewer: u64,
}

impl Fleet {
    /// Chooses for a viewer of `stream_id` and counts it where it was sent.
    ///
    /// # Errors
    /// [`Refusal::NoNode`] if no live node has to do with the stream, [`Refusal::NoCapacity`] if nobody has room.
    pub fn watch(
        &mut self,
        stream_id: StreamId,
        request: Ask<'_>,
        now: Instant,
    ) -> Result<Decision, Refusal> {
        let chosen = self.for_viewer(stream_id, request)?;
        let decision = self.decision(&chosen.picks);
        if let Some(first) = chosen.picks.first() {
            self.assign(first.slot, 1, chosen.bytes_per_viewer, now);
            if first.role == Role::Edge {
                self.open_edge(stream_id, first.slot, now);
            }
        }
        if let Some(stream) = self.streams.get_mut(&stream_id) {
            stream.turn = stream.turn.wrapping_add(1);
            stream.reserve = chosen.reserve;
        }
        Ok(decision)
    }

    /// What [`Self::watch`] would answer now, without doing it.
    ///
    /// # Errors
    /// As [`Self::watch`].
    pub fn explain_watch(&self, stream_id: StreamId, request: Ask<'_>) -> Result<Decision, Refusal> {
        Ok(self.decision(&self.for_viewer(stream_id, request)?.picks))
    }

    pub(super) fn decision(&self, picks: &[Pick]) -> Decision {
        let choice = |pick: &Pick| {
            let node = self.node(pick.slot);
            Choice {
                hostname: node.name.to_string(),
                public_url: node.public_url.clone(),
                role: pick.role,
                reason: pick.reason,
            }
        };
        Decision { nodes: picks.iter().map(choice).collect() }
    }

    fn for_viewer(&self, stream_id: StreamId, request: Ask<'_>) -> Result<Chosen, Refusal> {
        let stream = self.streams.get(&stream_id).ok_or(Refusal::NoNode)?;
        let egress_bytes_per_s = stream.bytes_per_viewer();
        let view = View {
            fleet: self,
            stream,
            newcomer: Newcomer { viewers: 1, egress_bytes_per_s, moves: !request.avoid.is_empty() },
            threshold: self.threshold(),
            avoid: request.avoid,
        };
        let mut chosen = Chosen { picks: Vec::new(), reserve: None, bytes_per_viewer: egress_bytes_per_s };
        if stream.is_live() {
            let mut scopes = region::scopes(request.region);
            let first = given(&view).or_else(|| {
                scopes.find_map(|scope| match self.policies.viewers {
                    ViewerPolicy::CarriersFirst => carriers_first::first(&view, scope),
                    ViewerPolicy::LeastEgress => least_egress::first(&view, scope),
                })
            });
            chosen.picks.extend(first);
            chosen.picks.extend(standbys(
                &view,
                first.map(|first| first.slot),
                request.at_most.saturating_sub(2),
            ));
            chosen.reserve = reserve(&view, stream_id);
            let slot = chosen.reserve.as_deref().and_then(|name| self.slot(name));
            let named = |slot: &u32| chosen.picks.iter().any(|pick| pick.slot == *slot);
            let slot = slot.filter(|slot| !named(slot));
            chosen.picks.extend(slot.map(|slot| Pick { slot, role: Role::Edge, reason: Reason::Standby }));
            chosen.picks.extend(lost(&view));
        } else {
            chosen.picks = waiting(&view);
        }
        chosen.picks.truncate(request.at_most);
        if chosen.picks.is_empty() { Err(why_nobody(&view)) } else { Ok(chosen) }
    }
}

/// The node that the broadcaster was sent to and has not reported from yet, while no carrier is left that would do.
fn given(view: &View<'_>) -> Option<Pick> {
    let slot = view.stream.placed_on.as_deref().and_then(|name| view.fleet.slot(name))?;
    let is_new = !view.stream.carriers.contains_key(&slot);
    let fits = is_new && view.carriers().all(|slot| view.welcome(slot, None).is_none());
    (fits && view.welcome(slot, None).is_some()).then_some(Pick {
        slot,
        role: Role::Origin,
        reason: Reason::Placed,
    })
}

/// Carriers that are not the first choice, a few of the least loaded, other ones at each turn.
fn standbys(view: &View<'_>, first: Option<u32>, at_most: usize) -> Vec<Pick> {
    let others = view.carriers().filter(|slot| Some(*slot) != first && view.welcome(*slot, None).is_some());
    let others: Vec<u32> = others.take(STANDBY_WINDOW).collect();
    let turned = others.iter().cycle().skip(view.stream.turn as usize % others.len().max(1));
    let pick = |&slot: &u32| Pick { slot, role: Role::Carrier, reason: Reason::Standby };
    turned.take(others.len().min(at_most)).map(pick).collect()
}

/// The node that becomes an edge should the carriers be lost: the one known already, while it is fit for that.
fn reserve(view: &View<'_>, stream_id: StreamId) -> Option<Arc<str>> {
    let is_fit = |name: &&Arc<str>| {
        let slot = view.fleet.slot(name).filter(|slot| !view.stream.carriers.contains_key(slot));
        slot.is_some_and(|slot| view.welcome(slot, None).is_some_and(|node| node.share <= view.threshold))
    };
    if let Some(known) = view.stream.reserve.as_ref().filter(is_fit) {
        return Some(Arc::clone(known));
    }
    let fit = view.others(None).filter_map(|slot| view.welcome(slot, None));
    let fit: Vec<&Node> = fit.take(RESERVE_WINDOW).collect();
    let turn = stream_id.to_string().bytes().fold(0_usize, |sum, byte| sum * 31 % 65_521 + usize::from(byte));
    fit.get(turn % fit.len().max(1)).map(|node| Arc::clone(&node.name))
}

/// While nobody has the stream live: who waits for its broadcaster, or where it was placed.
fn waiting(view: &View<'_>) -> Vec<Pick> {
    let carriers =
        view.stream.carriers.iter().filter(|(_, carrier)| carrier.carriage == Carriage::Interrupted);
    let mut slots: Vec<u32> = carriers.map(|(slot, _)| *slot).collect();
    slots.sort_unstable_by_key(|slot| &view.fleet.node(*slot).by_load);
    let (role, reason) = if slots.is_empty() {
        slots.extend(view.stream.placed_on.as_deref().and_then(|name| view.fleet.slot(name)));
        (Role::Origin, Reason::Placed)
    } else {
        (Role::Carrier, Reason::Waits)
    };
    slots.retain(|slot| has_room(view.fleet.node(*slot), &view.newcomer));
    // Those just lost come last, and everybody else keeps the order.
    slots.sort_by_key(|slot| view.fleet.node(*slot).is_avoided(view.avoid));
    slots.into_iter().map(|slot| Pick { slot, role, reason }).collect()
}

/// The carriers the client just lost: it may be wrong about them.
fn lost(view: &View<'_>) -> Vec<Pick> {
    let is_lost = |slot: &u32| {
        let carries =
            view.stream.carriers.get(slot).is_some_and(|carrier| carrier.carriage != Carriage::Interrupted);
        carries && has_room(view.fleet.node(*slot), &view.newcomer)
    };
    let mut slots: Vec<u32> = view.fleet.at_urls(view.avoid).filter(is_lost).collect();
    slots.sort_unstable_by_key(|slot| &view.fleet.node(*slot).by_load);
    slots.dedup();
    slots.into_iter().map(|slot| Pick { slot, role: Role::Carrier, reason: Reason::Avoided }).collect()
}

fn why_nobody(view: &View<'_>) -> Refusal {
    let stream = view.stream;
    let placed = || stream.placed_on.as_deref().and_then(|name| view.fleet.slot(name));
    let anybody = !stream.carriers.is_empty() || placed().is_some();
    if anybody { Refusal::NoCapacity } else { Refusal::NoNode }
}
