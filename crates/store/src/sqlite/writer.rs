//! Group commit: all writes that wait while one batch is on its way to the disk share the next one.
//!
//! One task takes requests off a bounded queue and commits them batch by batch on a blocking thread. A batch is applied
//! whole or not at all; a request whose condition does not hold is answered alone and changes nothing. The task ends
//! when all senders are dropped. After a failure it checks every second whether the disk takes writes again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use supervisor::Supervisor;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
    time::timeout,
};

use crate::{Error, Expect, Health, Namespace, Revision};

/// Requests that may wait.
const QUEUE: usize = 1024;
/// Most requests in a batch.
const BATCH: usize = 512;
/// How often a store that failed is tried.
const PROBE: Duration = Duration::from_secs(1);
/// Deleted entries that are kept at least, for watches from a revision.
const KEEP_DELETED: u64 = 10_000;

/// What to do with an entry.
pub(super) enum Write {
    Put { value: Bytes, lease: Option<Duration>, expect: Option<Expect> },
    Delete { expect: Option<Revision> },
}

/// One write, and where its outcome goes.
pub(super) struct Request {
    pub(super) namespace: Namespace,
    pub(super) key: String,
    pub(super) write: Write,
    pub(super) answer: oneshot::Sender<Result<Revision, Error>>,
}

/// What others see of the writer: the last revision of each watched namespace and of entries with a lease, and whether
/// writes work.
#[derive(Clone)]
pub(super) struct Signals {
    namespaces: Arc<Mutex<HashMap<Namespace, watch::Sender<Revision>>>>,
    leased: watch::Sender<Revision>,
    health: watch::Sender<Health>,
}

impl Signals {
    /// Signals of a store that works and has not written anything yet.
    pub(super) fn new() -> Self {
        let (leased, health) = (watch::Sender::new(Revision::NONE), watch::Sender::new(Health::GOOD));
        Self { namespaces: Arc::default(), leased, health }
    }

    /// Changes whenever something was written to `namespace`.
    pub(super) fn of(&self, namespace: Namespace) -> watch::Receiver<Revision> {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        namespaces.entry(namespace).or_insert_with(|| watch::Sender::new(Revision::NONE)).subscribe()
    }

    /// Changes whenever an entry with a lease was written.
    pub(super) fn of_leases(&self) -> watch::Receiver<Revision> {
        self.leased.subscribe()
    }

    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    fn written(&self, batch: &[Done]) {
        let namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        for done in batch {
            let Ok(revision) = done.outcome else { continue };
            if let Some(signal) = namespaces.get(&done.namespace) {
                raise(signal, revision);
            }
            if done.is_leased {
                raise(&self.leased, revision);
            }
        }
    }

    fn set_writable(&self, writable: bool) {
        self.health.send_if_modified(|health| std::mem::replace(&mut health.writable, writable) != writable);
    }

    fn is_writable(&self) -> bool {
        self.health.borrow().writable
    }
}

fn raise(signal: &watch::Sender<Revision>, revision: Revision) {
    signal.send_if_modified(|last| {
        let is_newer = revision > *last;
        *last = revision.max(*last);
        is_newer
    });
}

/// Starts the task that writes to `connection`; it ends when the queue is dropped.
pub(super) fn start(
    connection: Arc<Mutex<Connection>>,
    signals: Signals,
    supervisor: &Supervisor,
) -> mpsc::Sender<Request> {
    let (queue, requests) = mpsc::channel(QUEUE);
    tokio::spawn(supervisor.watch("writer of the store", run(connection, requests, signals)));
    queue
}

async fn run(connection: Arc<Mutex<Connection>>, mut requests: mpsc::Receiver<Request>, signals: Signals) {
    loop {
        let mut batch = Vec::new();
        let received = requests.recv_many(&mut batch, BATCH);
        if signals.is_writable() {
            received.await;
            if batch.is_empty() {
                return;
            }
        } else if timeout(PROBE, received).await == Ok(0) {
            return;
        }
        let connection = Arc::clone(&connection);
        let has_to_write = !signals.is_writable();
        let committed = spawn_blocking(move || commit(&connection, batch, has_to_write));
        match committed.await {
            Ok(Ok(batch)) => {
                note_working(&signals);
                signals.written(&batch);
                batch.into_iter().for_each(Done::tell);
            }
            Ok(Err(Failed { error, batch })) => {
                // First the health: a caller that was refused finds the server not ready.
                note_failing(&signals, &error.to_string());
                batch.into_iter().for_each(|request| drop(request.answer.send(Err(error.clone()))));
            }
            // The callers see their answer dropped.
            Err(panic) => note_failing(&signals, &panic.to_string()),
        }
    }
}

fn note_working(signals: &Signals) {
    if !signals.is_writable() {
        tracing::info!("the store can be written again");
    }
    signals.set_writable(true);
}

fn note_failing(signals: &Signals, error: &str) {
    if signals.is_writable() {
        tracing::error!("{error}");
    }
    signals.set_writable(false);
}

/// A request that was decided.
struct Done {
    namespace: Namespace,
    is_leased: bool,
    answer: oneshot::Sender<Result<Revision, Error>>,
    outcome: Result<Revision, Error>,
}

impl Done {
    fn tell(self) {
        // The caller may have stopped waiting.
        let _ = self.answer.send(self.outcome);
    }
}

/// A batch that was not written, and why.
struct Failed {
    error: Error,
    batch: Vec<Request>,
}

/// Applies a batch. One that `has_to_write` fails if writing does not work, also
/// if it is empty or changes nothing.
fn commit(
    connection: &Mutex<Connection>,
    batch: Vec<Request>,
    has_to_write: bool,
) -> Result<Vec<Done>, Failed> {
    let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
    match outcomes(&mut connection, &batch, has_to_write) {
        Ok(outcomes) => {
            let done = |(Request { namespace, write, answer, .. }, outcome)| Done {
                namespace,
                is_leased: matches!(write, Write::Put { lease: Some(_), .. }),
                answer,
                outcome,
            };
            Ok(batch.into_iter().zip(outcomes).map(done).collect())
        }
        Err(error) => {
            let error = Error::from(error);
            // On a full disk the log may take the very room that the next write needs: what is in it is moved to where
            // it belongs. That this may fail too is no news.
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            Err(Failed { error, batch })
        }
    }
}

fn outcomes(
    connection: &mut Connection,
    batch: &[Request],
    has_to_write: bool,
) -> Result<Vec<Result<Revision, Error>>, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let first = last_revision(&transaction)?;
    let mut last = first;
    let outcomes: Vec<_> =
        batch.iter().map(|request| apply(&transaction, &mut last, request)).collect::<Result<_, _>>()?;
    if has_to_write && last == first {
        // SQLite leaves alone what stays as it was.
        last += 1;
    }
    if last > first {
        transaction.prepare_cached("UPDATE last SET revision = ?")?.execute([last])?;
    }
    // Looked for once in that many writes.
    if first / KEEP_DELETED != last / KEEP_DELETED {
        forget_deleted(&transaction, KEEP_DELETED)?;
    }
    transaction.commit()?;
    Ok(outcomes)
}

fn last_revision(transaction: &Transaction<'_>) -> Result<u64, rusqlite::Error> {
    transaction.prepare_cached("SELECT revision FROM last")?.query_row([], |row| row.get(0))
}

/// The outer error is the engine's, the inner one the request's own.
fn apply(
    transaction: &Transaction<'_>,
    last: &mut u64,
    Request { namespace, key, write, .. }: &Request,
) -> Result<Result<Revision, Error>, rusqlite::Error> {
    let found = transaction
        .prepare_cached("SELECT revision FROM entries WHERE bucket = ? AND key = ? AND value IS NOT NULL")?
        .query_row(params![namespace.name(), key], |row| row.get(0).map(Revision))
        .optional()?;
    let (value, lease, holds) = match write {
        Write::Put { value, lease, expect } => {
            (Some(&**value), *lease, expect.is_none_or(|e| e.holds(found)))
        }
        Write::Delete { expect } => (None, None, expect.is_none_or(|revision| found == Some(revision))),
    };
    if !holds {
        return Ok(Err(Error::Conflict));
    }
    if value.is_none() && found.is_none() {
        return Ok(Ok(Revision(*last)));
    }
    *last += 1;
    // SQLite's integers have 63 bits and a sign.
    let lease = lease.map(|lease| i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO entries (bucket, key, value, revision, lease_ms) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![namespace.name(), key, value, *last, lease])?;
    Ok(Ok(Revision(*last)))
}

impl Expect {
    fn holds(self, found: Option<Revision>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Revision(revision) => found == Some(revision),
        }
    }
}

/// Keeps the newest `keep` deleted entries and notes that older ones are not known any more.
fn forget_deleted(transaction: &Transaction<'_>, keep: u64) -> Result<(), rusqlite::Error> {
    let newest = "SELECT revision FROM entries WHERE value IS NULL ORDER BY revision DESC LIMIT 1 OFFSET ?";
    let last: Option<u64> = transaction.query_row(newest, [keep], |row| row.get(0)).optional()?;
    if let Some(last) = last {
        transaction.execute(
            "INSERT OR REPLACE INTO forgotten (bucket, revision)
                SELECT bucket, max(revision) FROM entries WHERE value IS NULL AND revision <= ? GROUP BY bucket",
            [last],
        )?;
        transaction.execute("DELETE FROM entries WHERE value IS NULL AND revision <= ?", [last])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema;

    fn request(key: &str, write: Write) -> Request {
        Request { namespace: Namespace::new("nodes"), key: key.into(), write, answer: oneshot::channel().0 }
    }

    fn put(key: &str, expect: Option<Expect>) -> Request {
        request(key, Write::Put { value: Bytes::new(), lease: None, expect })
    }

    #[test]
    fn a_request_sees_those_before_it_in_its_batch_and_a_conflict_concerns_it_alone() {
        let mut connection = schema::open_in_memory().unwrap();
        let absent = Some(Expect::Absent);
        let batch = [
            put("a", absent),
            put("a", absent),
            put("b", absent),
            put("a", Some(Expect::Revision(Revision(1)))),
        ];
        let outcomes = outcomes(&mut connection, &batch, false).unwrap();
        let revisions: Vec<_> = outcomes.into_iter().map(Result::ok).collect();
        assert_eq!(revisions, [Some(Revision(1)), None, Some(Revision(2)), Some(Revision(3))]);
    }

    #[test]
    fn a_lease_longer_than_any_integer_of_the_engine_fails_nothing() {
        let mut connection = schema::open_in_memory().unwrap();
        let with_lease =
            |key, lease| request(key, Write::Put { value: Bytes::new(), lease: Some(lease), expect: None });
        let long = [Duration::from_millis(u64::MAX), Duration::MAX].map(|lease| with_lease("a", lease));
        assert!(outcomes(&mut connection, &long, false).unwrap().iter().all(Result::is_ok));
        let kept = connection.query_row("SELECT lease_ms FROM entries", [], |row| row.get::<_, u64>(0));
        assert_eq!(kept, Ok(i64::MAX as u64));
    }

    #[test]
    fn trying_whether_writing_works_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let (writer, reader) = (schema::open(&path).unwrap(), schema::open_again(&path).unwrap());
        let writes = || reader.pragma_query_value(None, "data_version", |row| row.get::<_, u64>(0)).unwrap();
        let (writer, deletion) = (Mutex::new(writer), || request("none", Write::Delete { expect: None }));
        for batch in [vec![], vec![deletion()], vec![put("none", Some(Expect::Revision(Revision(7))))]] {
            let before = writes();
            assert!(commit(&writer, batch, true).is_ok());
            assert_ne!(writes(), before);
        }
        let before = writes();
        assert!(commit(&writer, vec![deletion()], false).is_ok());
        assert_eq!(writes(), before, "a change of nothing costs no write while writing works");
    }

    #[test]
    fn the_newest_deletions_are_kept_and_older_ones_are_known_to_be_forgotten() {
        let mut connection = schema::open_in_memory().unwrap();
        for key in ["a", "b", "c", "d"] {
            let batch = [put(key, None), request(key, Write::Delete { expect: None })];
            outcomes(&mut connection, &batch, false).unwrap();
        }
        let transaction = connection.transaction().unwrap();
        forget_deleted(&transaction, 2).unwrap();
        let count = |sql| transaction.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM entries"), 2);
        assert_eq!(count("SELECT revision FROM forgotten WHERE bucket = 'nodes'"), 4);
        assert_eq!(count("SELECT revision FROM last"), 8);
    }
}
