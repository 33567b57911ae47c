//! Bounds of streams, of each address and in all.

use super::*;

#[test]
fn live_streams_are_bounded() {
    let (mut catalogue, first, now) = created();
    let ids = [first].into_iter().chain((0..3).map(|index| {
        let id = StreamId::new("live", index);
        catalogue.learn(id, record("live"), Revision(1), now);
        id
    }));
    let rows: Vec<CarriedStream> =
        ids.collect::<Vec<_>>().into_iter().map(|id| carried(id, StreamState::Live, 0)).collect();
    catalogue.hears("a", &rows, now);
    assert_eq!(catalogue.has_room_for(ADDRESS, ROOM), Err(Error::TooManyStreams(4)));
    catalogue.ends(first, 3, now);
    assert_eq!(catalogue.has_room_for(ADDRESS, ROOM), Ok(()));
}

#[test]
fn an_address_that_creates_without_end_displaces_its_own_streams() {
    let (mut catalogue, other, now) = created();
    let greedy = Some([192, 0, 2, 1].into());
    let ids: Vec<StreamId> =
        (0..50_u8).map(|index| catalogue.create(record(&index.to_string()), greedy, now)).collect();
    assert_eq!(state(&catalogue, other), StreamState::Created);
    let waiting = ids.iter().filter(|id| state(&catalogue, **id) == StreamState::Created).count();
    assert_eq!((waiting, state(&catalogue, ids[49])), (2, StreamState::Created));
    catalogue.hears("a", &[carried(other, StreamState::Live, 0)], now);
    assert_eq!(state(&catalogue, other), StreamState::Live);
}

#[test]
fn an_address_with_one_stream_finds_room_among_those_with_many() {
    let (mut catalogue, oldest, now) = created();
    let same: Vec<StreamId> =
        (0..2_u8).map(|index| catalogue.create(record(&index.to_string()), ADDRESS, now)).collect();
    let new = catalogue.create(record("new"), Some([192, 0, 2, 1].into()), now);
    let states = [oldest, same[0], same[1], new].map(|id| state(&catalogue, id));
    assert_eq!(states[0], StreamState::Ended);
    assert!(states[1..].iter().all(|state| *state == StreamState::Created));
}

#[test]
fn what_is_being_created_counts_already_and_does_not_give_way() {
    let mut catalogue = Catalogue::new(SETTINGS);
    let now = Now::read();
    let tickets: Vec<Ticket> =
        (0..3).map(|_| catalogue.reserve((ADDRESS, ROOM), "a", now).unwrap()).collect();
    assert_eq!(catalogue.reserve((ADDRESS, ROOM), "a", now), Err(Error::TooManyWaiting(3)));
    assert_eq!(catalogue.placed().0.get("a"), Some(&3));
    catalogue.withdraw(tickets[0]);
    assert_eq!(catalogue.has_room_for(ADDRESS, ROOM), Ok(()));
    assert_eq!(catalogue.placed().0.get("a"), Some(&2));
}

#[test]
fn streams_of_an_address_are_bounded_and_only_it_notices() {
    let settings = Settings { max_of_address: Some(2), max_streams: 100, max_waiting: 100, ..SETTINGS };
    let (mut catalogue, now) = (Catalogue::new(settings), Now::read());
    let ids = ["x", "y"].map(|title| catalogue.create(record(title), ADDRESS, now));
    catalogue.hears("a", &[carried(ids[0], StreamState::Live, 0)], now);
    assert_eq!(catalogue.has_room_for(ADDRESS, ROOM), Err(Error::TooManyOfAddress), "live ones count");
    assert_eq!(catalogue.reserve((ADDRESS, ROOM), "a", now), Err(Error::TooManyOfAddress));
    catalogue.create(record("other"), Some([192, 0, 2, 1].into()), now);
    catalogue.ends(ids[0], 3, now);
    assert_eq!(catalogue.has_room_for(ADDRESS, ROOM), Ok(()));
}

#[test]
fn an_address_leaves_room_on_the_nodes_for_others() {
    let settings = Settings { max_streams: 1_000, max_waiting: 1_000, ..SETTINGS };
    let (mut catalogue, now) = (Catalogue::new(settings), Now::read());
    let held: Vec<Ticket> =
        (0..90).map(|number| catalogue.reserve((ADDRESS, 100 - number), "a", now).unwrap()).collect();
    assert_eq!(catalogue.has_room_for(ADDRESS, 10), Err(Error::TooManyOfAddress));
    assert_eq!(catalogue.has_room_for(Some([192, 0, 2, 1].into()), 10), Ok(()));
    catalogue.withdraw(held[0]);
    assert_eq!(catalogue.has_room_for(ADDRESS, 10), Ok(()), "a creation that failed gives its place back");
}

#[test]
fn a_flood_of_creations_does_not_displace_what_is_remembered_of_real_streams() {
    let (mut catalogue, real, now) = live();
    catalogue.ends(real, 3, now);
    for index in 0..50_u8 {
        catalogue.create(record(&index.to_string()), ADDRESS, now + seconds(1));
    }
    let forgotten = catalogue.discarded(now);
    assert!(!forgotten.contains(&real) && forgotten.len() > 40);
}

#[test]
fn the_store_is_to_forget_the_oldest_of_too_many_ended_streams() {
    let (mut catalogue, first, now) = created();
    catalogue.ends(first, 2, now);
    for index in 0..4 {
        let now = now + seconds(index + 1);
        let id = catalogue.create(record(&index.to_string()), None, now);
        catalogue.ends(id, 2, now);
    }
    assert_eq!(catalogue.discarded(now), [first]);
    catalogue.forget(first, Revision(2_000), now);
    assert_eq!(catalogue.streams.len(), 4);
}
