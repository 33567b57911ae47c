//! Messages are read as they were written, whatever they say, and anything else without harm.

use std::sync::Mutex;

use proptest::prelude::*;
use store::{Entry, MAX_MESSAGE_BYTES, Namespace, Revision};

use super::{message::HEAD_BYTES, *};

const KIND: Kind = Kind(77);
const SHARED: Namespace = Namespace::new("shared");
const SECRET: Namespace = Namespace::new("secret");

/// What the listeners of another server get of `messages`.
fn heard(messages: impl IntoIterator<Item = Bytes>) -> (Vec<Bytes>, Vec<Entry>) {
    let got = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let (of_messages, of_entries) = (Arc::clone(&got), Arc::clone(&got));
    let mut listeners = Listeners::default();
    listeners.add(KIND, move |payload| of_messages.lock().unwrap().0.push(payload));
    listeners.add_entries(SHARED, move |entry| of_entries.lock().unwrap().1.push(entry.clone()));
    let messages = messages.into_iter().filter_map(message::read);
    messages.flat_map(|message| message.items).for_each(|(kind, payload)| listeners.hear(kind, payload));
    drop(listeners);
    Arc::into_inner(got).unwrap().into_inner().unwrap()
}

fn entry(key: &str, value: &'static str, revision: u64, lease: Option<Duration>) -> Entry {
    Entry { key: key.to_owned(), value: value.into(), revision: Revision(revision), lease }
}

#[test]
fn messages_arrive_as_they_were_sent_and_name_their_sender() {
    let outbox = Outbox::new(false);
    let payloads = ["", "short", &"long".repeat(100_000)];
    payloads.iter().for_each(|payload| outbox.send(KIND, &[payload.as_bytes()]));
    outbox.send(Kind(78), &[b"nothing here listens to this"]);
    outbox.send(KIND, &[b"in ", b"pieces"]);
    let messages = outbox.take();
    for message in &messages {
        assert!(message.len() <= MAX_MESSAGE_BYTES);
        assert_eq!(message::read(message.clone()).unwrap().sender, outbox.sender());
    }
    assert_eq!(heard(messages).0, [payloads[0], payloads[1], payloads[2], "in pieces"]);
    assert!(outbox.take().is_empty());
}

#[test]
fn what_was_written_arrives_as_it_was_written_if_a_feature_listens() {
    let outbox = Outbox::new(false);
    let lease = Some(Duration::from_millis(1_500));
    let sent = [entry("a.example", "{}\n", u64::MAX, lease), entry("b \"\n", "", 1, None)];
    sent.iter().for_each(|entry| outbox.written(SHARED, entry));
    outbox.written(SECRET, &sent[0]);
    assert_eq!(heard(outbox.take()).1, sent);
}

#[test]
fn what_waits_is_bounded_and_the_newest_stays() {
    let outbox = Outbox::new(false);
    let sent = 2_000_u32;
    (0..sent).for_each(|number| outbox.send(KIND, &[&number.to_be_bytes(), &[0; 10_000]]));
    let (arrived, _) = heard(outbox.take());
    assert!(arrived.len() < sent as usize, "{} arrived", arrived.len());
    assert_eq!(arrived.last().unwrap()[..4], (sent - 1).to_be_bytes());
}

#[test]
fn a_server_that_is_alone_says_nothing() {
    let outbox = Outbox::new(true);
    outbox.send(KIND, &[b"any"]);
    outbox.written(SHARED, &entry("a", "{}", 1, None));
    assert!(outbox.take().is_empty());
}

#[test]
#[should_panic(expected = "two listeners")]
fn two_features_cannot_use_one_number() {
    let mut listeners = Listeners::default();
    listeners.add(KIND, drop);
    listeners.add(KIND, drop);
}

#[test]
fn another_version_is_passed_over_and_so_is_an_unknown_kind() {
    let outbox = Outbox::new(false);
    outbox.send(KIND, &[b"known"]);
    let message = outbox.take().remove(0);
    let mut newer = message.to_vec();
    newer[0] = 2;
    assert!(message::read(newer.into()).is_none());
    // An item of kind 3, as an earlier version sends it, comes first.
    let with_unknown = [&message[..HEAD_BYTES], &[3, 0, 0, 0, 2, 1, 2], &message[HEAD_BYTES..]].concat();
    assert_eq!(heard([with_unknown.into()]).0, ["known"]);
}

proptest! {
    #[test]
    fn anything_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), version in 0..3_u8) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        prop_assert!(heard([bytes.into()]).0.len() < 400);
    }

    #[test]
    fn a_message_that_was_cut_or_changed_is_read_without_harm(cut in 0..200_usize, at in 0..200_usize, by in any::<u8>()) {
        let outbox = Outbox::new(false);
        outbox.send(KIND, &[b"any"]);
        outbox.written(SHARED, &entry("k", "{}", 7, None));
        let mut bytes = outbox.take().remove(0).to_vec();
        bytes.truncate(cut);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = byte.wrapping_add(by);
        }
        let (messages, entries) = heard([bytes.into()]);
        prop_assert!(messages.len() + entries.len() <= 2);
    }
}
