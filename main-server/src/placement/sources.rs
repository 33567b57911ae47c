//! From whom an edge pulls a stream: who has it live, does not get it from the asking node, is near the origin, has relay
//! headroom, and is the least loaded of those.
//!
//! So the tree stays shallow and no node feeds more than its share of it: with a fan-out of 16 and at most three hops, one
//! stream reaches 4,368 edges.

use std::time::Instant;

use protocol::StreamId;

use super::{
    Fleet, Refusal,
    capacity::{Newcomer, has_room},
    stream::{Carriage, Carrier, Stream},
};

/// Edges that each of the loaded carriers feeds before any of them feeds more.
const FEW: u32 = 4;

impl Fleet {
    /// The nodes that `asking` may pull a stream from, first choice first; the first is counted as taken. Those at `avoid`
    /// come last.
    ///
    /// # Errors
    /// [`Refusal::NoNode`] if nobody else carries it live, [`Refusal::NoCapacity`] if nobody has room for a relay.
    pub fn sources(
        &mut self,
        stream_id: StreamId,
        asking: &str,
        avoid: &[String],
        at_most: usize,
        now: Instant,
    ) -> Result<Vec<String>, Refusal> {
        let stream = self.streams.get(&stream_id).ok_or(Refusal::NoNode)?;
        let above = stream.carriers.iter().filter(|(slot, carrier)| {
            carrier.is_live()
                && *self.node(**slot).name != *asking
                && !carrier.path.iter().any(|hostname| hostname == asking)
        });
        let above: Vec<(u32, &Carrier)> = above.map(|(slot, carrier)| (*slot, carrier)).collect();
        // Nobody above is an outage; somebody above without room for us is not.
        if above.is_empty() {
            return Err(Refusal::NoNode);
        }
        let newcomer = relay_of(stream);
        let below = levels_below(stream, asking);
        let above = above.into_iter().filter(|(_, carrier)| carrier.depth() + below < self.policies.depth);
        let fit = above.filter(|(slot, carrier)| self.feeds(*slot, carrier, &newcomer));
        let mut fit: Vec<(u32, &Carrier)> = fit.collect();
        let threshold = self.threshold();
        let order = |(slot, carrier): &(u32, &Carrier)| {
            let node = self.node(*slot);
            let is_loaded = node.share > threshold;
            // Among the loaded ones each feeds a few before anybody feeds many: the origin of a sudden crowd would feed
            // all its edges else.
            let turn = if is_loaded { carrier.relays() / FEW } else { 0 };
            (node.is_avoided(avoid), is_loaded, turn, carrier.depth(), node.by_load.clone())
        };
        if at_most > 0 && at_most < fit.len() {
            fit.select_nth_unstable_by_key(at_most - 1, order);
            fit.truncate(at_most);
        }
        fit.sort_by_cached_key(order);
        let slots: Vec<u32> = fit.into_iter().take(at_most).map(|(slot, _)| slot).collect();
        let first = *slots.first().ok_or(Refusal::NoCapacity)?;
        let urls = slots.iter().map(|slot| self.node(*slot).public_url.clone()).collect();
        self.assign(first, 0, newcomer.egress_bytes_per_s, now);
        let carriers = self.streams.get_mut(&stream_id).map(|stream| &mut stream.carriers);
        if let Some(carrier) = carriers.and_then(|carriers| carriers.get_mut(&first)) {
            carrier.expect_relay(now);
        }
        Ok(urls)
    }

    /// Whether another edge could pull the stream from somebody, be it from an edge that is about to have it: a crowd of
    /// thousands does not wait until the first edges have reported.
    pub(super) fn can_grow(&self, stream: &Stream) -> bool {
        let newcomer = relay_of(stream);
        let has_it = |carrier: &Carrier| carrier.carriage != Carriage::Interrupted;
        let feeds =
            |(slot, carrier): (&u32, &Carrier)| has_it(carrier) && self.feeds(*slot, carrier, &newcomer);
        stream.carriers.iter().any(feeds)
    }

    fn feeds(&self, slot: u32, carrier: &Carrier, newcomer: &Newcomer) -> bool {
        carrier.depth() < self.policies.depth
            && carrier.relays() < self.policies.fan_out
            && has_room(self.node(slot), newcomer)
    }

    /// Every carrier of a stream that has it live, with its hops from the origin: for reports on the tree.
    pub fn tree(&self, stream_id: StreamId) -> impl Iterator<Item = (&str, usize)> {
        let carriers = self.streams.get(&stream_id).into_iter().flat_map(|stream| &stream.carriers);
        let live = carriers.filter(|(_, carrier)| carrier.is_live());
        live.map(|(slot, carrier)| (&*self.node(*slot).name, carrier.depth()))
    }
}

/// How many levels of edges hang below a node already: they come along to its new source.
fn levels_below(stream: &Stream, hostname: &str) -> usize {
    let levels = |carrier: &Carrier| {
        carrier.path.iter().position(|name| name == hostname).map_or(0, |place| carrier.path.len() - place)
    };
    stream.carriers.values().map(levels).max().unwrap_or(0)
}

/// A relay is let in past a limit like somebody who moves: all viewers behind it would be lost else.
fn relay_of(stream: &Stream) -> Newcomer {
    Newcomer { viewers: 0, egress_bytes_per_s: stream.bytes_per_viewer(), moves: true }
}
