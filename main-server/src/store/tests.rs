//! What the file on the disk promises: it is kept, private, migrated, and never misread.

use bytes::Bytes;
use futures_util::StreamExt;

use super::{sqlite::Sqlite, *};

/// The first version's file, as the first release wrote it.
const VERSION_1: &str = "
    CREATE TABLE entries (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (bucket, key)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO entries VALUES ('streams', 'b', x'32'), ('streams', 'a', x'31'), ('others', 'a', x'33');
    PRAGMA user_version = 1;
";

async fn values(kv: &dyn Kv) -> Vec<(String, Bytes)> {
    let entries = kv.entries(Bucket::Streams).await.unwrap().into_iter();
    entries.map(|entry| (entry.key, entry.value)).collect()
}

#[tokio::test]
async fn entries_are_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let kv = Sqlite::open(&path, &Supervisor::new()).unwrap();
    let first = kv.put(Bucket::Streams, "a", "1".into(), None).await.unwrap();
    drop(kv);
    let kv = Sqlite::open(&path, &Supervisor::new()).unwrap();
    assert_eq!(values(&kv).await, [("a".into(), "1".into())]);
    assert!(kv.put(Bucket::Streams, "b", "2".into(), None).await.unwrap() > first, "revisions go on");
}

#[tokio::test]
async fn a_file_of_version_1_becomes_one_of_today_with_all_its_entries() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.pragma_update(None, "journal_mode", "WAL").unwrap();
    old.execute_batch(VERSION_1).unwrap();
    drop(old);
    for _ in 0..2 {
        let kv = Sqlite::open(&path, &Supervisor::new()).unwrap();
        assert_eq!(values(&kv).await, [("a".into(), "1".into()), ("b".into(), "2".into())]);
        let entry = kv.get(Bucket::Streams, "b").await.unwrap().unwrap();
        let expect = Expect::Revision(entry.revision);
        kv.compare_and_set(Bucket::Streams, "b", "2".into(), None, expect).await.unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let kv = Sqlite::open(&folder.path().join(FILE), &Supervisor::new()).unwrap();
    kv.put(Bucket::Keys, "a", "1".into(), None).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() > 1, "the file and its log");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test]
async fn what_a_newer_program_wrote_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert_eq!(Sqlite::open(&path, &Supervisor::new()).err(), Some(Error::TooNew { found: 99, known: 2 }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, "something else ".repeat(100)).unwrap();
    let error = Sqlite::open(&path, &Supervisor::new()).err().unwrap().to_string();
    assert!(error.contains(FILE), "{error}");
}

#[tokio::test]
async fn of_several_writers_that_expect_the_same_exactly_one_wins() {
    let kv = Arc::new(Sqlite::in_memory(&Supervisor::new()).unwrap());
    let race = (0..32u8).map(|writer| {
        let kv = Arc::clone(&kv);
        let value = Bytes::from(vec![writer]);
        async move { kv.compare_and_set(Bucket::Nodes, "a", value, None, Expect::Absent).await }
    });
    let outcomes = futures_util::future::join_all(race).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(Error::Conflict)).count(), 31);
}

#[tokio::test]
async fn a_watch_shows_what_is_there_then_what_changes() {
    let kv = Sqlite::in_memory(&Supervisor::new()).unwrap();
    kv.put(Bucket::Nodes, "a", "1".into(), None).await.unwrap();
    kv.put(Bucket::Streams, "other bucket", "1".into(), None).await.unwrap();
    let mut watch = kv.watch(Bucket::Nodes, None).await.unwrap();
    let mut next = async || watch.next().await.unwrap().unwrap();
    let Event::Put(entry) = next().await else { panic!() };
    assert_eq!((entry.key.as_str(), &*entry.value), ("a", &b"1"[..]));
    assert_eq!(next().await, Event::Current);
    kv.delete(Bucket::Nodes, "a", None).await.unwrap();
    let Event::Deleted { key, revision } = next().await else { panic!() };
    assert_eq!(key, "a");
    let mut later = kv.watch(Bucket::Nodes, Some(entry.revision)).await.unwrap();
    assert_eq!(later.next().await, Some(Ok(Event::Deleted { key, revision })));
    assert_eq!(later.next().await, Some(Ok(Event::Current)));
}

#[tokio::test]
async fn everybody_who_subscribed_gets_the_message_and_nobody_waits_for_who_does_not_read() {
    let bus = InProcess::default();
    let subject = Subject("news");
    bus.publish(subject, "nobody listens".into()).await.unwrap();
    let mut reader = bus.subscribe(subject).await.unwrap();
    let mut sleeper = bus.subscribe(subject).await.unwrap();
    let mut stranger = bus.subscribe(Subject("weather")).await.unwrap();
    for number in 0..1000 {
        bus.publish(subject, number.to_string().into()).await.unwrap();
        assert_eq!(reader.next().await.unwrap(), number.to_string());
    }
    assert_ne!(sleeper.next().await.unwrap(), "0", "the oldest are gone");
    bus.publish(Subject("weather"), "rain".into()).await.unwrap();
    assert_eq!(stranger.next().await.unwrap(), "rain");
    let too_large = bus.publish(subject, vec![0; MAX_MESSAGE_BYTES + 1].into()).await;
    assert!(matches!(too_large, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn reading_leaves_a_file_of_an_older_version_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.pragma_update(None, "journal_mode", "WAL").unwrap();
    old.execute_batch(VERSION_1).unwrap();
    drop(old);
    let before = std::fs::read(&path).unwrap();
    let refused = Store::read(&Persistence::Sqlite, folder.path()).await;
    assert_eq!(refused.err(), Some(Error::TooOld { found: 1, known: 2 }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_store_can_be_read_while_it_is_written_and_after_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let kv = Sqlite::open(&folder.path().join(FILE), &Supervisor::new()).unwrap();
    kv.put(Bucket::Streams, "a", "1".into(), None).await.unwrap();
    let keys = async || {
        let entries = Store::read(&Persistence::Sqlite, folder.path()).await.unwrap();
        entries.into_iter().map(|(_, entry)| entry.key).collect::<Vec<_>>()
    };
    assert_eq!(keys().await, ["a"]);
    kv.put(Bucket::Streams, "b", "2".into(), None).await.unwrap();
    assert_eq!(keys().await, ["a", "b"]);
    drop(kv);
    assert_eq!(keys().await, ["a", "b"]);
}
