//! From whom an edge pulls a stream when it asks: whom it was [settled](super::tree) to pull from when it was opened; when
//! it lost that one, or was never opened, who has the stream live, does not get it from the asking node, does not
//! take what hangs below that too deep, has room below the ceiling, and is near the origin.
//!
//! So the tree stays shallow and no node feeds more than its share of it: with a fan-out of 16 and at most three hops, one
//! stream reaches 4,368 edges.

use std::time::{Duration, Instant};

use protocol::{StreamId, node::SourceAddress};

use super::{
    Fleet, Refusal,
    node::Node,
    stream::{Carriage, Carrier, Stream},
    tree::relay_of,
};

/// How long an edge waits for the source that was settled for it, which is about to have the stream.
const WAIT: Duration = Duration::from_secs(1);

impl Fleet {
    /// The nodes that `asking` may pull a stream from, first choice first; the first is counted as taken. Those at `avoid`
    /// come last.
    ///
    /// # Errors
    /// [`Refusal::NoNode`] if nobody else carries it live, [`Refusal::NoCapacity`] if nobody has room for a relay, or the
    /// one that keeps room for it does not have the stream yet.
    pub fn sources(
        &mut self,
        stream_id: StreamId,
        asking: &str,
        avoid: &[String],
        at_most: usize,
        now: Instant,
    ) -> Result<Vec<SourceAddress>, Refusal> {
        let stream = self.streams.get(&stream_id).ok_or(Refusal::NoNode)?;
        let settled = match self.settled(stream, asking, avoid, now) {
            Settled::Source(slot) => Some(slot),
            Settled::Wait => return Err(Refusal::NoCapacity),
            Settled::Nothing => None,
        };
        let fit = self.by_choice(stream, asking, avoid)?;
        let others = fit.into_iter().filter(|slot| Some(*slot) != settled);
        let slots: Vec<u32> = settled.into_iter().chain(others).take(at_most).collect();
        let first = *slots.first().ok_or(Refusal::NoCapacity)?;
        let address = |slot: &u32| {
            let Node { public_url, peer_url, .. } = self.node(*slot);
            SourceAddress { public_url: public_url.clone(), peer_url: peer_url.clone() }
        };
        let addresses = slots.iter().map(address).collect();
        if settled.is_none() {
            self.send_relay(stream_id, first, now);
        }
        Ok(addresses)
    }

    /// What was settled when the asking node was made an edge.
    fn settled(&self, stream: &Stream, asking: &str, avoid: &[String], now: Instant) -> Settled {
        let edge = self.slot(asking).and_then(|slot| stream.carriers.get(&slot));
        let Some(Carriage::Coming(coming)) = edge.map(|edge| edge.carriage) else { return Settled::Nothing };
        let Some(source) = stream.carriers.get(&coming.source) else { return Settled::Nothing };
        let is_sound = source.depth() < self.policies.depth
            && !source.path.iter().any(|hostname| hostname == asking)
            && !self.node(coming.source).is_avoided(avoid);
        match source.carriage {
            Carriage::Live if is_sound => Settled::Source(coming.source),
            Carriage::Coming(_) if now.saturating_duration_since(coming.since) < WAIT => Settled::Wait,
            _ => Settled::Nothing,
        }
    }

    /// Who else may feed it, first choice first.
    fn by_choice(&self, stream: &Stream, asking: &str, avoid: &[String]) -> Result<Vec<u32>, Refusal> {
        let is_above = |slot: u32, carrier: &Carrier| {
            let is_below = carrier.path.iter().any(|hostname| hostname == asking);
            carrier.is_live() && !is_below && *self.node(slot).name != *asking
        };
        // Nobody above is an outage; somebody above without room for us is not.
        if !stream.carriers.iter().any(|(slot, carrier)| is_above(*slot, carrier)) {
            return Err(Refusal::NoNode);
        }
        let newcomer = relay_of(stream);
        let below = self.levels_below(stream, asking);
        let fit = self
            .shallow(stream)
            .filter(|(slot, carrier)| is_above(*slot, carrier) && self.feeds(*slot, carrier, &newcomer));
        let mut fit: Vec<(u32, &Carrier)> = fit.collect();
        fit.sort_by_cached_key(|(slot, carrier)| {
            let node = self.node(*slot);
            let stands_out = self.relays_below_ceiling(*slot, newcomer.egress_bytes_per_s) == 0;
            let depth = if stands_out { 0 } else { carrier.depth() };
            let is_too_deep = carrier.depth() + below >= self.policies.depth;
            (node.is_avoided(avoid), is_too_deep, stands_out, depth, node.by_load.clone())
        });
        Ok(fit.into_iter().map(|(slot, _)| slot).collect())
    }

    /// How many levels of edges hang below a node already, as far as is known: they come along to its new source.
    fn levels_below(&self, stream: &Stream, hostname: &str) -> usize {
        let edge = self.slot(hostname).and_then(|slot| stream.carriers.get(&slot));
        let Some(edge) = edge else { return 0 };
        let levels = |(_, carrier): (u32, &Carrier)| {
            let place = carrier.path.iter().position(|name| name == hostname)?;
            Some(carrier.path.len() - place + usize::from(carrier.relays() > 0))
        };
        let known = self.shallow(stream).filter_map(levels).max().unwrap_or(0);
        known.max(usize::from(edge.relays() > 0))
    }

    /// Every carrier of a stream that has it live, with its hops from the origin: for reports on the tree.
    pub fn tree(&self, stream_id: StreamId) -> impl Iterator<Item = (&str, usize)> {
        let carriers = self.streams.get(&stream_id).into_iter().flat_map(|stream| &stream.carriers);
        let live = carriers.filter(|(_, carrier)| carrier.is_live());
        live.map(|(slot, carrier)| (&*self.node(*slot).name, carrier.depth()))
    }
}

/// See [`Fleet::settled`].
enum Settled {
    /// It has the stream.
    Source(u32),
    /// It is about to have it.
    Wait,
    /// Nothing, or nothing that holds any more.
    Nothing,
}
