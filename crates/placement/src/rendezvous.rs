//! The order in which nodes are asked for an item of the library: rendezvous hashing (Thaler and Ravishankar, 1998).
//!
//! Every node has a score for every item, a hash of both. The nodes with the highest scores come first, so an item is asked for
//! at few nodes, which have it in their caches. A node that leaves moves only the items that it was first for, and one that
//! joins takes its share from all. Load matters only to skip nodes that are full.

use std::cmp::Reverse;

use md5::{Digest, Md5};
use protocol::node::{Capacity, Load};

use crate::load::FULL_PROCESSOR_PERMILLE;

/// A node that may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name; it keeps it, and so its cache, when it restarts.
    pub hostname: String,
    /// Where clients reach it.
    pub public_url: String,
    /// Whether it has no room for another client; see [`is_full`].
    pub is_full: bool,
}

/// Whether a node with this load is at a limit that its operator set, at what it can send, or out of processor time.
pub fn is_full(capacity: &Capacity, load: &Load) -> bool {
    let reaches = |amount: u64, limit: Option<u64>| limit.is_some_and(|limit| amount >= limit);
    reaches(load.egress_bytes_per_s, capacity.egress_bytes_per_s)
        || reaches(load.egress_bytes_per_s, load.egress_limit_bytes_per_s)
        || reaches(load.viewers.into(), capacity.viewers.map(u64::from))
        || load.cpu_permille >= FULL_PROCESSOR_PERMILLE
}

/// The `at_most` best nodes for the item `key`, the best one first; full ones after all others.
pub fn order(key: &[u8], nodes: Vec<Candidate>, at_most: usize) -> Vec<Candidate> {
    let mut ranked: Vec<_> =
        nodes.into_iter().map(|node| (Reverse(score(key, &node.hostname)), node)).collect();
    ranked.sort_by(|(a, first), (b, second)| {
        (first.is_full, a, &first.hostname).cmp(&(second.is_full, b, &second.hostname))
    });
    ranked.into_iter().map(|(_, node)| node).take(at_most).collect()
}

/// How well a node suits an item. It never changes, so main servers of all versions agree.
fn score(key: &[u8], hostname: &str) -> u64 {
    let digest: [u8; 16] = Md5::new().chain_update(key).chain_update(hostname).finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(number: usize) -> Candidate {
        let hostname = format!("node-{number}");
        Candidate { public_url: format!("/{hostname}"), hostname, is_full: false }
    }

    fn nodes(count: usize) -> Vec<Candidate> {
        (0..count).map(node).collect()
    }

    fn names(key: u128, nodes: Vec<Candidate>) -> Vec<String> {
        let ordered = order(&key.to_be_bytes(), nodes, usize::MAX);
        ordered.into_iter().map(|node| node.hostname).collect()
    }

    proptest! {
        /// The order of the others stays when a node leaves or joins, and does not depend on the order they are given in.
        #[test]
        fn a_node_that_leaves_moves_only_its_own_items(
            key in any::<u128>(), count in 2_usize..20, leaves in any::<prop::sample::Index>(),
        ) {
            let all = names(key, nodes(count));
            let gone = node(leaves.index(count)).hostname;
            let mut rest = nodes(count);
            rest.retain(|node| node.hostname != gone);
            rest.reverse();
            let expected: Vec<_> = all.into_iter().filter(|name| *name != gone).collect();
            prop_assert_eq!(names(key, rest), expected);
        }

        /// Full nodes are asked last, and the others in the order they have without them.
        #[test]
        fn full_nodes_come_last(key in any::<u128>(), full in prop::collection::vec(any::<bool>(), 1..12)) {
            let given: Vec<_> =
                full.iter().enumerate().map(|(number, &is_full)| Candidate { is_full, ..node(number) }).collect();
            let ordered = order(&key.to_be_bytes(), given.clone(), usize::MAX);
            prop_assert!(ordered.is_sorted_by_key(|node| node.is_full));
            let free = |nodes: Vec<Candidate>| nodes.into_iter().filter(|node| !node.is_full).collect::<Vec<_>>();
            prop_assert_eq!(free(ordered), order(&key.to_be_bytes(), free(given), usize::MAX));
        }
    }

    #[test]
    fn items_spread_evenly_over_nodes() {
        const NODES: usize = 10;
        const ITEMS: usize = 10_000;
        let mut firsts = std::collections::BTreeMap::new();
        for item in 0..ITEMS {
            let first = names(item as u128, nodes(NODES)).remove(0);
            *firsts.entry(first).or_insert(0_usize) += 1;
        }
        assert_eq!(firsts.len(), NODES);
        let share = ITEMS / NODES;
        assert!(firsts.values().all(|&count| count.abs_diff(share) < share / 5), "{firsts:?}");
    }

    #[test]
    fn the_order_is_that_of_every_version() {
        assert_eq!(names(7, nodes(4)), ["node-0", "node-3", "node-2", "node-1"]);
    }

    #[test]
    fn a_node_at_any_of_its_limits_is_full() {
        let capacity = Capacity { streams: None, viewers: Some(10), egress_bytes_per_s: Some(1000) };
        let load = Load::default();
        assert!(!is_full(&capacity, &load) && !is_full(&Capacity::default(), &Load { viewers: 10, ..load }));
        for full in [
            Load { viewers: 10, ..load },
            Load { egress_bytes_per_s: 1000, ..load },
            Load { egress_bytes_per_s: 500, egress_limit_bytes_per_s: Some(500), ..load },
            Load { cpu_permille: FULL_PROCESSOR_PERMILLE, ..load },
        ] {
            assert!(is_full(&capacity, &full), "{full:?}");
        }
    }
}
