//! What the file on the disk promises: it is kept, private, migrated, and never misread.

use std::path::Path;

use bytes::Bytes;
use futures_util::StreamExt;
use store::{Engine, Error, Event, Expect, Kv, MAX_MESSAGE_BYTES, Namespace, Revision, Store, Subject};

use crate::conformance::{NODES, STREAMS};

/// The file in the data folder.
const FILE: &str = "main-server.sqlite3";
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
/// The second version's file: revisions, leases, deletions.
const VERSION_2: &str = "
    CREATE TABLE entries (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB,
        revision INTEGER NOT NULL,
        lease_ms INTEGER,
        PRIMARY KEY (bucket, key)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX entries_by_revision ON entries (bucket, revision);
    CREATE INDEX entries_deleted ON entries (revision) WHERE value IS NULL;
    CREATE TABLE last (id INTEGER PRIMARY KEY CHECK (id = 0), revision INTEGER NOT NULL) STRICT;
    CREATE TABLE forgotten (bucket TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO entries VALUES ('streams', 'a', x'31', 5, NULL), ('streams', 'b', x'32', 9, 300000),
        ('streams', 'gone', NULL, 8, NULL), ('nodes', 'c', x'33', 7, 5000);
    INSERT INTO last VALUES (0, 9);
    INSERT INTO forgotten VALUES ('streams', 3);
    PRAGMA user_version = 2;
";

/// Makes a file of an older version in `folder`.
fn write_old(folder: &Path, statements: &str) {
    let old = rusqlite::Connection::open(folder.join(FILE)).unwrap();
    old.pragma_update(None, "journal_mode", "WAL").unwrap();
    old.execute_batch(statements).unwrap();
}

async fn open(folder: &Path) -> Result<Store, Error> {
    Store::open(&Engine::Sqlite, folder).await
}

async fn in_memory() -> Store {
    Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap()
}

async fn values(kv: &dyn Kv) -> Vec<(String, Bytes)> {
    let entries = kv.entries(STREAMS, "").await.unwrap().into_iter();
    entries.map(|entry| (entry.key, entry.value)).collect()
}

#[tokio::test]
async fn entries_are_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path()).await.unwrap().kv;
    let first = kv.put(STREAMS, "a", "1".into(), None).await.unwrap();
    drop(kv);
    let kv = open(folder.path()).await.unwrap().kv;
    assert_eq!(values(&*kv).await, [("a".into(), "1".into())]);
    assert!(kv.put(STREAMS, "b", "2".into(), None).await.unwrap() > first, "revisions go on");
}

#[tokio::test]
async fn a_file_of_version_1_becomes_one_of_today_with_all_its_entries() {
    let folder = tempfile::tempdir().unwrap();
    write_old(folder.path(), VERSION_1);
    for _ in 0..2 {
        let kv = open(folder.path()).await.unwrap().kv;
        assert_eq!(values(&*kv).await, [("a".into(), "1".into()), ("b".into(), "2".into())]);
        let entry = kv.get(STREAMS, "b").await.unwrap().unwrap();
        let expect = Expect::Revision(entry.revision);
        kv.compare_and_set(STREAMS, "b", "2".into(), None, expect).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_of_version_2_keeps_revisions_leases_and_deletions() {
    let folder = tempfile::tempdir().unwrap();
    write_old(folder.path(), VERSION_2);
    for _ in 0..2 {
        let kv = open(folder.path()).await.unwrap().kv;
        let entries = kv.snapshot().await.unwrap();
        let found: Vec<_> = entries
            .iter()
            .map(|(namespace, entry)| (namespace.name(), entry.key.as_str(), entry.revision.0))
            .collect();
        assert_eq!(found, [("nodes", "c", 7), ("streams", "a", 5), ("streams", "b", 9)]);
        let leased = kv.leases().await.unwrap().take(2).map(|leased| leased.unwrap().key);
        assert_eq!(leased.collect::<Vec<_>>().await, ["c", "b"]);
        let mut watch = kv.watch(STREAMS, "", Some(Revision(5))).await.unwrap();
        let deleted = Event::Deleted { key: "gone".into(), revision: Revision(8) };
        assert_eq!(watch.next().await, Some(Ok(deleted)));
        assert_eq!(kv.watch(STREAMS, "", Some(Revision(2))).await.err(), Some(Error::Compacted));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path()).await.unwrap().kv;
    kv.put(Namespace::new("keys"), "a", "1".into(), None).await.unwrap();
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
    assert_eq!(open(folder.path()).await.err(), Some(Error::TooNew { found: 99, known: 3 }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, "something else ".repeat(100)).unwrap();
    let error = open(folder.path()).await.err().unwrap().to_string();
    assert!(error.contains(FILE), "{error}");
}

#[tokio::test]
async fn of_several_writers_that_expect_the_same_exactly_one_wins() {
    let kv = in_memory().await.kv;
    let race = (0..32u8).map(|writer| {
        let kv = kv.clone();
        let value = Bytes::from(vec![writer]);
        async move { kv.compare_and_set(NODES, "a", value, None, Expect::Absent).await }
    });
    let outcomes = futures_util::future::join_all(race).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(Error::Conflict)).count(), 31);
}

#[tokio::test]
async fn a_watch_shows_what_is_there_then_what_changes() {
    let kv = in_memory().await.kv;
    kv.put(NODES, "a", "1".into(), None).await.unwrap();
    kv.put(STREAMS, "other bucket", "1".into(), None).await.unwrap();
    let mut watch = kv.watch(NODES, "", None).await.unwrap();
    let mut next = async || watch.next().await.unwrap().unwrap();
    let Event::Put(entry) = next().await else { panic!() };
    assert_eq!((entry.key.as_str(), &*entry.value), ("a", &b"1"[..]));
    assert_eq!(next().await, Event::Current);
    kv.delete(NODES, "a", None).await.unwrap();
    let Event::Deleted { key, revision } = next().await else { panic!() };
    assert_eq!(key, "a");
    let mut later = kv.watch(NODES, "", Some(entry.revision)).await.unwrap();
    assert_eq!(later.next().await, Some(Ok(Event::Deleted { key, revision })));
    assert_eq!(later.next().await, Some(Ok(Event::Current)));
}

#[tokio::test]
async fn everybody_who_subscribed_gets_the_message_and_nobody_waits_for_who_does_not_read() {
    let bus = in_memory().await.bus;
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
    write_old(folder.path(), VERSION_1);
    let before = std::fs::read(&path).unwrap();
    let refused = Store::read(&Engine::Sqlite, folder.path()).await;
    assert_eq!(refused.err(), Some(Error::TooOld { found: 1, known: 3 }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_store_can_be_read_while_it_is_written_and_after_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path()).await.unwrap().kv;
    kv.put(STREAMS, "a", "1".into(), None).await.unwrap();
    let keys = async || {
        let entries = Store::read(&Engine::Sqlite, folder.path()).await.unwrap();
        entries.into_iter().map(|(_, entry)| entry.key).collect::<Vec<_>>()
    };
    assert_eq!(keys().await, ["a"]);
    kv.put(STREAMS, "b", "2".into(), None).await.unwrap();
    assert_eq!(keys().await, ["a", "b"]);
    drop(kv);
    assert_eq!(keys().await, ["a", "b"]);
}
