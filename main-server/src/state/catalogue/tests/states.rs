//! The states of a stream, and the listeners that are notified of them.

use super::*;

#[test]
fn a_created_stream_is_not_listed_and_counts_for_its_node() {
    let (mut catalogue, id, _) = created();
    assert_eq!(state(&catalogue, id), StreamState::Created);
    assert!(catalogue.listed().is_empty());
    assert_eq!(catalogue.placed().0.get("a"), Some(&1));
    assert_eq!(catalogue.take_news(), []);
    assert!(catalogue.unsaved().is_empty(), "the store has it already");
}

#[test]
fn the_first_live_heartbeat_starts_and_lists_it() {
    let (mut catalogue, id, now) = created();
    let later = now + seconds(1);
    assert_eq!(catalogue.hears("a", &[carried(id, StreamState::Live, 2)], later), []);
    let listed = catalogue.listed();
    assert_eq!(catalogue.take_news(), [News::Started(listed[0].clone())]);
    assert_eq!((listed[0].viewers, listed[0].started_at_ms), (2, later.unix_ms()));
    assert!(listed[0].mime.is_some());
    assert_eq!(catalogue.saved(2, later)[0].1.started_at_ms, Some(later.unix_ms()));
    assert!(catalogue.take_changed().is_empty());
}

#[test]
fn viewers_are_summed_and_only_differences_are_told() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[carried(id, StreamState::Live, 2)], now);
    assert!(catalogue.take_changed().is_empty());
    catalogue.hears("b", &[carried(id, StreamState::Live, 5)], now);
    assert_eq!(catalogue.take_changed()[0].viewers, 7);
    assert!(catalogue.take_changed().is_empty());
    assert!(catalogue.unsaved().is_empty(), "a second carrier does not move the stream");
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
    assert_eq!(catalogue.placed().0.get("a"), None);
}

#[test]
fn a_broadcaster_that_comes_back_within_the_grace_period_goes_on() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 1)], now + seconds(5));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 1)], now + seconds(30));
    catalogue.expire(now + seconds(50));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted, "its node still holds it");
    catalogue.hears("a", &[carried(id, StreamState::Live, 1)], now + seconds(51));
    catalogue.expire(now + seconds(500));
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.take_news(), []);
}

#[test]
fn an_interrupted_stream_tells_how_long_it_still_waits_however_often_its_node_reports_it() {
    let (mut catalogue, id, now) = live();
    let ends_in_ms =
        |catalogue: &Catalogue, at| catalogue.get(id).unwrap().info_at(id, now + seconds(at)).ends_in_ms;
    assert_eq!(ends_in_ms(&catalogue, 0), None);
    for at in [0, 5, 12] {
        catalogue.hears("a", &[carried(id, StreamState::Interrupted, 1)], now + seconds(at));
    }
    assert_eq!(ends_in_ms(&catalogue, 12), Some(18_000));
    assert_eq!(ends_in_ms(&catalogue, 40), Some(0));
    assert_eq!(catalogue.take_changed()[0].ends_in_ms, None, "the list would be out of date at once");
    catalogue.hears("a", &[carried(id, StreamState::Live, 1)], now + seconds(13));
    assert_eq!(ends_in_ms(&catalogue, 13), None);
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 1)], now + seconds(20));
    assert_eq!(ends_in_ms(&catalogue, 21), Some(29_000));
    catalogue.ends(id, 9, now + seconds(22));
    assert_eq!(ends_in_ms(&catalogue, 22), None);
}

#[test]
fn a_stream_left_out_of_a_heartbeat_is_interrupted() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[], now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
}

#[test]
fn it_moves_to_the_node_that_has_it_live() {
    let (mut catalogue, id, now) = live();
    catalogue.node_lost(&node("a"), now);
    catalogue.place(id, "c", now);
    catalogue.hears("b", &[carried(id, StreamState::Live, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.placed().0.get("b"), Some(&1));
    assert_eq!(catalogue.saved(3, now)[0].1.placed_on, "b");
}

#[test]
fn types_that_are_not_ascii_text_are_left_out() {
    let (mut catalogue, id, now) = created();
    for mime in ["video/\u{202e}mbew", "video/webm\n", &"x".repeat(257)] {
        let row = CarriedStream { mime: Some(mime.into()), ..carried(id, StreamState::Live, 0) };
        catalogue.hears("a", &[row], now);
        assert_eq!(catalogue.get(id).unwrap().info(id).mime, None, "{mime:?}");
    }
}

#[test]
fn its_node_ends_it() {
    let (mut catalogue, id, now) = live();
    assert_eq!(catalogue.hears("a", &[carried(id, StreamState::Ended, 0)], now), []);
    assert_eq!(state(&catalogue, id), StreamState::Ended);
    assert_eq!(catalogue.take_news(), [News::Ended(id)]);
}

#[test]
fn a_node_the_stream_has_left_does_not_end_it() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 0)], now);
    catalogue.hears("b", &[carried(id, StreamState::Live, 1)], now);
    catalogue.hears("a", &[carried(id, StreamState::Ended, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Live);
    assert_eq!(catalogue.placed().0.get("b"), Some(&1));
}

#[test]
fn a_node_that_gave_up_waiting_does_not_end_it_for_one_that_still_waits() {
    let (mut catalogue, id, now) = live();
    catalogue.hears("a", &[carried(id, StreamState::Interrupted, 0)], now);
    catalogue.hears("b", &[carried(id, StreamState::Live, 1)], now);
    catalogue.hears("b", &[carried(id, StreamState::Interrupted, 1)], now + seconds(28));
    catalogue.hears("a", &[carried(id, StreamState::Ended, 0)], now + seconds(30));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    catalogue.hears("b", &[carried(id, StreamState::Live, 1)], now + seconds(31));
    assert_eq!(state(&catalogue, id), StreamState::Live);
}

#[test]
fn a_node_that_never_carried_it_does_not_end_it() {
    let (mut catalogue, id, now) = live();
    catalogue.node_lost(&node("a"), now);
    catalogue.hears("b", &[carried(id, StreamState::Ended, 0)], now);
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
}

#[test]
fn a_node_is_told_to_end_what_is_over_or_unknown() {
    let (mut catalogue, id, now) = live();
    let stranger = StreamId::new("never created here", 1);
    catalogue.ends(id, 3, now);
    let rows = [carried(id, StreamState::Live, 1), carried(stranger, StreamState::Live, 1)];
    assert_eq!(catalogue.hears("a", &rows, now), [id, stranger]);
    let last = [carried(id, StreamState::Ended, 0), carried(stranger, StreamState::Ended, 0)];
    assert_eq!(catalogue.hears("a", &last, now), []);
    assert_eq!(state(&catalogue, id), StreamState::Ended);
}

#[test]
fn a_stream_without_media_ends_quietly_after_a_minute() {
    let (mut catalogue, id, now) = created();
    catalogue.hears("a", &[carried(id, StreamState::Created, 0)], now + seconds(59));
    catalogue.expire(now + seconds(60));
    assert_eq!(state(&catalogue, id), StreamState::Ended);
    assert_eq!(catalogue.take_news(), []);
}

#[test]
fn an_ended_stream_is_known_until_the_store_forgets_it() {
    let (mut catalogue, id, now) = live();
    catalogue.ends(id, 3, now);
    assert_eq!(catalogue.running(id).err(), Some(Error::UnknownStream(id)));
    catalogue.expire(now + seconds(3000));
    assert!(catalogue.get(id).is_ok());
    catalogue.forget(id, Revision(2), now);
    assert!(catalogue.get(id).is_ok(), "it was written after that");
    catalogue.forget(id, Revision(4), now);
    assert_eq!(catalogue.get(id).err(), Some(Error::UnknownStream(id)));
}

#[test]
fn private_streams_are_never_listed_or_announced() {
    let now = Now::read();
    let mut catalogue = Catalogue::new(SETTINGS);
    let id = catalogue.create(Record { visibility: Visibility::Private, ..record("mine") }, None, now);
    catalogue.hears("a", &[carried(id, StreamState::Live, 2)], now);
    catalogue.set_thumbnail(id, ImageKind::Jpeg, Bytes::from_static(b"picture"), now).unwrap();
    catalogue.hears("a", &[carried(id, StreamState::Live, 3)], now);
    assert!(catalogue.get(id).unwrap().thumbnail().is_none());
    assert!(catalogue.listed().is_empty());
    assert!(catalogue.take_changed().is_empty());
    catalogue.ends(id, 3, now);
    assert_eq!(catalogue.take_news(), []);
}
