//! The nodes that carry one stream. Two lists say which of them viewers and edges may be sent to.
//!
//! Nothing here is ordered by load: a session changes the load of a node, and with it the node's place in the order of each of its
//! streams. So a decision compares the carriers of its own stream instead, by ranks that lie side by side in memory
//! (10,000 of them in some microseconds), and a change of load touches no stream.

use std::{collections::BTreeMap, time::Instant};

use protocol::node::{CarriedStream, MOST_HOPS};

use crate::{
    carrier::{Carriage, Carrier},
    nodes::{LoadRank, Nodes},
};

/// A carrier in a list: the tie of its rank, and its slot. Sorting by hash mixes loads, so a scan for the k least
/// loaded replaces its candidates only O(k log n) times.
type Entry = (u32, u32);

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct Carriers {
    by_slot: BTreeMap<u32, Carrier>,
    /// Those that have the stream live or are about to.
    serving: Vec<Entry>,
    /// Those that wait for its broadcaster.
    waiting: Vec<Entry>,
    /// Those that serve and that others may pull from, as far as their depth goes: few, because they are near the origin.
    shallow: Vec<Entry>,
}

impl Carriers {
    pub(crate) fn get(&self, slot: u32) -> Option<&Carrier> {
        self.by_slot.get(&slot)
    }

    pub(crate) fn contains(&self, slot: u32) -> bool {
        self.by_slot.contains_key(&slot)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_slot.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_slot.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Carrier)> {
        self.by_slot.iter().map(|(slot, carrier)| (*slot, carrier))
    }

    /// Whether a node has the stream live.
    pub(crate) fn is_live(&self) -> bool {
        self.serving.iter().any(|(_, slot)| self.get(*slot).is_some_and(Carrier::is_live))
    }

    /// Whether a node waits for the broadcaster.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Carriers that others may pull from as far as their depth goes.
    pub(crate) fn shallow(&self) -> impl Iterator<Item = (u32, &Carrier)> {
        self.shallow.iter().filter_map(|(_, slot)| Some((*slot, self.get(*slot)?)))
    }

    /// The least loaded of those that serve and that `fits` accepts, in order, so many at most.
    pub(crate) fn serving(&self, nodes: &Nodes, at_most: usize, fits: impl Fn(u32) -> bool) -> Vec<u32> {
        least_loaded(&self.serving, nodes, at_most, fits)
    }

    /// The same of those that wait for the broadcaster.
    pub(crate) fn waiting(&self, nodes: &Nodes, at_most: usize, fits: impl Fn(u32) -> bool) -> Vec<u32> {
        least_loaded(&self.waiting, nodes, at_most, fits)
    }

    /// Takes over what the node in `slot` reports.
    pub(crate) fn report(
        &mut self,
        slot: u32,
        tie: u32,
        carriage: Carriage,
        row: &CarriedStream,
        now: Instant,
    ) {
        let carrier = self.by_slot.entry(slot).or_insert_with(|| Carrier::new(carriage));
        carrier.report(carriage, &row.path, row.relays, now);
        self.list(slot, tie);
    }

    /// Adds the node in `slot`, which was made an edge.
    pub(crate) fn open(&mut self, slot: u32, tie: u32, carrier: Carrier) {
        self.by_slot.insert(slot, carrier);
        self.list(slot, tie);
    }

    /// Counts a relay that is sent to the node in `slot`. Says whether room was kept for it.
    pub(crate) fn assign_relay(&mut self, slot: u32, now: Instant) -> bool {
        self.by_slot.get_mut(&slot).is_some_and(|carrier| carrier.assign_relay(now))
    }

    pub(crate) fn remove(&mut self, slot: u32, tie: u32) {
        self.by_slot.remove(&slot);
        self.list(slot, tie);
    }

    /// Puts a carrier into the lists it belongs to now.
    fn list(&mut self, slot: u32, tie: u32) {
        let carrier = self.by_slot.get(&slot);
        let serves = carrier.is_some_and(Carrier::serves);
        let is_shallow = carrier.is_some_and(|carrier| carrier.serves() && carrier.depth() < MOST_HOPS);
        set(&mut self.serving, (tie, slot), serves);
        set(&mut self.waiting, (tie, slot), carrier.is_some() && !serves);
        set(&mut self.shallow, (tie, slot), is_shallow);
    }
}

/// Makes a sorted list have `entry`, or not.
fn set(list: &mut Vec<Entry>, entry: Entry, is_in: bool) {
    match list.binary_search(&entry) {
        Ok(place) if !is_in => drop(list.remove(place)),
        Err(place) if is_in => list.insert(place, entry),
        _ => {}
    }
}

/// One pass over the ranks; `fits` is asked only about those that would be among the best.
fn least_loaded(list: &[Entry], nodes: &Nodes, at_most: usize, fits: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut best: Vec<(LoadRank, u32)> = Vec::with_capacity(list.len().min(at_most) + 1);
    for &(_, slot) in list {
        let candidate = (nodes.rank(slot), slot);
        let is_among = best.len() < at_most || best.last().is_some_and(|last| candidate < *last);
        if is_among && fits(slot) {
            best.insert(best.partition_point(|other| *other < candidate), candidate);
            best.truncate(at_most);
        }
    }
    best.into_iter().map(|(_, slot)| slot).collect()
}
