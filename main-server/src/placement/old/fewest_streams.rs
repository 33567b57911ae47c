//! For broadcasters: the node with the fewest streams, ties by egress load, then by name.
//!
//! A node that already carries the stream comes before all others, because there a broadcaster goes on without a
//! new take. A node at its stream limit is not chosen for a stream it does not carry.

use super::{Candidate, Carriage, Policy};

/// The policy of this module.
#[derive(Clone, Copy, Debug)]
pub struct FewestStreams;

impl Policy for FewestStreams {
    type Rank<'a> = (bool, u32, u64, &'a str);

    const AVOIDED_LAST: bool = false;

    fn rank<'a>(&self, node: &Candidate<'a>) -> Option<Self::Rank<'a>> {
        let carries = node.carriage >= Carriage::Interrupted;
        let full = node.capacity.streams.is_some_and(|most| node.streams >= most);
        let rank = (!carries, node.streams, node.load.egress_bytes_per_s, node.hostname);
        (carries || !full).then_some(rank)
    }
}

#[cfg(test)]
mod tests {
    use protocol::node::{Capacity, Load};

    use super::*;
    use crate::placement::old::{Request, choose};

    fn node(name: &'static str, streams: u32, egress_bytes_per_s: u64) -> Candidate<'static> {
        Candidate {
            hostname: name,
            public_url: name,
            streams,
            load: Load { egress_bytes_per_s, ..Load::default() },
            capacity: Capacity::default(),
            carriage: Carriage::None,
        }
    }

    fn chosen(nodes: &[Candidate<'static>], avoid: &[&str]) -> Vec<&'static str> {
        let avoid: Vec<String> = avoid.iter().map(|&url| url.to_owned()).collect();
        let request = Request { avoid: &avoid, at_most: 3 };
        choose(&FewestStreams, nodes, request).iter().map(|node| node.hostname).collect()
    }

    #[test]
    fn fewest_streams_then_least_egress_then_name() {
        let nodes = [node("d", 1, 0), node("c", 0, 9), node("b", 0, 5), node("a", 0, 5)];
        assert_eq!(chosen(&nodes, &[]), ["a", "b", "c"]);
    }

    #[test]
    fn an_avoided_node_is_named_only_when_there_is_no_other() {
        let nodes = [node("a", 0, 0), node("b", 3, 0)];
        assert_eq!(chosen(&nodes, &["a"]), ["b"]);
        assert_eq!(chosen(&nodes, &["a", "b"]), ["a", "b"]);
        assert!(chosen(&[], &["a"]).is_empty());
    }

    #[test]
    fn a_full_node_takes_no_new_stream_but_keeps_its_own() {
        let full =
            Candidate { capacity: Capacity { streams: Some(2), ..Capacity::default() }, ..node("a", 2, 0) };
        let carrier = Candidate { carriage: Carriage::Interrupted, ..full };
        assert_eq!(chosen(&[full, node("b", 7, 0)], &[]), ["b"]);
        assert_eq!(chosen(&[carrier, node("b", 0, 0)], &[]), ["a", "b"]);
        assert!(chosen(&[full], &[]).is_empty());
    }
}
