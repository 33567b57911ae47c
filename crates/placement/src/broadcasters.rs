//! Where a broadcaster goes: first a node that already carries the stream, because the take continues there; then nodes that
//! viewers were sent to after theirs was lost; then the best by the policy that take another stream. Nodes just lost are
//! named only if there is nothing else.

use crate::{
    capacity::takes_stream,
    carrier::Carrier,
    decision::{Pick, Reason, Refusal, Request, Role},
    nodes::Nodes,
    policy::BroadcasterPolicy,
    stream::Stream,
};

/// Decides for the broadcaster of `stream`, or of one to be created; nothing is changed.
pub(crate) fn decide(
    policy: BroadcasterPolicy,
    nodes: &Nodes,
    stream: Option<&Stream>,
    request: Request<'_>,
) -> Result<Vec<Pick>, Refusal> {
    let is_avoided = |slot: u32| nodes.node(slot).is_avoided(request.avoid);
    let takes = |slot: &u32| takes_stream(nodes.node(*slot));
    let mut picks = Picks { picks: Vec::new(), at_most: request.at_most };
    if let Some(stream) = stream {
        picks.extend(carrying(nodes, stream).into_iter().filter(|slot| !is_avoided(*slot)), |_| {
            Reason::GoesOn
        });
        picks.extend(awaiting(nodes, stream).filter(|slot| !is_avoided(*slot) && takes(slot)), |_| {
            Reason::Awaits
        });
    }
    let by_policy = |slot| match policy {
        BroadcasterPolicy::FewestStreams => Reason::FewestStreams(nodes.node(slot).placed.all),
        BroadcasterPolicy::LeastEgress => Reason::LeastLoaded(nodes.share(slot)),
    };
    for region in request.regions() {
        let fit = nodes.for_broadcasters(region).filter(|slot| !is_avoided(*slot) && takes(slot));
        picks.extend(fit, by_policy);
    }
    if picks.picks.is_empty() {
        let lost = nodes.for_broadcasters(None).filter(|slot| is_avoided(*slot) && takes(slot));
        picks.extend(lost, |_| Reason::Avoided);
    }
    match picks.picks.is_empty() {
        true if nodes.len() == 0 => Err(Refusal::NoNode),
        true => Err(Refusal::NoCapacity),
        false => Ok(picks.picks),
    }
}

/// Nodes that carry the stream: its origin first, then the nearest to it.
fn carrying(nodes: &Nodes, stream: &Stream) -> Vec<u32> {
    let reported = stream.carriers.iter().filter(|(_, carrier)| !carrier.is_coming());
    let mut reported: Vec<(u32, &Carrier)> = reported.collect();
    reported.sort_unstable_by_key(|(slot, carrier)| (carrier.depth(), nodes.rank(*slot)));
    reported.into_iter().map(|(slot, _)| slot).collect()
}

/// Nodes that expect the stream: those viewers were sent to since its origin was lost, then the reserve they would be sent to. A
/// broadcaster that goes there saves them a hop.
fn awaiting(nodes: &Nodes, stream: &Stream) -> impl Iterator<Item = u32> {
    let coming = stream.carriers.iter().filter(|(_, carrier)| carrier.is_coming()).map(|(slot, _)| slot);
    let reserve = stream.reserve.as_deref().and_then(|name| nodes.slot(name));
    coming.chain(reserve.filter(|slot| !stream.carriers.contains(*slot)))
}

/// Nodes to be named, each once.
struct Picks {
    picks: Vec<Pick>,
    at_most: usize,
}

impl Picks {
    fn extend(&mut self, slots: impl Iterator<Item = u32>, reason: impl Fn(u32) -> Reason) {
        for slot in slots {
            if self.picks.len() >= self.at_most {
                return;
            }
            if self.picks.iter().all(|pick| pick.slot != slot) {
                self.picks.push(Pick { slot, role: Role::Origin, reason: reason(slot) });
            }
        }
    }
}
