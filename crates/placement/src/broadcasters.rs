//! Where a broadcaster goes: a node that already carries the stream, because there it goes on without a new take, then
//! where viewers who lost their node are sent, then the best by the policy that takes another stream. What was just lost is named only if there is nothing else.

use protocol::StreamId;

use super::{
    Ask, Decision, Fleet, Reason, Refusal, Role, capacity::takes_stream, region, stream::Carrier,
    viewers::Pick,
};

impl Fleet {
    /// Chooses for the broadcaster of a stream, or of one to be created. The caller [places](Self::place) it.
    ///
    /// # Errors
    /// [`Refusal::NoNode`] if there is no live node, [`Refusal::NoCapacity`] if none takes another stream.
    pub fn publish(&self, stream_id: Option<StreamId>, request: Ask<'_>) -> Result<Decision, Refusal> {
        let mut picks = self.carrying(stream_id, request);
        let awaiting = self.awaiting(stream_id, &picks, request);
        picks.extend(awaiting);
        for scope in region::scopes(request.region) {
            let room = request.at_most.saturating_sub(picks.len());
            let fit = self.for_broadcasters.best(scope).filter(|slot| self.may_take(*slot, &picks, request));
            let fit: Vec<u32> = fit.take(room).collect();
            picks.extend(fit.into_iter().map(|slot| self.takes(slot)));
        }
        if picks.is_empty() {
            let lost = self.for_broadcasters.best(None).filter(|slot| {
                let node = self.node(*slot);
                node.is_avoided(request.avoid) && takes_stream(node)
            });
            let pick = |slot| Pick { slot, role: Role::Origin, reason: Reason::Avoided };
            picks.extend(lost.map(pick));
        }
        picks.truncate(request.at_most);
        match picks.is_empty() {
            true if self.is_empty() => Err(Refusal::NoNode),
            true => Err(Refusal::NoCapacity),
            false => Ok(self.decision(&picks)),
        }
    }

    /// Those that carry the stream: its origin first, then the nearest to it.
    fn carrying(&self, stream_id: Option<StreamId>, request: Ask<'_>) -> Vec<Pick> {
        let stream = stream_id.and_then(|stream_id| self.streams.get(&stream_id));
        let carriers = stream.into_iter().flat_map(|stream| &stream.carriers);
        let reported = carriers.filter(|(_, carrier)| !carrier.is_coming());
        let here = reported.filter(|(slot, _)| !self.node(**slot).is_avoided(request.avoid));
        let mut here: Vec<(u32, &Carrier)> = here.map(|(slot, carrier)| (*slot, carrier)).collect();
        here.sort_unstable_by_key(|(slot, carrier)| (carrier.depth(), &self.node(*slot).for_broadcasters));
        here.truncate(request.at_most);
        here.into_iter().map(|(slot, _)| Pick { slot, role: Role::Origin, reason: Reason::GoesOn }).collect()
    }

    /// Nodes that expect the stream: those viewers were sent to since its origin was lost, then the reserve they would be
    /// sent to. A broadcaster that comes there saves them a hop.
    fn awaiting(&self, stream_id: Option<StreamId>, picks: &[Pick], request: Ask<'_>) -> Vec<Pick> {
        let Some(stream) = stream_id.and_then(|stream_id| self.streams.get(&stream_id)) else {
            return Vec::new();
        };
        let coming = stream.carriers.iter().filter(|(_, carrier)| carrier.is_coming()).map(|(slot, _)| *slot);
        let reserve = stream.reserve.as_deref().and_then(|name| self.slot(name));
        let reserve = reserve.filter(|slot| !stream.carriers.contains_key(slot));
        let fit = coming.chain(reserve).filter(|slot| self.may_take(*slot, picks, request));
        fit.map(|slot| Pick { slot, role: Role::Origin, reason: Reason::Awaits }).collect()
    }

    fn may_take(&self, slot: u32, picks: &[Pick], request: Ask<'_>) -> bool {
        let node = self.node(slot);
        !picks.iter().any(|pick| pick.slot == slot) && !node.is_avoided(request.avoid) && takes_stream(node)
    }

    fn takes(&self, slot: u32) -> Pick {
        Pick { slot, role: Role::Origin, reason: self.policies.broadcasters.reason(self.node(slot)) }
    }
}
