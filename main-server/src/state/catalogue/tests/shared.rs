//! Streams that several main servers keep in one store.

use super::*;

#[test]
fn what_other_main_servers_wrote_is_taken_over_once_and_in_any_order() {
    let (mut catalogue, id, now) = live();
    let stored = catalogue.get(id).unwrap().record.clone();
    let moved = Record { placed_on: "b".into(), placed_at_ms: u64::MAX, ..stored.clone() };
    catalogue.learn(id, moved.clone(), Revision(4), now);
    catalogue.learn(id, Record { ended_at_ms: Some(1), ..stored }, Revision(3), now);
    assert_eq!(state(&catalogue, id), StreamState::Live, "what is older was known");
    assert_eq!(catalogue.placed().0.get("b"), Some(&1));
    let over = Record { ended_at_ms: Some(9), ..moved };
    catalogue.learn(id, over.clone(), Revision(5), now);
    catalogue.learn(id, over, Revision(5), now);
    assert_eq!(catalogue.take_news(), [News::Ended(id)]);
    assert!(catalogue.unsaved().is_empty());
}

#[test]
fn an_end_that_is_not_saved_yet_outlives_what_others_write() {
    let (mut catalogue, id, now) = live();
    let stored = catalogue.get(id).unwrap().record.clone();
    catalogue.hears("a", &[carried(id, StreamState::Ended, 0)], now);
    catalogue.learn(id, Record { placed_on: "b".into(), placed_at_ms: 9, ..stored }, Revision(7), now);
    assert_eq!(state(&catalogue, id), StreamState::Ended);
    assert_eq!((catalogue.unsaved(), catalogue.records.revision(&id)), (vec![id], Some(Revision(7))));
    assert!(catalogue.records.get(&id).unwrap().is_over());
}

#[test]
fn a_stream_that_went_live_elsewhere_is_announced_here() {
    let now = Now::read();
    let mut catalogue = Catalogue::new(SETTINGS);
    let id = catalogue.create(Record { started_at_ms: Some(5), ..record("first") }, None, now);
    assert_eq!(catalogue.take_news(), [News::Started(catalogue.get(id).unwrap().info(id))]);
}

#[test]
fn who_heard_a_change_saves_it_and_others_only_if_that_one_did_not() {
    let (mut catalogue, id, now) = created();
    let rows = [carried(id, StreamState::Live, 1)];
    catalogue.report(&node("a"), "a", &rows, Received::Forwarded, now);
    assert_eq!(catalogue.take_news().len(), 1, "listeners here are told all the same");
    let is_due = |catalogue: &Catalogue, later| catalogue.records.has_unsaved((now + seconds(later)).instant);
    assert!(!is_due(&catalogue, 9));
    assert!(is_due(&catalogue, 10));

    let (mut catalogue, id, now) = created();
    catalogue.report(&node("a"), "a", &rows, Received::Forwarded, now);
    catalogue.report(&node("a"), "a", &[carried(id, StreamState::Live, 1)], Received::Directly, now);
    assert!(is_due(&catalogue, 0), "the server that hears it next has that to save too");
}

#[test]
fn deadlines_begin_anew_after_old_knowledge() {
    let (mut catalogue, id, now) = live();
    catalogue.node_lost(&node("a"), now);
    catalogue.renew_deadlines(now + seconds(29));
    catalogue.expire(now + seconds(58));
    assert_eq!(state(&catalogue, id), StreamState::Interrupted);
    catalogue.expire(now + seconds(59));
    assert_eq!(state(&catalogue, id), StreamState::Ended);
}
