//! Where a broadcaster or a viewer goes: nodes and a request in, an ordered choice out.
//!
//! Pure: no clock, lock or socket. The caller names the candidates (live nodes only) with what it knows of them; a
//! [`Policy`] says which may be chosen and which is better; [`choose`] does the rest. One policy per file.
//! Costs one pass over the candidates and remembers only the chosen few.

mod carriers_first;
mod fewest_streams;

use protocol::node::{Capacity, Load};

pub use carriers_first::CarriersFirst;
pub use fewest_streams::FewestStreams;

/// A live node, as far as placement is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name: the last tie-break, so that the choice is the same everywhere.
    pub hostname: &'a str,
    /// Where clients reach it, and what they name it by when they avoid it.
    pub public_url: &'a str,
    /// Streams placed on it that are not over.
    pub streams: u32,
    /// As of its last heartbeat.
    pub load: Load,
    /// What its operator allows it to take.
    pub capacity: Capacity,
    /// What it has to do with the stream in question.
    pub carriage: Carriage,
}

/// What a node has to do with the stream that is being placed. More is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carriage {
    /// Nothing.
    #[default]
    None,
    /// The stream was given to it, and nobody carries it yet.
    Placed,
    /// It has the stream's last seconds and waits for the broadcaster.
    Interrupted,
    /// It takes the stream in.
    Live,
}

/// What the asking client wants.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Public URLs of nodes the client just lost.
    pub avoid: &'a [String],
    /// How many nodes the answer may name.
    pub at_most: usize,
}

impl Request<'_> {
    fn avoids(&self, candidate: &Candidate<'_>) -> bool {
        self.avoid.iter().any(|url| url.trim_end_matches('/') == candidate.public_url)
    }
}

/// A rule that says which node is better.
pub trait Policy {
    /// The smaller, the better; unique per node, so that the order is total.
    type Rank<'a>: Ord;

    /// Whether avoided nodes are named after the others. If not, they are named only when there are no others.
    const AVOIDED_LAST: bool;

    /// How good a choice the node is; none if it must not be chosen.
    fn rank<'a>(&self, candidate: &Candidate<'a>) -> Option<Self::Rank<'a>>;
}

/// The best candidates by `policy`, best first; none if nobody may be chosen.
pub fn choose<'a, P: Policy>(
    policy: &P,
    candidates: &[Candidate<'a>],
    request: Request<'_>,
) -> Vec<Candidate<'a>> {
    let mut best: Vec<((bool, P::Rank<'a>), Candidate<'a>)> = Vec::new();
    for candidate in candidates {
        let Some(rank) = policy.rank(candidate) else { continue };
        let key = (request.avoids(candidate), rank);
        let place = best.partition_point(|(better, _)| *better < key);
        if place < request.at_most {
            best.insert(place, (key, *candidate));
            best.truncate(request.at_most);
        }
    }
    let best_is_welcome = best.first().is_some_and(|((avoided, _), _)| !avoided);
    if best_is_welcome && !P::AVOIDED_LAST {
        best.retain(|((avoided, _), _)| !avoided);
    }
    best.into_iter().map(|(_, candidate)| candidate).collect()
}

#[cfg(test)]
mod tests {
    //! What holds for every policy, whatever the nodes and the request.

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    struct Given {
        streams: u32,
        egress: u64,
        viewers: u32,
        capacity: Capacity,
        carriage: Carriage,
        avoided: bool,
    }

    impl Given {
        fn candidate<'a>(&self, name: &'a str) -> Candidate<'a> {
            Candidate {
                hostname: name,
                public_url: name,
                streams: self.streams,
                load: Load { viewers: self.viewers, egress_bytes_per_s: self.egress, ..Load::default() },
                capacity: self.capacity,
                carriage: self.carriage,
            }
        }
    }

    fn given() -> impl Strategy<Value = Given> {
        let carriage = prop_oneof![
            Just(Carriage::None),
            Just(Carriage::Placed),
            Just(Carriage::Interrupted),
            Just(Carriage::Live)
        ];
        let capacity = (prop::option::of(0..4_u32), prop::option::of(0..4_u32))
            .prop_map(|(streams, viewers)| Capacity { streams, viewers, egress_bytes_per_s: None });
        (0..4_u32, 0..3_u64, 0..4_u32, capacity, carriage, any::<bool>()).prop_map(
            |(streams, egress, viewers, capacity, carriage, avoided)| Given {
                streams,
                egress,
                viewers,
                capacity,
                carriage,
                avoided,
            },
        )
    }

    /// Runs `check` on the candidates and the avoid list that `nodes` stand for.
    fn with_candidates(nodes: &[Given], check: impl FnOnce(&[Candidate<'_>], &[String])) {
        let names: Vec<String> = (0..nodes.len()).map(|index| format!("/cdn/{index}")).collect();
        let candidates: Vec<_> =
            nodes.iter().zip(&names).map(|(given, name)| given.candidate(name)).collect();
        let avoid: Vec<String> = nodes
            .iter()
            .zip(&names)
            .filter(|(given, _)| given.avoided)
            .map(|(_, name)| format!("{name}/"))
            .collect();
        check(&candidates, &avoid);
    }

    fn names(chosen: &[Candidate<'_>]) -> Vec<String> {
        chosen.iter().map(|candidate| candidate.hostname.to_owned()).collect()
    }

    fn obeys_the_rules<P: Policy>(
        policy: &P,
        candidates: &[Candidate<'_>],
        avoid: &[String],
        at_most: usize,
    ) {
        let request = Request { avoid, at_most };
        let chosen = choose(policy, candidates, request);
        let eligible = candidates.iter().filter(|c| policy.rank(c).is_some()).count();
        assert!(chosen.len() <= at_most.min(eligible));
        assert_eq!(chosen.is_empty(), at_most.min(eligible) == 0, "somebody is chosen if anybody may be");
        for pair in chosen.windows(2) {
            let key = |c: &Candidate<'_>| request.avoids(c);
            assert!(key(&pair[0]) <= key(&pair[1]), "avoided nodes come last");
            if key(&pair[0]) == key(&pair[1]) {
                let better = policy.rank(&pair[0]).unwrap().cmp(&policy.rank(&pair[1]).unwrap());
                assert_eq!(better, std::cmp::Ordering::Less, "best first, nobody twice");
            }
        }
        let everybody = choose(policy, candidates, Request { avoid, at_most: usize::MAX });
        assert_eq!(
            names(&chosen),
            names(&everybody[..chosen.len()]),
            "a shorter answer is a beginning of the longer"
        );
        let mut turned: Vec<_> = candidates.to_vec();
        turned.reverse();
        assert_eq!(
            names(&choose(policy, &turned, request)),
            names(&chosen),
            "the order of the nodes does not matter"
        );
    }

    proptest! {
        #[test]
        fn every_policy_gives_a_bounded_ordered_choice(
            nodes in prop::collection::vec(given(), 0..12), at_most in 0_usize..6,
        ) {
            with_candidates(&nodes, |candidates, avoid| {
                obeys_the_rules(&FewestStreams, candidates, avoid, at_most);
                obeys_the_rules(&CarriersFirst, candidates, avoid, at_most);
            });
        }

        #[test]
        fn streams_placed_one_after_another_spread_evenly(nodes in 1_usize..8, streams in 0_usize..40) {
            let even = vec![
                Given {
                    streams: 0, egress: 0, viewers: 0, capacity: Capacity::default(),
                    carriage: Carriage::None, avoided: false,
                };
                nodes
            ];
            with_candidates(&even, |candidates, _| {
                let mut candidates = candidates.to_vec();
                for _ in 0..streams {
                    let first = choose(&FewestStreams, &candidates, Request { avoid: &[], at_most: 1 })[0].hostname;
                    candidates.iter_mut().filter(|c| c.hostname == first).for_each(|c| c.streams += 1);
                }
                let counts = || candidates.iter().map(|c| c.streams);
                assert!(counts().max().unwrap() - counts().min().unwrap() <= 1);
            });
        }
    }
}
