//! What [`Kv`] promises. Random sequences are compared with a model.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, future::join_all};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use store::{Entry, Error, Event, Expect, Kv, MAX_KEY_BYTES, MAX_VALUE_BYTES, Revision, Watch, leases};
use tokio::time::{sleep, timeout};

use super::{NODES, SETTINGS, STREAMS, Subject, TEST_TIMEOUT};

/// The keys of a random sequence: plain, with what engines have to escape, and as long as may be.
const KEYS: [&str; 4] = ["plain", "with.dots and = and *>", "grüße/日本", "long"];

pub(super) async fn keeps_the_contract(subject: &Subject) {
    any_sequence_does_what_the_model_does(subject).await;
    of_several_writers_exactly_one_wins(subject).await;
    no_increment_is_lost(subject).await;
    a_watch_misses_nothing(subject).await;
    what_is_too_large_is_refused(subject).await;
    prefixes_and_pages_show_their_part_in_order(subject).await;
    a_watch_of_a_prefix_shows_nothing_else(subject).await;
}

#[derive(Clone, Debug)]
enum Condition {
    None,
    Absent,
    /// The entry's revision, if it is there.
    Right,
    /// One that the key had before, or never.
    Wrong,
}

#[derive(Clone, Debug)]
enum Step {
    Set { key: usize, value: Vec<u8>, lease: Option<u16>, condition: Condition },
    Delete { key: usize, condition: Condition },
}

fn step() -> impl Strategy<Value = Step> {
    let condition = || {
        prop_oneof![
            Just(Condition::None),
            Just(Condition::Absent),
            Just(Condition::Right),
            Just(Condition::Wrong)
        ]
    };
    let key = || 0..KEYS.len();
    // Leases that do not end while the test runs.
    let lease = prop::option::of(10_000..20_000u16);
    prop_oneof![
        3 => (key(), vec(any::<u8>(), 0..40), lease, condition())
            .prop_map(|(key, value, lease, condition)| Step::Set { key, value, lease, condition }),
        1 => (key(), condition()).prop_map(|(key, condition)| Step::Delete { key, condition }),
    ]
}

async fn any_sequence_does_what_the_model_does(subject: &Subject) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    for _ in 0..subject.sequences {
        let steps = vec(step(), 1..30).new_tree(&mut runner).unwrap().current();
        let prefix = subject.prefix();
        let mut model = Model::new(subject, &prefix);
        let mut watch = subject.kv().watch(STREAMS, "", None).await.unwrap();
        for (number, step) in steps.iter().enumerate() {
            let problem = model.step(step, number).await;
            assert!(problem.is_none(), "step {number} of {steps:?}: {problem:?}");
        }
        assert_eq!(model.listed().await, model.entries.values().cloned().collect::<Vec<_>>(), "{steps:?}");
        assert_eq!(model.watched(&mut watch).await, model.entries, "{steps:?}");
    }
}

/// What the store should hold under one prefix.
struct Model<'a> {
    subject: &'a Subject,
    prefix: &'a str,
    entries: BTreeMap<String, Entry>,
    last: Revision,
}

impl<'a> Model<'a> {
    fn new(subject: &'a Subject, prefix: &'a str) -> Self {
        Self { subject, prefix, entries: BTreeMap::new(), last: Revision(0) }
    }

    fn key(&self, key: usize) -> String {
        let mut key = format!("{}{}", self.prefix, KEYS[key]);
        if key.ends_with("long") {
            key.push_str(&"ö".repeat((MAX_KEY_BYTES - key.len()) / 2));
        }
        key
    }

    /// Takes a step in the store and in the model; says where they differ.
    async fn step(&mut self, step: &Step, number: usize) -> Option<String> {
        // Each step by another main server: what one wrote the next one sees.
        let kv = &*self.subject.handles[number % self.subject.handles.len()].kv;
        let (key, outcome, expected) = match step {
            Step::Set { key, value, lease, condition } => {
                let key = self.key(*key);
                let (value, lease) =
                    (Bytes::from(value.clone()), lease.map(|s| Duration::from_secs(s.into())));
                let (expect, holds) = self.expect(&key, condition);
                let outcome = match expect {
                    Some(expect) => kv.compare_and_set(STREAMS, &key, value.clone(), lease, expect).await,
                    None => kv.put(STREAMS, &key, value.clone(), lease).await,
                };
                if let Ok(revision) = outcome {
                    if revision <= self.last {
                        return Some(format!("revision {revision} after {}", self.last));
                    }
                    self.last = revision;
                    self.entries.insert(key.clone(), Entry { key: key.clone(), value, revision, lease });
                }
                (key, outcome.map(drop), holds)
            }
            Step::Delete { key, condition } => {
                let key = self.key(*key);
                let (expect, holds) = self.expect(&key, condition);
                let expect = expect.and_then(|expect| match expect {
                    Expect::Absent => None,
                    Expect::Revision(revision) => Some(revision),
                });
                let outcome = kv.delete(STREAMS, &key, expect).await;
                if outcome.is_ok() {
                    self.entries.remove(&key);
                }
                (key, outcome, holds || expect.is_none())
            }
        };
        let expected = if expected { Ok(()) } else { Err(Error::Conflict) };
        if outcome != expected {
            return Some(format!("{key}: {outcome:?} instead of {expected:?}"));
        }
        let found = kv.get(STREAMS, &key).await.unwrap();
        (found.as_ref() != self.entries.get(&key)).then(|| format!("{key}: {found:?} is there"))
    }

    /// The condition with the revision it means now, and whether it holds.
    fn expect(&self, key: &str, condition: &Condition) -> (Option<Expect>, bool) {
        let found = self.entries.get(key).map(|entry| entry.revision);
        match condition {
            Condition::None => (None, true),
            Condition::Absent => (Some(Expect::Absent), found.is_none()),
            Condition::Right => (Some(Expect::Revision(found.unwrap_or(Revision(1)))), found.is_some()),
            Condition::Wrong => {
                (Some(Expect::Revision(Revision(found.map_or(1, |found| found.0 - 1)))), false)
            }
        }
    }

    async fn listed(&self) -> Vec<Entry> {
        let entries = self.subject.kv().entries(STREAMS, "").await.unwrap();
        entries.into_iter().filter(|entry| entry.key.starts_with(self.prefix)).collect()
    }

    /// What somebody knows who watched from the start.
    async fn watched(&self, watch: &mut Watch) -> BTreeMap<String, Entry> {
        let end = self.subject.kv().put(STREAMS, "end", Bytes::new(), None).await.unwrap();
        let (mut known, mut last) = (BTreeMap::new(), None);
        while last < Some(end) {
            match next(watch).await {
                Event::Put(entry) => {
                    assert!(
                        last.is_none_or(|last| last < entry.revision),
                        "{} after {last:?}",
                        entry.revision
                    );
                    last = last.map(|_| entry.revision);
                    known.insert(entry.key.clone(), entry);
                }
                Event::Deleted { key, revision } => {
                    assert!(last.is_none_or(|last| last < revision), "{revision} after {last:?}");
                    last = last.map(|_| revision);
                    known.remove(&key);
                }
                // What was there comes in any order, changes in that of their revisions.
                Event::Current => last = Some(Revision(0)),
            }
        }
        known.retain(|key, _| key.starts_with(self.prefix));
        known
    }
}

async fn next(watch: &mut Watch) -> Event {
    timeout(TEST_TIMEOUT, watch.next()).await.expect("an event in time").expect("no end").unwrap()
}

async fn of_several_writers_exactly_one_wins(subject: &Subject) {
    for round in 0..10 {
        let key = format!("{}race", subject.prefix());
        let mut expect = Expect::Absent;
        // First nobody has the key, then somebody has it, then it was deleted.
        for phase in 0..3 {
            let race = (0..12).map(|writer| {
                let kv = &subject.handles[writer % subject.handles.len()].kv;
                kv.compare_and_set(NODES, &key, vec![writer as u8].into(), None, expect)
            });
            let outcomes = join_all(race).await;
            let winners: Vec<_> = outcomes
                .iter()
                .enumerate()
                .filter_map(|(writer, outcome)| Some((writer, outcome.as_ref().ok()?)))
                .collect();
            assert_eq!(winners.len(), 1, "round {round}, phase {phase}: {outcomes:?}");
            let losers = outcomes.iter().filter(|outcome| **outcome == Err(Error::Conflict)).count();
            assert_eq!(losers, 11, "{outcomes:?}");
            let entry = subject.kv().get(NODES, &key).await.unwrap().unwrap();
            assert_eq!((usize::from(entry.value[0]), entry.revision), (winners[0].0, *winners[0].1));
            expect = Expect::Revision(entry.revision);
            if phase == 1 {
                subject.kv().delete(NODES, &key, Some(entry.revision)).await.unwrap();
                expect = Expect::Absent;
            }
        }
    }
}

/// Adds one to a number under `key`, trying again for as long as others are first.
pub(crate) async fn increment(kv: &dyn Kv, key: &str) -> Result<(), Error> {
    loop {
        let entry = kv.get(SETTINGS, key).await?;
        let expect = entry.as_ref().map_or(Expect::Absent, |entry| Expect::Revision(entry.revision));
        let number = entry.map_or(0, |entry| number(&entry.value)) + 1;
        match kv.compare_and_set(SETTINGS, key, number.to_string().into(), None, expect).await {
            Err(Error::Conflict) => {}
            outcome => return outcome.map(drop),
        }
    }
}

pub(crate) fn number(value: &[u8]) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

async fn no_increment_is_lost(subject: &Subject) {
    let key = format!("{}counter", subject.prefix());
    let noise = format!("{}noise", subject.prefix());
    let writers = (0..6).map(|writer| {
        let (kv, key, noise) = (&subject.handles[writer % subject.handles.len()].kv, &key, &noise);
        async move {
            for _ in 0..10 {
                increment(&**kv, key).await.unwrap();
                kv.put(SETTINGS, noise, Bytes::new(), None).await.unwrap();
            }
        }
    });
    join_all(writers).await;
    let entry = subject.kv().get(SETTINGS, &key).await.unwrap().unwrap();
    assert_eq!(number(&entry.value), 60);
}

async fn a_watch_misses_nothing(subject: &Subject) {
    let prefix = subject.prefix();
    let kv = subject.kv();
    let first = kv.put(NODES, &format!("{prefix}first"), "0".into(), None).await.unwrap();
    // Watches begin all the while; each has to know everything in the end, whether it saw it before or after it was
    // current.
    let writing = async {
        for number in 0..60 {
            let key = format!("{prefix}{}", number % 20);
            kv.put(NODES, &key, number.to_string().into(), None).await.unwrap();
            if number % 7 == 0 {
                kv.delete(NODES, &key, None).await.unwrap();
            }
        }
        kv.put(NODES, &format!("{prefix}end"), Bytes::new(), None).await.unwrap();
    };
    let watching = (0..6u64).map(|watcher| {
        let (prefix, kv) = (&prefix, &subject.handles[watcher as usize % subject.handles.len()].kv);
        async move {
            sleep(Duration::from_millis(5 * watcher)).await;
            let after = watcher.is_multiple_of(2).then_some(first);
            let mut watch = kv.watch(NODES, "", after).await.unwrap();
            let (mut known, mut is_current) = (BTreeMap::new(), false);
            while !(is_current && known.contains_key(&format!("{prefix}end"))) {
                match next(&mut watch).await {
                    Event::Put(entry) => drop(known.insert(entry.key, entry.value)),
                    Event::Deleted { key, .. } => drop(known.remove(&key)),
                    Event::Current => is_current = true,
                }
            }
            known.retain(|key, _| key.starts_with(prefix) && !key.ends_with("first"));
            known
        }
    });
    let (watched, ()) = tokio::join!(join_all(watching), writing);
    let there = kv.entries(NODES, "").await.unwrap().into_iter();
    let there: BTreeMap<_, _> = there
        .filter(|entry| entry.key.starts_with(&prefix) && !entry.key.ends_with("first"))
        .map(|entry| (entry.key, entry.value))
        .collect();
    assert!(there.len() > 10);
    for known in watched {
        assert_eq!(known, there);
    }
    let future = Some(Revision(u64::from(u32::MAX)));
    assert_eq!(kv.watch(NODES, "", future).await.err(), Some(Error::Compacted), "a revision nobody gave");
}

/// Keys of one check by prefix: whole parts, parts cut in the middle, empty parts, what engines have to escape.
const TREE: [&str; 10] = ["a", "a/", "a//b", "a/b", "a/b/c", "a/bc", "a/b=c", "ab", "b/a", "grüße/日本"];

async fn prefixes_and_pages_show_their_part_in_order(subject: &Subject) {
    let root = subject.prefix();
    let key = |key: &str| format!("{root}/{key}");
    for name in TREE {
        subject.kv().put(NODES, &key(name), name.into(), None).await.unwrap();
    }
    subject.kv().put(NODES, &key("a/gone"), "".into(), None).await.unwrap();
    subject.kv().delete(NODES, &key("a/gone"), None).await.unwrap();
    for prefix in ["", "a", "a/", "a/b", "a/b/", "a//", "b", "grüße/", "nothing/"] {
        let mut expected: Vec<_> =
            TREE.iter().filter(|name| name.starts_with(prefix)).map(|name| key(name)).collect();
        expected.sort_unstable();
        let kv = &subject.handle(1).kv;
        let entries = kv.entries(NODES, &key(prefix)).await.unwrap();
        assert_eq!(entries.iter().map(|entry| &*entry.key).collect::<Vec<_>>(), expected, "{prefix}");
        for limit in [1, 3, 100] {
            let (mut paged, mut after, mut pages) = (Vec::new(), None, 0);
            loop {
                let page = kv.page(NODES, &key(prefix), after.as_deref(), limit).await.unwrap();
                assert!(page.entries.len() <= limit);
                paged.extend(page.entries);
                pages += 1;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(paged, entries, "{prefix} by {limit}");
            assert_eq!(pages, expected.len().div_ceil(limit).max(1), "{prefix} by {limit}");
        }
    }
}

async fn a_watch_of_a_prefix_shows_nothing_else(subject: &Subject) {
    let root = subject.prefix();
    let key = |key: &str| format!("{root}/{key}");
    let put = |name: &str| {
        let key = key(name);
        async move { subject.kv().put(NODES, &key, "1".into(), None).await.unwrap() }
    };
    for name in ["a/1", "b/1", "a"] {
        put(name).await;
    }
    let mut watch = subject.handle(1).kv.watch(NODES, &key("a/"), None).await.unwrap();
    let known = next(&mut watch).await;
    assert_eq!((known.key(), next(&mut watch).await), (Some(&*key("a/1")), Event::Current));
    let before = put("b/2").await;
    subject.kv().delete(NODES, &key("b/1"), None).await.unwrap();
    put("a/2").await;
    subject.kv().delete(NODES, &key("a/1"), None).await.unwrap();
    let mut later = subject.handle(1).kv.watch(NODES, &key("a/"), Some(before)).await.unwrap();
    for watch in [&mut watch, &mut later] {
        assert_eq!(next(watch).await.key(), Some(&*key("a/2")));
        assert!(matches!(next(watch).await, Event::Deleted { key: gone, .. } if gone == key("a/1")));
    }
}

async fn what_is_too_large_is_refused(subject: &Subject) {
    let (kv, value) = (subject.kv(), Bytes::from(vec![7; MAX_VALUE_BYTES + 1]));
    let largest = value.slice(1..);
    for (key, value) in [("", Bytes::new()), (&"k".repeat(MAX_KEY_BYTES + 1), Bytes::new()), ("k", value)] {
        let refused = kv.put(SETTINGS, key, value, None).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    let key = subject.prefix();
    kv.put(SETTINGS, &key, largest.clone(), None).await.unwrap();
    assert_eq!(kv.get(SETTINGS, &key).await.unwrap().unwrap().value, largest);
    kv.delete(SETTINGS, &key, None).await.unwrap();
}

pub(super) async fn leases_end_unless_they_are_renewed(subject: &Subject) {
    const LEASE: Duration = Duration::from_secs(4);
    let prefix = subject.prefix();
    let (renewed, left) = (format!("{prefix}renewed"), format!("{prefix}left"));
    let put = |key| subject.kv().put(NODES, key, Bytes::new(), Some(LEASE));
    let reapers: Vec<_> =
        subject.handles.iter().map(|store| tokio::spawn(leases::run(Arc::clone(&store.kv)))).collect();
    put(&left).await.unwrap();
    let gone = async {
        loop {
            put(&renewed).await.unwrap();
            if subject.kv().get(NODES, &left).await.unwrap().is_none() {
                return;
            }
            sleep(LEASE / 10).await;
        }
    };
    timeout(TEST_TIMEOUT, gone).await.expect("the lease ends");
    assert!(subject.kv().get(NODES, &renewed).await.unwrap().is_some());
    reapers.iter().for_each(tokio::task::JoinHandle::abort);
}
