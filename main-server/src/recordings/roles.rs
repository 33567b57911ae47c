//! Which nodes record a stream. Pure.
//!
//! The node that takes the stream in is primary. If none does, because it has just died, an edge that still has the stream is. Another
//! node that takes the stream in is standby: one of the two has just died, and it is not known yet which. Otherwise another edge is; if no
//! edge has the stream, a node is chosen to become one. All main servers choose alike, whatever they heard first, because the choice among
//! equals is by rendezvous hashing of the stream and the hostnames.

use std::cmp::Reverse;

use placement::rendezvous::{self, Candidate};
use protocol::{StreamId, stream::StreamState};

use crate::state::catalogue::Carrier;

/// The hostnames of the nodes that record a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Roles {
    /// It writes to the object store.
    pub(super) primary: Option<String>,
    /// It takes over when the primary dies.
    pub(super) standby: Option<String>,
}

impl Roles {
    /// Chooses among the carriers of a stream that belongs on the host `placed_on`.
    pub(super) fn among(stream_id: StreamId, placed_on: &str, carriers: &[(&str, &Carrier)]) -> Self {
        let carrying = || carriers.iter().filter(|(_, carrier)| carrier.state != StreamState::Ended);
        let mut origins: Vec<_> = carrying().filter(|(_, carrier)| carrier.is_origin()).collect();
        origins.sort_unstable_by_key(|(hostname, carrier)| {
            Reverse((carrier.is_live(), *hostname == placed_on, *hostname))
        });
        // An origin that is not live counts only if no other one is.
        let live = origins.iter().filter(|(_, carrier)| carrier.is_live()).count();
        origins.truncate(live.max(1));
        let origins = origins.into_iter().map(|(hostname, _)| (*hostname).to_owned());
        let edges = carrying().filter(|(_, carrier)| !carrier.is_origin());
        let edges = edges.map(|(hostname, _)| candidate(hostname, false)).collect();
        let mut chosen = origins.chain(ordered(stream_id, edges));
        Self { primary: chosen.next(), standby: chosen.next() }
    }
}

/// The node that becomes an edge of a stream, as standby of `primary`, where no edge carries the stream: `before`, the last choice,
/// while that is possible. Full nodes are not chosen.
pub(super) fn newcomer(
    stream_id: StreamId,
    primary: &str,
    before: Option<&str>,
    nodes: &[Candidate],
) -> Option<String> {
    let fit = || nodes.iter().filter(|node| !node.is_full && node.hostname != primary);
    let kept = fit().find(|node| before == Some(node.hostname.as_str())).map(|node| node.hostname.clone());
    kept.or_else(|| ordered(stream_id, fit().cloned().collect()).next())
}

/// A node as rendezvous hashing takes it.
pub(super) fn candidate(hostname: &str, is_full: bool) -> Candidate {
    Candidate { hostname: hostname.to_owned(), public_url: String::new(), is_full }
}

fn ordered(stream_id: StreamId, nodes: Vec<Candidate>) -> impl Iterator<Item = String> {
    let ordered = rendezvous::order(stream_id.to_string().as_bytes(), nodes, usize::MAX);
    ordered.into_iter().map(|node| node.hostname)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn carrier(state: StreamState, path: &[&str]) -> Carrier {
        let path = path.iter().map(|hostname| (*hostname).to_owned()).collect();
        Carrier { state, viewers: 0, path, relays: 0 }
    }

    fn stream() -> StreamId {
        StreamId::new("a", 1)
    }

    fn chosen(placed_on: &str, carriers: &[(&str, Carrier)]) -> [Option<String>; 2] {
        let carriers: Vec<_> = carriers.iter().map(|(hostname, carrier)| (*hostname, carrier)).collect();
        let Roles { primary, standby } = Roles::among(stream(), placed_on, &carriers);
        [primary, standby]
    }

    fn names(names: [&str; 2]) -> [Option<String>; 2] {
        names.map(|name| Some(name.to_owned()).filter(|name| !name.is_empty()))
    }

    #[test]
    fn the_origin_is_primary_and_an_edge_standby() {
        let (live, edge) = (carrier(StreamState::Live, &[]), carrier(StreamState::Live, &["a"]));
        assert_eq!(chosen("a", &[]), names(["", ""]));
        assert_eq!(chosen("a", &[("a", live.clone())]), names(["a", ""]));
        assert_eq!(chosen("a", &[("b", edge.clone()), ("a", live)]), names(["a", "b"]));
    }

    #[test]
    fn an_edge_is_primary_while_no_node_takes_the_stream_in() {
        let edge = carrier(StreamState::Interrupted, &["a"]);
        assert_eq!(chosen("a", &[("b", edge.clone())]), names(["b", ""]));
        let ended = carrier(StreamState::Ended, &[]);
        assert_eq!(chosen("a", &[("a", ended), ("b", edge)]), names(["b", ""]));
    }

    #[test]
    fn the_origin_that_the_broadcaster_left_is_primary_no_more() {
        let (live, left) = (carrier(StreamState::Live, &[]), carrier(StreamState::Interrupted, &[]));
        assert_eq!(chosen("a", &[("a", left), ("b", live.clone())])[0], Some("b".into()));
        // The other one died so lately that it counts as live.
        assert_eq!(chosen("b", &[("c", live.clone()), ("b", live)])[0], Some("b".into()));
    }

    /// No main server heard of the death of the first one.
    #[test]
    fn of_two_nodes_that_take_the_stream_in_both_record() {
        let (live, edge) = (carrier(StreamState::Live, &[]), carrier(StreamState::Live, &["a"]));
        let carriers = [("a", live.clone()), ("b", edge), ("c", live)];
        assert_eq!(chosen("a", &carriers), names(["a", "c"]));
        assert_eq!(chosen("a", &carriers[1..]), names(["c", "b"]));
    }

    #[test]
    fn without_an_edge_a_node_that_has_room_is_chosen_and_never_the_primary() {
        let chosen = |before, nodes: &[Candidate]| newcomer(stream(), "a", before, nodes);
        assert_eq!(chosen(None, &[candidate("a", false)]), None);
        assert_eq!(chosen(None, &[candidate("a", false), candidate("b", true)]), None);
        let nodes =
            [candidate("a", false), candidate("b", false), candidate("c", false), candidate("d", true)];
        let first = chosen(None, &nodes).unwrap();
        let other = if first == "b" { "c" } else { "b" };
        assert_eq!(chosen(Some(other), &nodes).as_deref(), Some(other), "it stays");
        assert_eq!(
            [chosen(Some("a"), &nodes), chosen(Some("d"), &nodes)],
            [Some(first.clone()), Some(first)]
        );
    }

    proptest! {
        #[test]
        fn every_main_server_chooses_alike_whatever_it_heard_first(
            edges in prop::collection::btree_set("[b-h]", 1..6), shift in 0..6_usize,
        ) {
            let origin = ("a".to_owned(), carrier(StreamState::Live, &[]));
            let edges = edges.into_iter().map(|name| (name, carrier(StreamState::Live, &["a"])));
            let mut carriers: Vec<_> = edges.chain([origin]).collect();
            let roles = |carriers: &[(String, Carrier)]| {
                let carriers: Vec<_> = carriers.iter().map(|(name, carrier)| (name.as_str(), carrier)).collect();
                Roles::among(stream(), "a", &carriers)
            };
            let before = roles(&carriers);
            let count = carriers.len();
            carriers.rotate_left(shift % count);
            prop_assert_eq!(&roles(&carriers), &before);
            // The primary dies: the standby takes over.
            carriers.retain(|(name, _)| name != "a");
            prop_assert_eq!(roles(&carriers).primary, before.standby);
        }
    }
}
