//! For viewers: a node that has the stream live before one that waits for its broadcaster, one with headroom before a
//! full one, least egress first.
//!
//! Before anybody carries the stream it is the node the stream was placed on. Nodes that have nothing to do with the
//! stream are not chosen.

use std::cmp::Reverse;

use super::{Candidate, Carriage, Policy};

/// The policy of this module.
#[derive(Clone, Copy, Debug)]
pub struct CarriersFirst;

impl Policy for CarriersFirst {
    type Rank<'a> = (bool, bool, Reverse<Carriage>, u64, u32, &'a str);

    const AVOIDED_LAST: bool = true;

    fn rank<'a>(&self, node: &Candidate<'a>) -> Option<Self::Rank<'a>> {
        let full = node.capacity.viewers.is_some_and(|most| node.load.viewers >= most);
        let load = node.load;
        let waits = node.carriage != Carriage::Live;
        let carriage = Reverse(node.carriage);
        let rank = (waits, full, carriage, load.egress_bytes_per_s, load.viewers, node.hostname);
        (node.carriage > Carriage::None).then_some(rank)
    }
}

#[cfg(test)]
mod tests {
    use protocol::node::{Capacity, Load};

    use super::*;
    use crate::placement::old::{Request, choose};

    fn node(name: &'static str, carriage: Carriage, egress_bytes_per_s: u64) -> Candidate<'static> {
        Candidate {
            hostname: name,
            public_url: name,
            streams: 0,
            load: Load { egress_bytes_per_s, viewers: 5, ..Load::default() },
            capacity: Capacity::default(),
            carriage,
        }
    }

    fn chosen(nodes: &[Candidate<'static>], avoid: &[&str]) -> Vec<&'static str> {
        let avoid: Vec<String> = avoid.iter().map(|&url| url.to_owned()).collect();
        let request = Request { avoid: &avoid, at_most: 4 };
        choose(&CarriersFirst, nodes, request).iter().map(|node| node.hostname).collect()
    }

    #[test]
    fn only_nodes_that_have_the_stream_are_named_live_ones_first() {
        let nodes = [
            node("idle", Carriage::None, 0),
            node("waits", Carriage::Interrupted, 0),
            node("busy", Carriage::Live, 9),
            node("calm", Carriage::Live, 1),
        ];
        assert_eq!(chosen(&nodes, &[]), ["calm", "busy", "waits"]);
        assert!(chosen(&nodes[..1], &[]).is_empty());
    }

    #[test]
    fn an_avoided_node_is_still_named_at_the_end() {
        let nodes = [node("a", Carriage::Live, 0), node("b", Carriage::Interrupted, 0)];
        assert_eq!(chosen(&nodes, &["a"]), ["b", "a"]);
    }

    #[test]
    fn a_full_node_comes_before_one_that_only_waits_for_the_broadcaster() {
        let full = Candidate {
            capacity: Capacity { viewers: Some(5), ..Capacity::default() },
            ..node("a", Carriage::Live, 0)
        };
        assert_eq!(chosen(&[node("b", Carriage::Interrupted, 0), full], &[]), ["a", "b"]);
    }

    #[test]
    fn a_full_node_comes_after_one_with_headroom() {
        let full = Candidate {
            capacity: Capacity { viewers: Some(5), ..Capacity::default() },
            ..node("a", Carriage::Live, 0)
        };
        assert_eq!(chosen(&[full, node("b", Carriage::Live, 50)], &[]), ["b", "a"]);
    }
}
