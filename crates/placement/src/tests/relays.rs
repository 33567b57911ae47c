//! Which edges are opened, where they pull from, and what room is kept for that.

use std::time::Duration;

use protocol::node::MOST_HOPS;

use super::*;
use crate::{
    ASSIGNMENT_LIFETIME, Refusal,
    carrier::{Carriage, Carrier, Coming},
    tree,
};

#[test]
fn an_edge_that_never_reports_the_stream_is_dropped_again() {
    let (mut fleet, now) = fleet(2);
    let request = anybody(&[]);
    let avoiding = [url(0)];
    fleet.watch(id(0), anybody(&avoiding), now).unwrap();
    fleet.report(&name(1), &Load::default(), &[], now + Duration::from_secs(1));
    assert!(slots(&fleet).into_iter().all(|slot| carries(&fleet, slot) == 1));
    fleet.report(&name(1), &Load::default(), &[], now + ASSIGNMENT_LIFETIME);
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
fn room_that_was_kept_in_vain_is_free_again() {
    let (mut fleet, now) = fleet(50);
    let full = 100 * MB as usize / 5 / EACH as usize;
    let edges = crowd(&mut fleet, full * 2 + 5, now);
    let (slot, ..) = *edges.iter().find(|(_, _, held)| *held > 0).unwrap();
    let hostname = fleet.nodes.node(slot).name.to_string();
    let share = |fleet: &Fleet| fleet.nodes.share(slot);
    assert!(share(&fleet) > 10 * 3_000, "{} with room for others", share(&fleet));
    fleet.report(&hostname, &serving(1), &[edge(0, 1, &["cdn-0"])], now + ASSIGNMENT_LIFETIME);
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
