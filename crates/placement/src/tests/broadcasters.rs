//! Where a broadcaster goes.

use super::*;
use crate::{BroadcasterPolicy, Reason, Refusal};

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
