//! What holds for every policy: decisions are those of a look at every node, loads stay even, limits hold.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use protocol::{
    StreamId,
    node::{Capacity, CarriedStream, Load, MOST_HOPS, SourceAddress},
    stream::StreamState,
};

use crate::{
    BroadcasterPolicy, Decision, Fleet, NodeSpec, Policies, Reason, Refusal, Request, Role, SETTLE, WHOLE,
    capacity::{Demand, has_room},
    carrier::{Carriage, Carrier, Coming},
    nodes::LoadRank,
    share, tree,
};

const MB: u64 = 1_000_000;
const EACH: u64 = 300_000;

fn id(number: usize) -> StreamId {
    StreamId::new("stream", number as u128)
}

fn name(number: usize) -> String {
    format!("cdn-{number}")
}

fn url(number: usize) -> String {
    format!("https://cdn-{number}.example")
}

fn urls(sources: Vec<SourceAddress>) -> Vec<String> {
    sources.into_iter().map(|source| source.public_url).collect()
}

fn limited(egress_bytes_per_s: u64) -> Capacity {
    Capacity { egress_bytes_per_s: Some(egress_bytes_per_s), ..Capacity::default() }
}

fn join(fleet: &mut Fleet, number: usize, capacity: Capacity, region: Option<&str>) {
    fleet.join(&NodeSpec {
        hostname: &name(number),
        public_url: &url(number),
        peer_url: None,
        capacity,
        region,
    });
}

fn row(stream: usize, state: StreamState, viewers: u32) -> CarriedStream {
    CarriedStream {
        stream_id: id(stream),
        state,
        viewers,
        mime: None,
        path: Vec::new(),
        relays: 0,
        bytes_per_s: 0,
    }
}

fn edge(stream: usize, viewers: u32, path: &[&str]) -> CarriedStream {
    let path = path.iter().map(|&hostname| hostname.to_owned()).collect();
    CarriedStream { path, ..row(stream, StreamState::Live, viewers) }
}

fn serving(viewers: u32) -> Load {
    Load { viewers, egress_bytes_per_s: u64::from(viewers) * EACH, ..Load::default() }
}

fn anybody(avoid: &[String]) -> Request<'_> {
    Request { avoid, region: None, at_most: 4 }
}

fn hostnames(decision: &Decision) -> Vec<&str> {
    decision.nodes.iter().map(|choice| &*choice.hostname).collect()
}

/// The slots of all nodes, the least loaded first.
fn slots(fleet: &Fleet) -> Vec<u32> {
    fleet.nodes.by_load(None).collect()
}

/// How many streams a node carries or is about to.
fn carries(fleet: &Fleet, slot: u32) -> usize {
    fleet.nodes.node(slot).carries.len()
}

/// The viewers of the node in `slot`, reported and assigned.
fn viewers(fleet: &Fleet, slot: u32) -> u32 {
    fleet.nodes.node(slot).load.viewers()
}

/// Streams placed on a node.
fn streams_on(fleet: &Fleet, number: usize) -> u32 {
    fleet.nodes.node(fleet.nodes.slot(&name(number)).unwrap()).placed.all
}

/// So many nodes of 100 MB/s; the first is the origin of stream 0.
fn fleet(nodes: usize) -> (Fleet, Instant) {
    let (mut fleet, now) = (Fleet::new(Policies::default()), Instant::now());
    for number in 0..nodes {
        join(&mut fleet, number, limited(100 * MB), None);
    }
    fleet.place(id(0), &name(0));
    fleet.report(&name(0), &Load::default(), &[row(0, StreamState::Live, 0)], now);
    (fleet, now)
}

#[test]
fn a_new_stream_goes_where_fewest_are_then_least_is_sent_then_by_name() {
    let (mut fleet, now) = fleet(4);
    fleet.report(&name(1), &serving(3), &[], now);
    let first = |fleet: &Fleet| fleet.publish(None, anybody(&[])).unwrap();
    assert_eq!(hostnames(&first(&fleet)), ["cdn-2", "cdn-3", "cdn-1", "cdn-0"]);
    assert_eq!(first(&fleet).nodes[0].reason, Reason::FewestStreams(0));
    fleet.place(id(1), &name(2));
    fleet.place(id(2), &name(3));
    assert_eq!(hostnames(&first(&fleet)), ["cdn-1", "cdn-0", "cdn-2", "cdn-3"]);
    fleet.forget(id(1));
    assert_eq!(hostnames(&first(&fleet))[0], "cdn-2");
}

#[test]
fn a_broadcaster_goes_on_where_its_stream_is_unless_it_lost_that_node() {
    let (fleet, _) = fleet(3);
    let go_on = |avoid: &[String]| fleet.publish(Some(id(0)), anybody(avoid)).unwrap();
    assert_eq!(hostnames(&go_on(&[])), ["cdn-0", "cdn-1", "cdn-2"]);
    assert_eq!(hostnames(&go_on(&[url(0) + "/"])), ["cdn-1", "cdn-2"]);
    assert_eq!(hostnames(&go_on(&[url(0), url(1), url(2)])).len(), 3, "better than nobody");
}

#[test]
fn a_broadcaster_and_viewers_who_lost_its_node_meet_at_another() {
    let first = |decision: Decision| decision.nodes[0].hostname.clone();
    let lost = [url(0)];
    // Viewers ask first: the broadcaster follows them, though another node has fewer streams.
    let (mut fleet, now) = fleet(9);
    let viewers = first(fleet.watch(id(0), anybody(&lost), now).unwrap());
    fleet.place(id(7), &viewers);
    assert_eq!(first(fleet.publish(Some(id(0)), anybody(&lost)).unwrap()), viewers);
    // The broadcaster asks first: it goes to the reserve, and they follow.
    let (mut fleet, now) = self::fleet(9);
    let known = fleet.watch(id(0), anybody(&[]), now).unwrap();
    let broadcaster = first(fleet.publish(Some(id(0)), anybody(&lost)).unwrap());
    assert_eq!(Some(&broadcaster), known.nodes.last().map(|reserve| &reserve.hostname));
    fleet.place(id(0), &broadcaster);
    assert_eq!(first(fleet.watch(id(0), anybody(&lost), now).unwrap()), broadcaster);
}

#[test]
fn a_node_at_its_stream_limit_takes_no_other_stream() {
    let (mut fleet, now) = (Fleet::new(Policies::default()), Instant::now());
    assert_eq!(fleet.publish(None, anybody(&[])), Err(Refusal::NoNode));
    join(&mut fleet, 0, Capacity { streams: Some(1), ..Capacity::default() }, None);
    fleet.place(id(0), &name(0));
    fleet.report(&name(0), &Load::default(), &[row(0, StreamState::Live, 0)], now);
    assert_eq!(fleet.publish(None, anybody(&[])), Err(Refusal::NoCapacity));
    fleet.report(&name(0), &Load::default(), &[row(0, StreamState::Interrupted, 0)], now);
    assert_eq!(fleet.publish(None, anybody(&[])), Err(Refusal::NoCapacity));
    fleet.forget(id(0));
    assert!(fleet.publish(None, anybody(&[])).is_ok());
}

#[test]
fn streams_that_nothing_has_arrived_for_take_no_place_but_are_spread() {
    let (mut fleet, now) = (Fleet::new(Policies::default()), Instant::now());
    (0..2).for_each(|number| {
        join(&mut fleet, number, Capacity { streams: Some(1), ..Capacity::default() }, None);
    });
    for stream in 0..400 {
        let place = hostnames(&fleet.publish(None, anybody(&[])).unwrap())[0].to_owned();
        fleet.place(id(stream), &place);
    }
    assert_eq!([0, 1].map(|number| streams_on(&fleet, number)), [200, 200]);
    fleet.report(&name(0), &Load::default(), &[row(0, StreamState::Created, 0)], now);
    assert_eq!(hostnames(&fleet.publish(None, anybody(&[])).unwrap()).len(), 2);
    fleet.report(&name(0), &Load::default(), &[row(0, StreamState::Live, 0)], now);
    assert_eq!(hostnames(&fleet.publish(None, anybody(&[])).unwrap()), ["cdn-1"]);
    fleet.place(id(0), &name(1));
    assert_eq!(hostnames(&fleet.publish(None, anybody(&[])).unwrap()), ["cdn-0"], "it moves with its place");
}

#[test]
fn the_least_egress_policy_goes_by_load_not_by_streams() {
    let policies = Policies { broadcasters: BroadcasterPolicy::LeastEgress, ..Policies::default() };
    let (mut fleet, now) = (Fleet::new(policies), Instant::now());
    (0..2).for_each(|number| join(&mut fleet, number, Capacity::default(), None));
    fleet.place(id(0), &name(1));
    fleet.report(&name(0), &serving(9), &[], now);
    assert_eq!(hostnames(&fleet.publish(None, anybody(&[])).unwrap()), ["cdn-1", "cdn-0"]);
}

#[test]
fn a_small_stream_stays_on_one_node() {
    let (mut fleet, now) = fleet(5);
    for _ in 0..50 {
        let decision = fleet.watch(id(0), anybody(&[]), now).unwrap();
        assert_eq!((hostnames(&decision)[0], decision.nodes[0].role), ("cdn-0", Role::Carrier));
        assert_eq!(decision.nodes.len(), 2, "and one reserve, the same for all");
    }
    let reserves: BTreeSet<String> =
        (0..9).map(|_| fleet.watch(id(0), anybody(&[]), now).unwrap().nodes[1].hostname.clone()).collect();
    assert_eq!(reserves.len(), 1);
}

#[test]
fn a_thousand_viewers_between_two_heartbeats_spread() {
    let (mut fleet, now) = fleet(5);
    for _ in 0..1_000 {
        fleet.watch(id(0), anybody(&[]), now).unwrap();
    }
    let viewers: Vec<u32> = slots(&fleet).into_iter().map(|slot| viewers(&fleet, slot)).collect();
    assert_eq!(viewers.iter().sum::<u32>(), 1_000);
    assert!(viewers.iter().all(|&viewers| viewers < 230), "{viewers:?}");
}

#[test]
fn an_edge_is_filled_before_the_next_is_opened() {
    let (mut fleet, now) = fleet(10);
    let full = share::CALM as usize * 100 / WHOLE as usize * MB as usize / EACH as usize;
    for _ in 0..full * 3 - 10 {
        fleet.watch(id(0), anybody(&[]), now).unwrap();
    }
    assert_eq!(slots(&fleet).into_iter().filter(|slot| carries(&fleet, *slot) > 0).count(), 3);
}

#[test]
fn nobody_is_let_in_past_a_limit_but_who_was_watching_already_is_by_a_tenth() {
    let (mut fleet, now) = (Fleet::new(Policies::default()), Instant::now());
    let few = Capacity { viewers: Some(10), ..Capacity::default() };
    join(&mut fleet, 0, few, None);
    fleet.place(id(0), &name(0));
    fleet.report(&name(0), &Load::default(), &[row(0, StreamState::Live, 0)], now);
    for _ in 0..10 {
        fleet.watch(id(0), anybody(&[]), now).unwrap();
    }
    assert_eq!(fleet.watch(id(0), anybody(&[]), now), Err(Refusal::NoCapacity));
    let moving = [url(7)];
    assert!(fleet.watch(id(0), anybody(&moving), now).is_ok());
    assert_eq!(fleet.watch(id(0), anybody(&moving), now), Err(Refusal::NoCapacity));
    assert_eq!(fleet.watch(id(1), anybody(&[]), now), Err(Refusal::NoNode));
}

#[test]
fn while_its_broadcaster_is_missing_viewers_wait_where_the_stream_was() {
    let (mut fleet, now) = fleet(3);
    fleet.report(&name(0), &Load::default(), &[row(0, StreamState::Interrupted, 0)], now);
    let decision = fleet.watch(id(0), anybody(&[]), now).unwrap();
    assert_eq!((hostnames(&decision), decision.nodes[0].reason), (vec!["cdn-0"], Reason::Waits));
    fleet.place(id(1), &name(2));
    assert_eq!(fleet.watch(id(1), anybody(&[]), now).unwrap().nodes[0].reason, Reason::Placed);
    fleet.leave(&name(2));
    assert_eq!(fleet.watch(id(1), anybody(&[]), now), Err(Refusal::NoNode));
}

#[test]
fn a_lost_node_is_named_last() {
    let (mut fleet, now) = fleet(3);
    let decision = fleet.watch(id(0), anybody(&[url(0)]), now).unwrap();
    assert_eq!(decision.nodes.first().map(|choice| choice.role), Some(Role::Edge));
    assert_eq!(
        decision.nodes.last().map(|choice| (&*choice.hostname, choice.reason)),
        Some(("cdn-0", Reason::Avoided))
    );
}

#[test]
fn a_region_comes_first_and_others_when_it_is_full() {
    let (mut fleet, now) = (Fleet::new(Policies::default()), Instant::now());
    let few = Capacity { viewers: Some(1), ..Capacity::default() };
    join(&mut fleet, 0, Capacity::default(), Some("us"));
    join(&mut fleet, 1, few, Some("eu"));
    fleet.place(id(0), &name(0));
    fleet.report(&name(0), &Load::default(), &[row(0, StreamState::Live, 0)], now);
    let request = |region| Request { region: Some(region), ..anybody(&[]) };
    assert_eq!(hostnames(&fleet.publish(None, request("eu")).unwrap()), ["cdn-1", "cdn-0"]);
    assert_eq!(fleet.watch(id(0), request("eu"), now).unwrap().nodes[0].role, Role::Edge);
    assert_eq!(hostnames(&fleet.watch(id(0), request("eu"), now).unwrap())[0], "cdn-0");
    assert_eq!(hostnames(&fleet.watch(id(0), request("mars"), now).unwrap())[0], "cdn-0");
}

#[test]
fn explaining_changes_nothing() {
    let (mut fleet, now) = fleet(5);
    let explained = fleet.explain_watch(id(0), anybody(&[])).unwrap();
    assert_eq!(fleet.explain_watch(id(0), anybody(&[])).unwrap(), explained);
    assert_eq!(fleet.watch(id(0), anybody(&[]), now).unwrap(), explained);
}

#[test]
fn an_edge_that_never_reports_the_stream_is_dropped_again() {
    let (mut fleet, now) = fleet(2);
    let request = anybody(&[]);
    let avoiding = [url(0)];
    fleet.watch(id(0), anybody(&avoiding), now).unwrap();
    fleet.report(&name(1), &Load::default(), &[], now + Duration::from_secs(1));
    assert!(slots(&fleet).into_iter().all(|slot| carries(&fleet, slot) == 1));
    fleet.report(&name(1), &Load::default(), &[], now + SETTLE);
    assert_eq!(slots(&fleet).into_iter().filter(|slot| carries(&fleet, *slot) == 1).count(), 1);
    assert_eq!(hostnames(&fleet.watch(id(0), request, now).unwrap())[0], "cdn-0");
}

#[test]
fn an_edge_pulls_from_the_nearest_that_has_room_and_never_from_below_itself() {
    let (mut fleet, now) = fleet(4);
    fleet.report(&name(1), &Load::default(), &[edge(0, 0, &["cdn-0"])], now);
    fleet.report(&name(2), &Load::default(), &[edge(0, 0, &["cdn-0", "cdn-1"])], now);
    let ask = |fleet: &mut Fleet, asking: usize, avoid: &[String]| {
        fleet.sources(id(0), &name(asking), avoid, 4, now).map(urls)
    };
    assert_eq!(ask(&mut fleet, 3, &[]), Ok(vec![url(0), url(1), url(2)]));
    assert_eq!(ask(&mut fleet, 1, &[]), Ok(vec![url(0)]), "2 gets it from 1");
    assert_eq!(ask(&mut fleet, 0, &[]), Err(Refusal::NoNode), "all get it from 0");
    assert_eq!(ask(&mut fleet, 2, &[url(0)]), Ok(vec![url(1), url(0)]));
}

#[test]
fn no_node_feeds_more_than_its_fan_out_even_between_heartbeats() {
    let (mut fleet, now) = fleet(200);
    let mut fed = Vec::new();
    for asking in 1..40 {
        match fleet.sources(id(0), &name(asking), &[], 1, now) {
            Ok(found) => fed.extend(urls(found)),
            Err(refusal) => assert_eq!(refusal, Refusal::NoCapacity),
        }
    }
    assert_eq!(fed, vec![url(0); tree::FAN_OUT as usize]);
}

#[test]
fn the_tree_is_at_most_so_deep() {
    let (mut fleet, now) = fleet(6);
    let path = ["cdn-0", "cdn-1", "cdn-2"];
    fleet.report(&name(3), &Load::default(), &[edge(0, 0, &path)], now);
    fleet.leave(&name(0));
    assert_eq!(fleet.sources(id(0), &name(4), &[], 4, now), Err(Refusal::NoCapacity));
}

#[test]
fn an_edge_with_edges_below_it_does_not_take_them_too_deep() {
    let (mut fleet, now) = fleet(5);
    fleet.report(&name(1), &Load::default(), &[edge(0, 0, &["cdn-0"])], now);
    fleet.report(&name(2), &Load::default(), &[edge(0, 0, &["cdn-0", "cdn-1"])], now);
    fleet.report(&name(3), &Load::default(), &[edge(0, 0, &["cdn-9"])], now);
    fleet.report(&name(4), &Load::default(), &[edge(0, 0, &["cdn-9", "cdn-3"])], now);
    assert_eq!(
        fleet.sources(id(0), &name(3), &[], 4, now).map(urls),
        Ok(vec![url(0), url(1), url(2)]),
        "2 comes last: the edge below 3 would be four hops away and had to look for another source"
    );
}

/// Lets so many viewers come at one moment, and says which edges are about to pull.
fn crowd(fleet: &mut Fleet, viewers: usize, now: Instant) -> Vec<(u32, Coming, u32)> {
    for _ in 0..viewers {
        fleet.watch(id(0), anybody(&[]), now).unwrap();
    }
    let carriers = fleet.streams[&id(0)].carriers.iter();
    let edge = |(slot, carrier): (u32, &Carrier)| match carrier.carriage {
        Carriage::Coming(coming) => Some((slot, coming, carrier.kept())),
        _ => None,
    };
    carriers.filter_map(edge).collect()
}

#[test]
fn a_crowd_grows_a_tree_in_which_nobody_stands_out() {
    let (mut fleet, now) = (Fleet::new(Policies::default()), Instant::now());
    for number in 0..1_000 {
        join(&mut fleet, number, limited(60 * MB), None);
        fleet.report(&name(number), &serving(100), &[], now);
    }
    fleet.place(id(0), &name(0));
    fleet.report(&name(0), &serving(100), &[row(0, StreamState::Live, 0)], now);
    let edges = crowd(&mut fleet, 1_500, now);
    assert!(edges.len() > 200, "{}", edges.len());
    assert!(edges.iter().all(|(_, coming, _)| coming.depth <= MOST_HOPS));
    let most = slots(&fleet).into_iter().map(|slot| fleet.nodes.share(slot)).max().unwrap();
    assert!(most <= fleet.nodes.ceiling(), "{most}");
    let fed_by = |source: u32| edges.iter().filter(|(_, coming, _)| coming.source == source).count();
    assert!(edges.iter().all(|(slot, ..)| fed_by(*slot) <= tree::FAN_OUT as usize));
    let feeders = edges.iter().filter(|(slot, _, held)| fed_by(*slot) > 0 || *held > 0).count();
    assert!(feeders * 8 < edges.len(), "{feeders} of {} keep or kept room", edges.len());
}

#[test]
fn an_edge_that_is_opened_alone_keeps_no_room() {
    let (mut fleet, now) = fleet(50);
    let full = 100 * MB as usize / 5 / EACH as usize;
    let edges = crowd(&mut fleet, full + 2, now);
    assert_eq!(edges.iter().map(|(_, _, held)| *held).collect::<Vec<_>>(), [0]);
}

#[test]
fn an_origin_keeps_headroom_for_a_few_edges() {
    let (mut fleet, now) = fleet(50);
    let full = 100 * MB as usize / 5 / EACH as usize;
    assert!(crowd(&mut fleet, full - 4, now).is_empty());
    assert_eq!(crowd(&mut fleet, 2, now).len(), 1);
    let origin = viewers(&fleet, 0);
    assert_eq!(origin as usize, full - 3);
}

#[test]
fn a_stream_learns_what_it_takes_from_every_report() {
    let (mut fleet, now) = fleet(1);
    let report = |fleet: &mut Fleet, bytes_per_s| {
        let row = CarriedStream { bytes_per_s, ..row(0, StreamState::Live, 0) };
        fleet.report(&name(0), &Load::default(), &[row], now);
        fleet.streams[&id(0)].bytes_per_viewer()
    };
    assert_eq!(report(&mut fleet, 0), EACH, "a guess, until somebody says");
    assert_eq!(report(&mut fleet, 100_000), 100_000);
    assert_eq!(report(&mut fleet, 200_000), 125_000);
    assert_eq!(report(&mut fleet, 0), 125_000);
}

#[test]
fn room_that_was_kept_in_vain_is_free_again() {
    let (mut fleet, now) = fleet(50);
    let full = 100 * MB as usize / 5 / EACH as usize;
    let edges = crowd(&mut fleet, full * 2 + 5, now);
    let (slot, ..) = *edges.iter().find(|(_, _, held)| *held > 0).unwrap();
    let hostname = fleet.nodes.node(slot).name.to_string();
    let share = |fleet: &Fleet| fleet.nodes.share(slot);
    assert!(share(&fleet) > 10 * 3_000, "{} with room for others", share(&fleet));
    fleet.report(&hostname, &serving(1), &[edge(0, 1, &["cdn-0"])], now + SETTLE);
    assert_eq!(share(&fleet), 3_000, "one viewer");
    assert_eq!(fleet.streams[&id(0)].carriers.get(slot).unwrap().kept(), 0);
}

#[test]
fn an_edge_pulls_from_whom_was_settled_when_it_was_opened() {
    let (mut fleet, now) = fleet(50);
    let full = 100 * MB as usize / 5 / EACH as usize;
    let edges = crowd(&mut fleet, full * 4, now);
    let first = edges.iter().find(|(_, coming, held)| coming.depth == 1 && *held > 0).unwrap().0;
    let (second, coming, _) = *edges.iter().find(|(_, coming, _)| coming.source == first).unwrap();
    assert_eq!(coming.depth, 2);
    let (first, second) =
        (fleet.nodes.node(first).name.to_string(), fleet.nodes.node(second).name.to_string());
    let ask = |fleet: &mut Fleet, asking: &str, now| fleet.sources(id(0), asking, &[], 1, now).map(urls);
    let egress = |fleet: &Fleet| fleet.nodes.node(0).load.egress_bytes_per_s();
    let before = egress(&fleet);
    assert_eq!(ask(&mut fleet, &first, now), Ok(vec![url(0)]));
    assert_eq!(egress(&fleet), before, "counted when the edge was opened");
    assert_eq!(ask(&mut fleet, &second, now), Err(Refusal::NoCapacity), "its source is about to have it");
    let a_while = Duration::from_secs(1);
    assert_eq!(ask(&mut fleet, &second, now + a_while), Ok(vec![url(0)]), "not for ever");
    fleet.report(&first, &serving(1), &[edge(0, 1, &["cdn-0"])], now + a_while);
    let named = format!("https://{first}.example");
    assert_eq!(ask(&mut fleet, &second, now + a_while), Ok(vec![named]));
}

#[test]
fn who_stands_out_feeds_others_last() {
    let (mut fleet, now) = fleet(4);
    fleet.report(&name(0), &serving(200), &[row(0, StreamState::Live, 200)], now);
    fleet.report(&name(1), &Load::default(), &[edge(0, 0, &["cdn-0"])], now);
    fleet.report(&name(2), &Load::default(), &[edge(0, 0, &["cdn-0", "cdn-1"])], now);
    assert_eq!(fleet.sources(id(0), &name(3), &[], 4, now).map(urls), Ok(vec![url(1), url(2), url(0)]));
}

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
