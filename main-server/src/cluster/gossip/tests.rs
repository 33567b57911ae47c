//! Messages are read as they were written, and anything else without harm.

use proptest::prelude::*;
use protocol::{node::Load, stream::StreamState};
use store::{MAX_MESSAGE_BYTES, Record as _, Revision};

use super::{message::NAMESPACES, *};
use crate::{
    cluster::bootstrap::KEYS,
    nodes::record::Registration,
    streams::thumbnail::{ImageKind, Thumbnail},
};

fn rows(count: u32) -> Vec<CarriedStream> {
    let row = |index: u32| CarriedStream {
        stream_id: StreamId::new("a", index.into()),
        state: StreamState::Live,
        viewers: index,
        mime: Some("video/webm;codecs=\"vp9,opus\"".into()),
        path: vec!["x".repeat(100)],
        relays: 0,
        bytes_per_s: 0,
    };
    (0..count).map(row).collect()
}

fn node() -> NodeId {
    NodeId("0123456789abcdef".into())
}

/// What another server makes of everything that `outbox` has.
fn heard(outbox: &Outbox) -> Vec<Item> {
    let messages = outbox.take();
    assert!(messages.iter().all(|message| message.len() <= MAX_MESSAGE_BYTES));
    let read = messages.into_iter().map(|message| message::read(message).unwrap());
    read.inspect(|message| assert_eq!(message.sender, outbox.sender()))
        .flat_map(|message| message.items)
        .collect()
}

fn tell(outbox: &Outbox, count: u32) -> Heartbeat {
    let heartbeat = Heartbeat { load: Load { viewers: count, ..Load::default() }, streams: rows(count) };
    let body = serde_json::to_vec(&heartbeat).unwrap().into();
    outbox.heartbeat(&node(), &heartbeat, &body, Now::read());
    heartbeat
}

/// The heartbeats among `items`, put together.
fn heartbeats(items: Vec<Item>) -> Vec<Heartbeat> {
    let mut in_parts = InParts::new();
    let whole = |item| match item {
        Item::Heartbeat { node_id, part, body, .. } => {
            let mut heartbeat: Heartbeat = serde_json::from_slice(&body).unwrap();
            complete(&node_id, &mut heartbeat, part, &mut in_parts).then_some(heartbeat)
        }
        Item::Thumbnail { .. } | Item::Written { .. } => None,
    };
    items.into_iter().filter_map(whole).collect()
}

#[test]
fn heartbeats_arrive_as_they_were_sent_however_large() {
    let outbox = Outbox::new(false);
    let sent = [10, 0, 20_000, 3].map(|count| tell(&outbox, count));
    assert_eq!(heartbeats(heard(&outbox)), sent);
    assert!(outbox.take().is_empty());
}

#[test]
fn a_heartbeat_whose_first_part_was_lost_is_no_heartbeat() {
    let outbox = Outbox::new(false);
    tell(&outbox, 20_000);
    let last = tell(&outbox, 5);
    let without_first = heard(&outbox).split_off(1);
    assert_eq!(heartbeats(without_first), [last]);
}

#[test]
fn pictures_arrive_as_they_were_sent() {
    let outbox = Outbox::new(false);
    let stream_id = StreamId::new("a", 1);
    let picture = Bytes::from(vec![7; protocol::stream::MAX_THUMBNAIL_BYTES]);
    outbox.thumbnail(stream_id, &Thumbnail { version: 9, kind: ImageKind::WebP, bytes: picture.clone() });
    let items = heard(&outbox);
    let [Item::Thumbnail { stream_id: id, thumbnail }] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!((*id, thumbnail.version, thumbnail.kind), (stream_id, 9, ImageKind::WebP));
    assert_eq!(thumbnail.bytes, picture);
}

#[test]
fn what_was_written_arrives_as_it_was_written() {
    let outbox = Outbox::new(false);
    let lease = Some(Duration::from_millis(1_500));
    let entries = [("a.example", "{}", lease), ("b", "", None), ("c", "[]", lease)];
    let entry = |(index, (key, value, lease)): (usize, (&str, &'static str, Option<Duration>))| {
        let revision = Revision(u64::MAX - index as u64);
        (NAMESPACES[index % 2], Entry { key: key.to_owned(), value: value.into(), revision, lease })
    };
    let sent: Vec<_> = entries.into_iter().enumerate().map(entry).collect();
    sent.iter().for_each(|(namespace, entry)| outbox.written(*namespace, entry.clone()));
    outbox.written(KEYS, sent[0].1.clone());
    let written = |item| match item {
        Item::Written { namespace, entry } => (namespace, entry),
        other => panic!("{other:?}"),
    };
    assert_eq!(heard(&outbox).into_iter().map(written).collect::<Vec<_>>(), sent, "secrets are not told");
}

#[test]
fn what_waits_is_bounded_and_the_newest_stays() {
    let outbox = Outbox::new(false);
    let heartbeats_sent = 2_000;
    let last = (0..heartbeats_sent).map(|_| tell(&outbox, 100)).last().unwrap();
    let arrived = heartbeats(heard(&outbox));
    assert!(arrived.len() < heartbeats_sent, "{} arrived", arrived.len());
    assert_eq!(arrived.last(), Some(&last));
}

#[test]
fn a_server_that_is_alone_says_nothing() {
    let outbox = Outbox::new(true);
    tell(&outbox, 10);
    assert!(outbox.take().is_empty());
}

#[test]
fn another_version_is_passed_over_and_so_is_an_unknown_kind() {
    let outbox = Outbox::new(false);
    tell(&outbox, 1);
    let message = outbox.take().remove(0);
    let mut newer = message.to_vec();
    newer[0] = 2;
    assert!(message::read(newer.into()).is_none());
    let mut with_unknown = message[..HEAD].to_vec();
    with_unknown.extend([99, 0, 0, 0, 2, 1, 2]);
    with_unknown.extend(&message[HEAD..]);
    assert_eq!(message::read(with_unknown.into()).unwrap().items.count(), 1);
}

const HEAD: usize = message::HEAD_BYTES;

proptest! {
    #[test]
    fn anything_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), version in 0..3_u8) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        if let Some(message) = message::read(bytes.into()) {
            prop_assert!(message.items.count() < 400);
        }
    }

    #[test]
    fn a_message_that_was_cut_or_changed_is_read_without_harm(cut in 0..600_usize, at in 0..600_usize, by in any::<u8>()) {
        let outbox = Outbox::new(false);
        tell(&outbox, 1);
        let entry = Entry { key: "k".into(), value: "{}".into(), revision: Revision(7), lease: None };
        outbox.written(Registration::NAMESPACE, entry);
        let mut bytes = outbox.take().remove(0).to_vec();
        bytes.truncate(cut);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = byte.wrapping_add(by);
        }
        if let Some(message) = message::read(bytes.into()) {
            prop_assert!(message.items.count() <= 2);
        }
    }
}
