//! Where a viewer goes, and what one is counted as.

use std::collections::BTreeSet;

use super::*;
use crate::{Reason, Refusal, Role, WHOLE, share};

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
    let full = share::MIN_THRESHOLD as usize * 100 / WHOLE as usize * MB as usize / EACH as usize;
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
