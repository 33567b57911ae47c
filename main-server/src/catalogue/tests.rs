//! The states of a stream, and who is told what, under a clock that the test moves.

use protocol::stream::Visibility;

use super::*;

const SETTINGS: Settings = Settings {
    grace: Duration::from_secs(30),
    first_media: Duration::from_secs(60),
    remember_ended: Duration::from_secs(300),
    max_streams: 4,
    max_pending_per_address: 2,
    max_thumbnail_bytes: 100,
};

const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

fn record(title: &str) -> Record {
    Record {
        title: title.into(),
        visibility: Visibility::Public,
        passphrase_hash: None,
        created_at_ms: 1,
        started_at_ms: None,
        ended_at_ms: None,
        placed_on: "a".into(),
    }
}

fn node(name: &str) -> NodeId {
    NodeId(name.into())
}

fn carried(stream_id: StreamId, state: StreamState, viewers: u32) -> CarriedStream {
    CarriedStream {
        stream_id,
        state,
        viewers,
        mime: Some("video/webm;codecs=\"vp9,opus\"".into()),
        path: Vec::new(),
        relays: 0,
    }
}

/// A catalogue with one stream placed on node `a`.
fn created() -> (Catalogue, StreamId, Now) {
    let now = Now::read();
    let mut catalogue = Catalogue::new(SETTINGS);
    let stream_id = catalogue.create(record("first"), ADDRESS, now);
    (catalogue, stream_id, now)
}

/// The same, live on node `a` with two viewers, everybody told.
fn live() -> (Catalogue, StreamId, Now) {
    let (mut catalogue, id, now) = created();
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Live, 2)], now);
    catalogue.take_news();
    catalogue.take_unsaved();
    (catalogue, id, now)
}

fn state(catalogue: &Catalogue, id: StreamId) -> StreamState {
    catalogue.get(id).unwrap().state
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_created_stream_is_not_listed_and_counts_for_its_node() {
    let (mut catalogue, id, _) = created();
    assert_eq!(state(&catalogue, id), StreamState::Created);
    assert!(catalogue.listed().is_empty());
    assert_eq!(catalogue.placed().get("a"), Some(&1));
    assert_eq!(catalogue.take_news(), []);
    assert_eq!(catalogue.take_unsaved(), [(id, Some(record("first")))]);
    assert!(!catalogue.has_unsaved());
}

#[test]
fn equal_titles_at_the_same_instant_get_different_ids() {
    let (mut catalogue, first, now) = created();
    let second = catalogue.create(record("first"), None, now);
    assert_eq!(first, StreamId::new("first", now.unix.as_nanos()));
    assert_eq!(second, StreamId::new("first", now.unix.as_nanos() + 1));
}

#[test]
fn the_first_live_heartbeat_starts_and_lists_it() {
    let (mut catalogue, id, now) = created();
    let later = now + seconds(1);
    assert_eq!(catalogue.report(&node("a"), "a", &[carried(id, StreamState::Live, 2)], later), []);
    let listed = catalogue.listed();
    assert_eq!(catalogue.take_news(), [News::Started(listed[0].clone())]);
    assert_eq!((listed[0].viewers, listed[0].started_at_ms), (2, later.unix_ms()));
    assert!(listed[0].mime.is_some());
    assert_eq!(catalogue.take_unsaved()[0].1.as_ref().unwrap().started_at_ms, Some(later.unix_ms()));
    assert!(catalogue.take_changed().is_empty());
}

#[test]
fn viewers_are_summed_and_only_differences_are_told() {
    let (mut catalogue, id, now) = live();
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Live, 2)], now);
    assert!(catalogue.take_changed().is_empty());
    catalogue.report(&node("b"), "b", &[carried(id, StreamState::Live, 5)], now);
    assert_eq!(catalogue.take_changed()[0].viewers, 7);
    assert!(catalogue.take_changed().is_empty());
    assert!(!catalogue.has_unsaved(), "a second carrier does not move the stream");
}

#[test]
fn a_lost_node_interrupts_its_streams_and_the_grace_period_ends_them() {
    let (mut catalogue, id, now) = live();
    catalogue.node_lost(&node("a"), now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    assert_eq!(catalogue.take_changed()[0].viewers, 0);
    assert_eq!(catalogue.listed().len(), 1);
    catalogue.expire(now + seconds(29));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    catalogue.expire(now + seconds(30));
    assert_eq!(state(&catalogue, id), StreamState::Ended);
    assert_eq!(catalogue.take_news(), [News::Ended(id)]);
    assert!(catalogue.listed().is_empty());
    assert_eq!(catalogue.placed().get("a"), None);
}

#[test]
fn a_broadcaster_that_comes_back_within_the_grace_period_goes_on() {
    let (mut catalogue, id, now) = live();
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Interrupted, 1)], now + seconds(5));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Interrupted, 1)], now + seconds(30));
    catalogue.expire(now + seconds(50));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted, "its node still holds it");
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Live, 1)], now + seconds(51));
    catalogue.expire(now + seconds(500));
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.take_news(), []);
}

#[test]
fn a_stream_left_out_of_a_heartbeat_is_interrupted() {
    let (mut catalogue, id, now) = live();
    catalogue.report(&node("a"), "a", &[], now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
}

#[test]
fn it_moves_to_the_node_that_has_it_live() {
    let (mut catalogue, id, now) = live();
    catalogue.node_lost(&node("a"), now);
    catalogue.place(id, "c");
    catalogue.report(&node("b"), "b", &[carried(id, StreamState::Live, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.placed().get("b"), Some(&1));
    assert_eq!(catalogue.take_unsaved()[0].1.as_ref().unwrap().placed_on, "b");
}

#[test]
fn its_node_ends_it() {
    let (mut catalogue, id, now) = live();
    assert_eq!(catalogue.report(&node("a"), "a", &[carried(id, StreamState::Ended, 0)], now), []);
    assert_eq!(state(&catalogue, id), StreamState::Ended);
    assert_eq!(catalogue.take_news(), [News::Ended(id)]);
}

#[test]
fn a_node_the_stream_has_left_does_not_end_it() {
    let (mut catalogue, id, now) = live();
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Interrupted, 0)], now);
    catalogue.report(&node("b"), "b", &[carried(id, StreamState::Live, 1)], now);
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Ended, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.placed().get("b"), Some(&1));
}

#[test]
fn a_node_that_gave_up_waiting_does_not_end_it_for_one_that_still_waits() {
    let (mut catalogue, id, now) = live();
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Interrupted, 0)], now);
    catalogue.report(&node("b"), "b", &[carried(id, StreamState::Live, 1)], now);
    catalogue.report(&node("b"), "b", &[carried(id, StreamState::Interrupted, 1)], now + seconds(28));
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Ended, 0)], now + seconds(30));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    catalogue.report(&node("b"), "b", &[carried(id, StreamState::Live, 1)], now + seconds(31));
    assert_eq!(state(&catalogue, id), StreamState::Live);
}

#[test]
fn a_node_that_never_carried_it_does_not_end_it() {
    let (mut catalogue, id, now) = live();
    catalogue.node_lost(&node("a"), now);
    catalogue.report(&node("b"), "b", &[carried(id, StreamState::Ended, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
}

#[test]
fn a_node_is_told_to_end_what_is_over_or_unknown() {
    let (mut catalogue, id, now) = live();
    let stranger = StreamId::new("never created here", 1);
    catalogue.end(id, now);
    let rows = [carried(id, StreamState::Live, 1), carried(stranger, StreamState::Live, 1)];
    assert_eq!(catalogue.report(&node("a"), "a", &rows, now), [id, stranger]);
    let last = [carried(id, StreamState::Ended, 0), carried(stranger, StreamState::Ended, 0)];
    assert_eq!(catalogue.report(&node("a"), "a", &last, now), []);
    assert_eq!(state(&catalogue, id), StreamState::Ended);
}

#[test]
fn a_stream_without_media_ends_quietly_after_a_minute() {
    let (mut catalogue, id, now) = created();
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Created, 0)], now + seconds(59));
    catalogue.expire(now + seconds(60));
    assert_eq!(state(&catalogue, id), StreamState::Ended);
    assert_eq!(catalogue.take_news(), []);
}

#[test]
fn an_ended_stream_is_remembered_for_some_minutes() {
    let (mut catalogue, id, now) = live();
    catalogue.end(id, now);
    assert_eq!(catalogue.running(id).err(), Some(Error::UnknownStream(id)));
    catalogue.take_unsaved();
    catalogue.expire(now + seconds(299));
    assert!(catalogue.get(id).is_ok());
    catalogue.expire(now + seconds(300));
    assert_eq!(catalogue.get(id).err(), Some(Error::UnknownStream(id)));
    assert_eq!(catalogue.take_unsaved(), [(id, None)], "the store forgets it too");
}

#[test]
fn private_streams_are_never_listed_or_announced() {
    let now = Now::read();
    let mut catalogue = Catalogue::new(SETTINGS);
    let id = catalogue.create(Record { visibility: Visibility::Private, ..record("mine") }, None, now);
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Live, 2)], now);
    catalogue.set_thumbnail(id, ImageKind::Jpeg, Bytes::from_static(b"picture")).unwrap();
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Live, 3)], now);
    assert!(catalogue.get(id).unwrap().thumbnail().is_none());
    assert!(catalogue.listed().is_empty());
    assert!(catalogue.take_changed().is_empty());
    catalogue.end(id, now);
    assert_eq!(catalogue.take_news(), []);
}

#[test]
fn the_busiest_stream_is_listed_first_then_the_newest() {
    let (mut catalogue, first, now) = created();
    let rows = |viewers: [(StreamId, u32); 3]| viewers.map(|(id, n)| carried(id, StreamState::Live, n));
    let second = catalogue.create(record("second"), None, now);
    let third = catalogue.create(record("third"), None, now);
    catalogue.report(&node("a"), "a", &rows([(first, 0), (second, 1), (third, 0)])[..2], now);
    catalogue.report(&node("a"), "a", &rows([(first, 0), (second, 1), (third, 0)]), now + seconds(9));
    let order: Vec<StreamId> = catalogue.listed().iter().map(|row| row.stream_id).collect();
    assert_eq!(order, [second, third, first]);
}

#[test]
fn a_new_picture_changes_its_address() {
    let (mut catalogue, id, _) = live();
    for version in 1..=2 {
        catalogue.set_thumbnail(id, ImageKind::Png, Bytes::from_static(b"picture")).unwrap();
        let url = catalogue.take_changed()[0].thumbnail_url.clone();
        assert_eq!(url, Some(format!("/api/streams/{id}/thumbnail?v={version}")));
    }
}

#[test]
fn pictures_are_bounded_together_and_freed_when_their_stream_ends() {
    let (mut catalogue, id, now) = live();
    let other = catalogue.create(record("other"), None, now);
    let picture = |bytes: usize| Bytes::from(vec![0; bytes]);
    catalogue.set_thumbnail(id, ImageKind::Png, picture(60)).unwrap();
    catalogue.set_thumbnail(id, ImageKind::Png, picture(70)).unwrap();
    let full = catalogue.set_thumbnail(other, ImageKind::Png, picture(31));
    assert_eq!(full, Err(Error::TooManyPictures));
    catalogue.end(id, now);
    assert_eq!(catalogue.set_thumbnail(id, ImageKind::Png, picture(1)), Err(Error::UnknownStream(id)));
    assert_eq!(catalogue.set_thumbnail(other, ImageKind::Png, picture(100)), Ok(()));
}

#[test]
fn streams_are_bounded_together_and_per_address_while_pending() {
    let (mut catalogue, id, now) = created();
    assert_eq!(catalogue.has_room_for(ADDRESS), Ok(()));
    catalogue.create(record("second"), ADDRESS, now);
    assert_eq!(catalogue.has_room_for(ADDRESS), Err(Error::TooManyPending(2)));
    assert_eq!(catalogue.has_room_for(None), Ok(()));
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Live, 0)], now);
    assert_eq!(catalogue.has_room_for(ADDRESS), Ok(()), "a live stream is not pending");
    catalogue.create(record("third"), None, now);
    catalogue.create(record("fourth"), None, now);
    assert_eq!(catalogue.has_room_for(None), Err(Error::TooManyStreams(4)));
    catalogue.end(id, now);
    assert_eq!(catalogue.has_room_for(None), Ok(()));
}

#[test]
fn no_more_ended_streams_than_agreed_are_remembered() {
    let (mut catalogue, first, now) = created();
    catalogue.end(first, now);
    for index in 0..4 {
        let id = catalogue.create(record(&index.to_string()), None, now);
        catalogue.end(id, now);
    }
    assert!(catalogue.get(first).is_err());
    assert_eq!(catalogue.streams.len(), 4);
}

#[test]
fn a_restarted_catalogue_keeps_its_streams_until_the_nodes_come_back() {
    let (mut before, ran, now) = live();
    before.report(&node("a"), "a", &[carried(ran, StreamState::Live, 1)], now);
    before.place(ran, "b");
    let waiting = before.create(record("waiting"), None, now);
    let over = before.create(record("over"), None, now);
    before.end(over, now);
    let mut after = Catalogue::new(SETTINGS);
    for (id, kept) in before.take_unsaved() {
        after.restore(id, kept.unwrap(), now);
    }
    let states = [ran, waiting, over].map(|id| state(&after, id));
    assert_eq!(states, [StreamState::Interrupted, StreamState::Created, StreamState::Ended]);
    assert_eq!(after.placed().get("b"), Some(&1));
    after.report(&node("new id of b"), "b", &[carried(ran, StreamState::Live, 6)], now + seconds(2));
    after.expire(now + seconds(31));
    assert_eq!(state(&after, ran), StreamState::Live);
    assert_eq!(after.take_news(), [], "viewers of the list never saw it go");
    after.expire(now + seconds(60));
    assert_eq!(state(&after, waiting), StreamState::Ended);
}
