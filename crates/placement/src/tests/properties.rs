//! What holds for every policy: decisions are those of a look at every node, loads stay even, limits hold.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use protocol::node::MOST_HOPS;

use super::*;
use crate::{
    capacity::{Demand, has_room},
    carrier::Carrier,
    nodes::LoadRank,
    share, tree,
};

/// Something that happens to a fleet.
#[derive(Clone, Debug)]
enum Event {
    Join { node: usize, limit: Option<u64>, seats: Option<u32>, region: Option<&'static str> },
    Report { node: usize, viewers: u32, egress: u64, cpu: u16, streams: Vec<(usize, StreamState, usize)> },
    Leave(usize),
    Place(usize, usize),
    Forget(usize),
    Watch { stream: usize, avoid: Option<usize>, region: Option<&'static str> },
    Sources { stream: usize, asking: usize },
    Wait,
}

fn event() -> impl Strategy<Value = Event> {
    let (node, stream) = (0..8_usize, 0..4_usize);
    let region = prop_oneof![Just(None), Just(Some("eu")), Just(Some("us"))];
    let state = prop_oneof![4 => Just(StreamState::Live), 1 => Just(StreamState::Interrupted), 1 => Just(StreamState::Ended)];
    let rows = prop::collection::vec((stream.clone(), state, 0..4_usize), 0..4);
    prop_oneof![
        3 => (node.clone(), prop::option::of(0..60_u64), prop::option::of(0..30_u32), region.clone())
            .prop_map(|(node, limit, seats, region)| Event::Join { node, limit, seats, region }),
        6 => (node.clone(), 0..30_u32, 0..60_u64, prop_oneof![9 => Just(100_u16), 1 => Just(960)], rows)
            .prop_map(|(node, viewers, egress, cpu, streams)| Event::Report { node, viewers, egress, cpu, streams }),
        1 => node.clone().prop_map(Event::Leave),
        2 => (stream.clone(), node.clone()).prop_map(|(stream, node)| Event::Place(stream, node)),
        1 => stream.clone().prop_map(Event::Forget),
        8 => (stream.clone(), prop::option::of(node.clone()), region)
            .prop_map(|(stream, avoid, region)| Event::Watch { stream, avoid, region }),
        2 => (stream, node).prop_map(|(stream, asking)| Event::Sources { stream, asking }),
        1 => Just(Event::Wait),
    ]
}

fn happen(fleet: &mut Fleet, event: &Event, now: &mut Instant) {
    match event {
        Event::Join { node, limit, seats, region } => {
            let capacity = Capacity {
                egress_bytes_per_s: limit.map(|limit| limit * MB),
                viewers: *seats,
                streams: Some(3),
            };
            join(fleet, *node, capacity, *region);
        }
        Event::Report { node, viewers, egress, cpu, streams } => {
            let load = Load { cpu_permille: *cpu, egress_bytes_per_s: egress * MB, ..serving(*viewers) };
            let path = ["cdn-5", "cdn-6", "cdn-7"];
            let rows = streams.iter().map(|(stream, state, depth)| CarriedStream {
                state: *state,
                ..edge(*stream, 1, &path[..*depth])
            });
            fleet.report(&name(*node), &load, &rows.collect::<Vec<_>>(), *now);
        }
        Event::Leave(node) => fleet.leave(&name(*node)),
        Event::Place(stream, node) => fleet.place(id(*stream), &name(*node)),
        Event::Forget(stream) => fleet.forget(id(*stream)),
        Event::Watch { stream, avoid, region } => {
            let avoid: Vec<String> = avoid.map(url).into_iter().collect();
            let request = Request { avoid: &avoid, region: *region, at_most: 4 };
            let explained = fleet.explain_watch(id(*stream), request);
            let decided = fleet.watch(id(*stream), request, *now);
            assert_eq!(explained, decided);
            if let Ok(decision) = decided {
                let names: BTreeSet<&str> = hostnames(&decision).into_iter().collect();
                assert!((1..=4).contains(&decision.nodes.len()));
                assert_eq!(names.len(), decision.nodes.len(), "nobody twice");
            }
        }
        Event::Sources { stream, asking } => {
            let _ = fleet.sources(id(*stream), &name(*asking), &[], 4, *now);
        }
        Event::Wait => *now += Duration::from_secs(1),
    }
}

/// What a look at every node says about where a viewer goes first by the default policy, from anywhere.
fn by_looking_at_all(fleet: &Fleet, stream: StreamId) -> Option<String> {
    let (known, nodes) = (fleet.streams.get(&stream)?, &fleet.nodes);
    if !known.carriers.is_live() {
        return None;
    }
    let demand = Demand { viewers: 1, egress_bytes_per_s: known.bytes_per_viewer(), moves: false };
    let threshold = nodes.threshold();
    let is_fed = tree::can_grow(nodes, known);
    let mut fit: Vec<((bool, bool), LoadRank, u32)> = Vec::new();
    for slot in slots(fleet) {
        let (node, carrier) = (nodes.node(slot), known.carriers.get(slot));
        if carrier.is_some_and(|carrier| !carrier.serves())
            || !has_room(node, &demand)
            || (carrier.is_none() && !is_fed)
        {
            continue;
        }
        let spare = node.load.fit_below(threshold, demand.egress_bytes_per_s, &node.capacity);
        let is_kept = carrier.is_some_and(|carrier| carrier.depth() == 0) && spare < 4;
        let class = (nodes.share(slot) > threshold || is_kept, carrier.is_none());
        fit.push((class, nodes.rank(slot), slot));
    }
    let is_expected = |slot: &u32| {
        let no_carrier = !known.carriers.contains(*slot) && fit.iter().all(|(class, ..)| class.1);
        no_carrier && has_room(nodes.node(*slot), &demand)
    };
    let expected = known.placed_on.as_deref().and_then(|name| nodes.slot(name)).filter(is_expected);
    let best = expected.or_else(|| fit.into_iter().min().map(|best| best.2))?;
    Some(nodes.node(best).name.to_string())
}

proptest! {
    #[test]
    fn a_decision_is_what_a_look_at_every_node_says(events in prop::collection::vec(event(), 0..80)) {
        let (mut fleet, mut now) = (Fleet::new(Policies::default()), Instant::now());
        for event in &events {
            happen(&mut fleet, event, &mut now);
            let slots = slots(&fleet);
            prop_assert_eq!(slots.len(), fleet.nodes.len());
            prop_assert!(slots.iter().map(|slot| fleet.nodes.rank(*slot)).is_sorted());
            let shares: u64 = slots.iter().map(|slot| u64::from(fleet.nodes.share(*slot))).sum();
            let mean = shares / (slots.len().max(1) as u64);
            prop_assert_eq!(fleet.nodes.threshold(), share::threshold(u32::try_from(mean).unwrap()));
            for stream in 0..4 {
                let decided = fleet.explain_watch(id(stream), anybody(&[]));
                if let Some(expected) = by_looking_at_all(&fleet, id(stream)) {
                    prop_assert_eq!(&decided.unwrap().nodes[0].hostname, &expected);
                }
                let Some(known) = fleet.streams.get(&id(stream)) else { continue };
                let listed = |carriers: Vec<u32>| carriers.into_iter().collect::<BTreeSet<u32>>();
                let those = |filter: fn(&Carrier) -> bool| -> BTreeSet<u32> {
                    known.carriers.iter().filter(|(_, carrier)| filter(carrier)).map(|(slot, _)| slot).collect()
                };
                let all = |_| true;
                prop_assert_eq!(listed(known.carriers.serving(&fleet.nodes, 8, all)), those(Carrier::serves));
                prop_assert_eq!(listed(known.carriers.waiting(&fleet.nodes, 8, all)), those(|carrier| !carrier.serves()));
                let shallow = known.carriers.shallow().map(|(slot, _)| slot).collect();
                prop_assert_eq!(listed(shallow), those(|carrier| carrier.serves() && carrier.depth() < MOST_HOPS));
            }
        }
    }

    #[test]
    fn the_order_in_which_nodes_come_does_not_matter(
        nodes in prop::collection::vec((0..30_u32, any::<bool>()), 1..10), turned in any::<bool>(), viewers in 0..50_usize,
    ) {
        let now = Instant::now();
        let build = |turned: bool| {
            let mut fleet = Fleet::new(Policies::default());
            let mut order: Vec<usize> = (0..nodes.len()).collect();
            if turned {
                order.reverse();
            }
            for number in order {
                join(&mut fleet, number, limited(20 * MB), None);
                let rows = nodes[number].1.then(|| row(0, StreamState::Live, nodes[number].0));
                let rows: Vec<CarriedStream> = rows.into_iter().collect();
                fleet.report(&name(number), &serving(nodes[number].0), &rows, now);
            }
            fleet
        };
        let (mut one, mut other) = (build(false), build(turned));
        prop_assert_eq!(one.publish(None, anybody(&[])), other.publish(None, anybody(&[])));
        for _ in 0..viewers {
            prop_assert_eq!(one.watch(id(0), anybody(&[]), now), other.watch(id(0), anybody(&[]), now));
        }
    }

    #[test]
    fn streams_placed_one_after_another_spread_evenly(nodes in 1_usize..8, streams in 0_usize..40) {
        let mut fleet = Fleet::new(Policies::default());
        (0..nodes).for_each(|number| join(&mut fleet, number, Capacity::default(), None));
        for stream in 0..streams {
            let decision = fleet.publish(None, anybody(&[])).unwrap();
            fleet.place(id(stream), &decision.nodes[0].hostname);
        }
        let counts: Vec<u32> = (0..nodes).map(|number| streams_on(&fleet, number)).collect();
        prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
    }
}
