//! What the live nodes carry, added up: in nodes full, so that machines of different sizes can be added.
//!
//! A node's share is that of its narrowest limit, of which placement believes the same. One that carries nothing counts as empty, whatever its processors do:
//! nothing would have to move if it went.

use std::cmp::Reverse;

use protocol::node::NodeInfo;

/// Parts that make a node full.
pub(super) const WHOLE: u64 = placement::WHOLE as u64;

/// One live node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// Its name.
    pub(crate) hostname: &'a str,
    /// The share of its narrowest limit that is taken, in parts of a million; at most all of it.
    pub(crate) share: u32,
    /// Streams it is the origin of, or was chosen for.
    pub(crate) streams: u32,
    /// Other nodes that pull from it.
    pub(crate) relays: u32,
    /// Viewers it serves.
    pub(crate) viewers: u32,
}

impl<'a> Row<'a> {
    /// What a node reported, as far as scaling is concerned.
    pub(crate) fn of(node: &'a NodeInfo) -> Self {
        let (load, capacity) = (&node.load, &node.capacity);
        let started = node.streams.saturating_sub(node.waiting).max(load.live_streams);
        let egress_limits = [capacity.egress_bytes_per_s, load.egress_limit_bytes_per_s];
        let egress_limit = egress_limits.into_iter().flatten().min();
        let limits = [
            capacity.viewers.map(|most| (load.viewers.into(), most.into())),
            capacity.streams.map(|most| (started.into(), most.into())),
            Some((load.egress_bytes_per_s, egress_limit.unwrap_or(placement::UNKNOWN_LIMIT))),
            Some((load.cpu_permille.into(), 1000)),
        ];
        let share = limits.into_iter().flatten().map(|(taken, most)| share_of(taken, most)).max();
        let hostname = node.hostname.as_str();
        let (streams, relays, viewers) = (node.streams, load.relays, load.viewers);
        Self { hostname, share: share.unwrap_or(0), streams, relays, viewers }
    }

    /// Whether anything would have to move if it went.
    pub(super) fn carries(&self) -> bool {
        self.streams > 0 || self.relays > 0 || self.viewers > 0
    }

    /// The smaller, the less moves if it goes: a broadcaster is more than a relay, a relay more than a viewer. Among equals
    /// the last name goes first, which is the newest where names are numbered.
    pub(super) fn worth(&self) -> impl Ord + use<'a> {
        (self.streams, self.relays, self.viewers, self.share, Reverse(self.hostname))
    }
}

/// Rounded up: a node that carries anything is not empty.
fn share_of(taken: u64, most: u64) -> u32 {
    let share = (u128::from(taken) * u128::from(WHOLE)).div_ceil(u128::from(most.max(1)));
    share.min(u128::from(WHOLE)) as u32
}

/// All nodes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    /// Live nodes.
    pub(super) nodes: u32,
    /// The sum of the shares of those that carry something.
    pub(super) taken: u64,
    /// Whether any carries anything.
    pub(super) carries: bool,
    /// Streams placed on them.
    pub(super) streams: u64,
    /// Viewers of all of them.
    pub(super) viewers: u64,
}

impl Total {
    pub(super) fn of(rows: &[Row<'_>]) -> Self {
        let nodes = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let add = |mut sum: Self, row: &Row<'_>| {
            sum.taken += u64::from(row.share);
            sum.streams += u64::from(row.streams);
            sum.viewers += u64::from(row.viewers);
            sum
        };
        let busy = rows.iter().filter(|row| row.carries());
        Self { nodes, carries: busy.clone().next().is_some(), ..busy.fold(Self::default(), add) }
    }

    /// Nodes that carry all of it and are at most `share` full with one of them lost; one if there is nothing to carry.
    pub(super) fn fits(&self, share: u64) -> u32 {
        let carrying = u32::try_from(self.taken.div_ceil(share)).unwrap_or(u32::MAX - 1).max(1);
        if self.carries { carrying + 1 } else { 1 }
    }

    /// How full `nodes` would be with one of them lost; `None` if no node would be left.
    pub(super) fn without_one(&self, nodes: u32) -> Option<u64> {
        match nodes {
            _ if !self.carries => Some(0),
            0 | 1 => None,
            nodes => Some(self.taken.div_ceil(u64::from(nodes) - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::{
        NodeId,
        node::{Capacity, Load},
    };

    use super::*;

    fn node(streams: u32, capacity: Capacity, load: Load) -> NodeInfo {
        NodeInfo {
            node_id: NodeId("a-1".into()),
            hostname: "a".into(),
            public_url: "/cdn/a".into(),
            peer_url: None,
            generation: 1,
            streams,
            waiting: 0,
            capacity,
            region: None,
            load,
            lease_left_ms: 3000,
            clock_offset_ms: None,
        }
    }

    fn percent(node: &NodeInfo) -> u32 {
        Row::of(node).share / 10_000
    }

    #[test]
    fn the_narrowest_limit_counts() {
        let load = Load { viewers: 10, egress_bytes_per_s: 40, cpu_permille: 50, ..Load::default() };
        assert_eq!(percent(&node(3, Capacity::default(), load)), 5);
        let half = Load { egress_bytes_per_s: placement::UNKNOWN_LIMIT / 2, ..load };
        assert_eq!(percent(&node(3, Capacity::default(), half)), 50);
        let learned = Load { egress_limit_bytes_per_s: Some(200), ..load };
        assert_eq!(percent(&node(3, Capacity::default(), learned)), 20);
        let capacity = Capacity { viewers: Some(25), streams: Some(6), egress_bytes_per_s: Some(100) };
        assert_eq!(percent(&node(0, capacity, learned)), 40);
        assert_eq!(percent(&node(3, capacity, learned)), 50);
    }

    #[test]
    fn streams_that_nothing_has_arrived_for_ask_for_no_nodes() {
        let capacity = Capacity { streams: Some(10), ..Capacity::default() };
        let flooded = NodeInfo { waiting: 9, ..node(10, capacity, Load::default()) };
        assert_eq!(percent(&flooded), 10);
    }

    #[test]
    fn nothing_a_node_says_makes_it_more_than_full() {
        let load = Load { viewers: u32::MAX, egress_bytes_per_s: u64::MAX, ..Load::default() };
        let capacity = Capacity { viewers: Some(0), streams: Some(0), egress_bytes_per_s: Some(0) };
        assert_eq!(percent(&node(u32::MAX, capacity, load)), 100);
    }

    #[test]
    fn what_a_single_viewer_takes_is_not_rounded_away() {
        let load = Load { viewers: 1, ..Load::default() };
        let capacity = Capacity { viewers: Some(u32::MAX), ..Capacity::default() };
        assert_eq!(Row::of(&node(0, capacity, load)).share, 1);
    }

    #[test]
    fn busy_processors_of_a_node_that_carries_nothing_are_no_load() {
        let busy = node(0, Capacity::default(), Load { cpu_permille: 900, ..Load::default() });
        let total = Total::of(&[Row::of(&busy), Row::of(&busy)]);
        assert_eq!(total, Total { nodes: 2, ..Total::default() });
        assert_eq!(total.fits(WHOLE / 2), 1);
    }
}
