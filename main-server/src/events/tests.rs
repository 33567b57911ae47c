//! What listeners get, however many and however slow they are, and how often the list is copied for them.

use bytes::Bytes;
use futures_util::FutureExt;
use protocol::{
    StreamId,
    stream::{StreamInfo, StreamState},
};
use serde_json::Value;
use serving::Prefix;

use super::{reader::Reader, *};
use crate::state::catalogue::News;

fn stream(number: u64, viewers: u32) -> StreamInfo {
    StreamInfo {
        stream_id: StreamId::new("any", number.into()),
        title: format!("stream {number}"),
        started_at_ms: number,
        viewers,
        state: StreamState::Live,
        mime: None,
        thumbnail_url: None,
        ends_in_ms: None,
        visibility: None,
        invitation_only: false,
        recording: None,
    }
}

fn started(stream: &StreamInfo) -> Event {
    News::Started(stream.clone()).into()
}

fn changed(stream: &StreamInfo) -> Event {
    News::Changed(stream.clone()).into()
}

fn ended(stream: &StreamInfo) -> Event {
    News::Ended(stream.stream_id).into()
}

fn feed_of(streams: u64) -> Feed {
    let feed = Feed::new();
    feed.publish((0..streams).map(|number| started(&stream(number, 0))));
    feed
}

fn change_all(feed: &Feed, streams: u64, viewers: u32) {
    feed.publish((0..streams).map(|number| changed(&stream(number, viewers))));
}

/// What a reader takes until it would have to wait: events by name with their payloads.
fn taken(reader: &mut Reader, feed: &Feed) -> Vec<(String, Value)> {
    let mut text = String::new();
    while let Some(Some(bytes)) = reader.next(feed).now_or_never() {
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    let events = text.split_terminator("\n\n").map(|event| {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        (field("event: ").to_owned(), serde_json::from_str(field("data: ")).unwrap())
    });
    events.collect()
}

fn rows(feed: &Feed) -> Vec<StreamInfo> {
    let snapshot = feed.current();
    let text: Vec<u8> =
        (0..).map_while(|index| snapshot.piece(index, &Prefix::default())).flatten().collect();
    assert_eq!(text.len(), snapshot.bytes());
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn the_busiest_stream_is_listed_first_then_the_newest() {
    let feed = feed_of(3);
    feed.publish([changed(&stream(1, 5))]);
    let order: Vec<u64> = rows(&feed).iter().map(|row| row.started_at_ms).collect();
    assert_eq!(order, [1, 2, 0]);
    feed.publish([ended(&stream(1, 0))]);
    assert_eq!(rows(&feed).len(), 2);
}

#[test]
fn a_change_set_is_one_frame_that_listeners_share() {
    let feed = feed_of(1_100);
    let mut readers: Vec<Reader> = (0..20).map(|_| Reader::new(&feed, Prefix::default())).collect();
    for reader in &mut readers {
        assert_eq!(taken(reader, &feed)[0].1.as_array().unwrap().len(), 1_100);
    }
    assert_eq!(feed.totals(), (20, 1), "one copy of the list for all");
    for viewers in 1..=5 {
        change_all(&feed, 1_100, viewers);
        let frames: Vec<Bytes> =
            readers.iter_mut().map(|reader| reader.next(&feed).now_or_never().unwrap().unwrap()).collect();
        assert!(frames.iter().all(|frame| frame.as_ptr() == frames[0].as_ptr()), "nothing is copied");
        assert!(readers.iter_mut().all(|reader| reader.next(&feed).now_or_never().is_none()));
    }
    assert_eq!(feed.totals(), (20, 1), "changes cost no copy of the list");
}

#[test]
fn listeners_that_fell_behind_share_one_list_instead_of_a_backlog() {
    let feed = feed_of(1_100);
    let mut readers: Vec<Reader> = (0..20).map(|_| Reader::new(&feed, Prefix::default())).collect();
    readers.iter_mut().for_each(|reader| drop(taken(reader, &feed)));
    for viewers in 1..=8 {
        change_all(&feed, 1_100, viewers);
    }
    let state = feed.state();
    assert!(state.log_bytes <= state.most_bytes() && state.log.len() < 8);
    drop(state);
    for reader in &mut readers {
        let events = taken(reader, &feed);
        assert_eq!((events.len(), events[0].0.as_str()), (1, "snapshot"));
        assert_eq!(events[0].1[1_099]["viewers"], 8);
    }
    assert_eq!(feed.totals(), (20, 2), "one more copy for all of them");
    feed.publish([changed(&stream(7, 99))]);
    let events = taken(&mut readers[0], &feed);
    assert_eq!((events[0].0.as_str(), &events[0].1["viewers"]), ("stream_changed", &99.into()));
}

#[test]
fn whatever_is_missed_in_between_the_list_is_right_in_the_end() {
    let feed = feed_of(500);
    let mut list = std::collections::BTreeMap::new();
    let mut reader = Reader::new(&feed, Prefix::default());
    for round in 1..120_u64 {
        match round % 3 {
            0 => change_all(&feed, 400, u32::try_from(round).unwrap()),
            1 => feed.publish([ended(&stream(round, 0))]),
            _ => feed.publish([started(&stream(1_000 + round, 1))]),
        }
        if round % 17 != 0 {
            continue;
        }
        for (name, payload) in taken(&mut reader, &feed) {
            let id = |row: &Value| row["stream_id"].as_str().unwrap().to_owned();
            match name.as_str() {
                "snapshot" => {
                    list = payload.as_array().unwrap().iter().map(|row| (id(row), row.clone())).collect();
                }
                "stream_ended" => drop(list.remove(&id(&payload))),
                _ => drop(list.insert(id(&payload), payload)),
            }
        }
        let expected = rows(&feed).into_iter().map(|row| (row.stream_id.to_string(), serde_json::json!(row)));
        assert_eq!(list, expected.collect());
    }
}

#[test]
fn requests_between_two_changes_share_one_copy_of_the_list() {
    let feed = feed_of(10);
    for _ in 0..100 {
        rows(&feed);
    }
    feed.publish([changed(&stream(1, 5))]);
    for _ in 0..100 {
        rows(&feed);
    }
    assert_eq!(feed.totals(), (0, 2));
}
