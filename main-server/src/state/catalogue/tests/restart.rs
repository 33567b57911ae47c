//! What a main server shows after a restart.

use super::*;

#[test]
fn a_restarted_catalogue_keeps_its_streams_until_the_nodes_come_back() {
    let now = Now::read();
    let mut after = Catalogue::new(SETTINGS);
    let kept =
        |title: &str, started_at_ms, ended_at_ms| Record { started_at_ms, ended_at_ms, ..record(title) };
    let records = [kept("ran", Some(5), None), kept("waiting", None, None), kept("over", Some(5), Some(6))];
    let [ran, waiting, over] = records.map(|record| after.create(record, None, now));
    after.take_news();
    let states = [ran, waiting, over].map(|id| state(&after, id));
    assert_eq!(states, [StreamState::Interrupted, StreamState::Created, StreamState::Ended]);
    assert_eq!(after.placed().0.get("a"), Some(&2));
    after.hears("a", &[carried(ran, StreamState::Live, 6)], now + seconds(2));
    after.expire(now + seconds(31));
    assert_eq!(state(&after, ran), StreamState::Live);
    assert_eq!(after.get(ran).unwrap().info(ran).started_at_ms, 5);
    assert_eq!(after.take_news(), [], "viewers of the list never saw it go");
    after.expire(now + seconds(60));
    assert_eq!(state(&after, waiting), StreamState::Ended);
}

#[test]
fn streams_of_long_ago_are_not_shown_until_a_node_has_them_and_end_if_none_has() {
    let now = Now::read();
    let mut after = Catalogue::new(SETTINGS);
    let kept = |title: &str, started_at_ms| Record { started_at_ms, ..record(title) };
    let records = [kept("lives", Some(5)), kept("dead", Some(5)), kept("waited", None)];
    let [lives, dead, waited] = records.map(|record| after.create(record, None, now));
    after.doubt(SETTINGS.grace + seconds(1), now);
    after.take_news();
    assert!(after.listed().is_empty());
    after.hears("a", &[carried(lives, StreamState::Live, 6)], now + seconds(2));
    assert_eq!(after.take_news(), [News::Started(after.listed()[0].clone())]);
    assert_eq!(after.get(lives).unwrap().info(lives).started_at_ms, 5);
    after.expire(now + seconds(29));
    assert_eq!(state(&after, dead), StreamState::Interrupted, "its node may be late");
    assert!(after.get(dead).unwrap().is_in_doubt());
    after.expire(now + seconds(30));
    let states = [lives, dead, waited].map(|id| state(&after, id));
    assert_eq!(states, [StreamState::Live, StreamState::Ended, StreamState::Ended]);
    assert_eq!(after.take_news(), [], "viewers of the list never saw them");
}

#[test]
fn after_a_short_silence_streams_are_shown_at_once() {
    let now = Now::read();
    let mut after = Catalogue::new(SETTINGS);
    let id = after.create(Record { started_at_ms: Some(5), ..record("first") }, None, now);
    after.doubt(SETTINGS.grace, now);
    assert_eq!(after.listed()[0].stream_id, id);
}
