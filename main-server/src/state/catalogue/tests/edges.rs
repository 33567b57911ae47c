//! Origins and edges of a stream.

use super::*;

#[test]
fn only_an_origin_moves_a_stream() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted, "what the origin says counts");
    assert_eq!(catalogue.placed().0.get("a"), Some(&1));
    catalogue.hears("edge", &[carried(id, StreamState::Live, 1)], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.placed().0.get("edge"), Some(&1), "the broadcaster went there");
}

#[test]
fn edges_speak_for_a_stream_whose_origin_died() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    catalogue.node_lost(&node("a"), now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    catalogue.hears("edge", &[from_edge(id, StreamState::Interrupted, &["a"])], now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
}

#[test]
fn an_edge_that_lets_go_ends_nothing_and_an_origin_ends_it_for_its_edges() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    catalogue.hears("edge", &[carried(id, StreamState::Ended, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    catalogue.hears("edge", &[], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    catalogue.hears("a", &[carried(id, StreamState::Ended, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Ended);
}

#[test]
fn viewers_of_origins_and_edges_are_summed_and_relays_are_none() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[CarriedStream { relays: 3, ..carried(id, StreamState::Live, 2) }], now);
    catalogue.hears("edge", &[from_edge(id, StreamState::Live, &["a"])], now);
    assert_eq!(catalogue.get(id).unwrap().viewers(), 3);
}
