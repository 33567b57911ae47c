//! The journal: a second JetStream stream, which another server leads than the one of the store.
//!
//! A server that dies takes the streams it leads with it for the four to nine seconds in which NATS chooses another leader.
//! As long as two servers lead the two streams, one of them can be written whichever server dies. Every main server sees to
//! that: when it finds that one leads both, it asks that one to hand the journal over.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use async_nats::jetstream::{
    ErrorCode,
    context::{GetStreamErrorKind, PublishErrorKind},
    message::{PublishMessage, StreamMessage},
    stream::{self, Config, DiscardPolicy, LastRawMessageErrorKind, StorageType, Stream},
};
use async_trait::async_trait;
use bytes::Bytes;
use supervisor::Supervisor;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Nats, key, message::unavailable, read};
use crate::{Entry, Error, Journal, Revision, kv};

/// The stream.
const STREAM: &str = "undead-journal";
/// Every subject of the stream.
const SUBJECTS: &str = "undead.journal.>";
/// Most entries that wait for the store.
const MOST: i64 = 100_000;
/// How long one try to write may take.
const TRY: Duration = Duration::from_millis(800);
/// How long a write may be tried: as long as the client takes to leave a server that hangs for another.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pause between two tries.
const RETRY: Duration = Duration::from_millis(50);
/// How long a cluster that starts may take to choose its leaders.
const READY_PATIENCE: Duration = Duration::from_secs(25);
/// How often it is looked who leads; a random part of it is added, so that main servers do not act at once.
const LOOK: Duration = Duration::from_secs(2);

/// The journal on the same connection.
pub(crate) struct NatsJournal {
    nats: Arc<Nats>,
    stream: Stream,
    is_writable: AtomicBool,
    /// Ends the task beside it.
    _closing: DropGuard,
}

impl NatsJournal {
    /// Makes the journal or takes the one there is; none where the store has no copies, and where a server is missing that
    /// would have to keep one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is one that cannot be reached.
    pub(crate) async fn open(nats: &Arc<Nats>, supervisor: &Supervisor) -> Result<Option<Arc<Self>>, Error> {
        let Some(copies) = nats.copies() else { return Ok(None) };
        let Some(stream) = ready(nats, copies).await? else { return Ok(None) };
        let closing = CancellationToken::new();
        let journal = Arc::new(Self {
            nats: Arc::clone(nats),
            stream,
            is_writable: AtomicBool::new(true),
            _closing: closing.clone().drop_guard(),
        });
        let weak = Arc::downgrade(&journal);
        let apart = closing.run_until_cancelled_owned(keep_apart(weak));
        tokio::spawn(supervisor.watch("leader of the journal", apart));
        Ok(Some(journal))
    }

    /// Who leads the store's stream and the journal; none while nobody does.
    async fn leaders(&self) -> Result<[Option<String>; 2], Error> {
        let (store, journal) = tokio::join!(self.nats.stream.get_info(), self.stream.get_info());
        let leader = |info: stream::Info| info.cluster.and_then(|group| group.leader);
        let (store, journal) = (store.map(leader), journal.map(leader));
        self.is_writable.store(matches!(journal, Ok(Some(_))), Relaxed);
        let failed = |error| unavailable(&error);
        Ok([store.map_err(failed)?, journal.map_err(failed)?])
    }

    /// Has the journal led by another server if one leads both; says whether it asked for that.
    async fn part(&self) -> Result<bool, Error> {
        let [store, journal] = self.leaders().await?;
        if store.is_none() || store != journal {
            return Ok(false);
        }
        let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{STREAM}");
        let asked = self.nats.client.request(subject, Bytes::new()).await;
        asked.map(|_| true).map_err(|error| unavailable(&error))
    }

    /// Tries once to write.
    async fn publish(&self, subject: &str, value: Bytes, is_new: bool) -> Result<Revision, Failure> {
        let mut message = PublishMessage::build().payload(value);
        if is_new {
            message = message.expected_last_subject_sequence(0);
        }
        let failed = |error: &dyn std::fmt::Display| Failure::Other(unavailable(error));
        let ack = async {
            let sent = self.nats.context.send_publish(subject.to_owned(), message).await;
            sent.map_err(|error| failed(&error))?.await.map_err(|error| match error.kind() {
                PublishErrorKind::WrongLastSequence => Failure::IsThere,
                _ => failed(&error),
            })
        };
        let ack = timeout(TRY, ack).await.map_err(|_| failed(&"the journal does not answer"))??;
        Ok(Revision(ack.sequence))
    }
}

enum Failure {
    /// There is an entry, and there should be none.
    IsThere,
    Other(Error),
}

fn subject(key: &str) -> String {
    format!("undead.journal.{}", key::tokens(key))
}

fn entry(message: StreamMessage) -> Option<Entry> {
    let key = key::part(message.subject.splitn(3, '.').nth(2)?)?;
    Some(Entry { key, value: message.payload, revision: Revision(message.sequence), lease: None })
}

#[async_trait]
impl Journal for NatsJournal {
    async fn append(&self, key: &str, value: Bytes, is_new: bool) -> Result<Revision, Error> {
        kv::check(key, &value)?;
        let (subject, begun) = (subject(key), Instant::now());
        let mut is_in_doubt = false;
        loop {
            let error = match self.publish(&subject, value.clone(), is_new).await {
                Ok(revision) => {
                    self.is_writable.store(true, Relaxed);
                    return Ok(revision);
                }
                Err(Failure::IsThere) => {
                    // A try whose answer was lost, or somebody else's.
                    let there = self.get(key).await?.filter(|there| is_in_doubt && there.value == value);
                    return there.map(|entry| entry.revision).ok_or(Error::Conflict);
                }
                Err(Failure::Other(error)) => error,
            };
            if begun.elapsed() >= PATIENCE {
                self.is_writable.store(false, Relaxed);
                return Err(error);
            }
            is_in_doubt = true;
            sleep(RETRY).await;
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        let subject = subject(key);
        let message = self.nats.patiently(|| read::last(&self.stream, &subject)).await?;
        Ok(message.and_then(entry))
    }

    async fn oldest(&self, limit: usize) -> Result<Vec<Entry>, Error> {
        let (mut entries, mut from) = (Vec::new(), 1);
        while entries.len() < limit {
            let message = match self.stream.get_first_raw_message_by_subject(SUBJECTS, from).await {
                Ok(message) => message,
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => break,
                Err(error) => return Err(unavailable(&error)),
            };
            from = message.sequence + 1;
            entries.extend(entry(message));
        }
        Ok(entries)
    }

    fn is_writable(&self) -> bool {
        self.is_writable.load(Relaxed)
    }

    async fn remove(&self, key: &str, revision: Revision) -> Result<(), Error> {
        let purge = self.stream.purge().filter(subject(key)).sequence(revision.0 + 1);
        purge.await.map(drop).map_err(|error| unavailable(&error))
    }
}

/// Sees to it that two servers lead the two streams, until the journal is closed.
async fn keep_apart(journal: Weak<NatsJournal>) {
    let mut pause = Duration::ZERO;
    loop {
        sleep(pause).await;
        pause = LOOK + LOOK.mul_f64(f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX));
        let Some(journal) = journal.upgrade() else { return };
        match journal.part().await {
            Ok(true) => tracing::debug!("one NATS server led the store and the journal"),
            Ok(false) => {}
            Err(error) => tracing::debug!("who leads the journal is not known: {error}"),
        }
    }
}

/// Makes the stream or takes the one there is.
async fn ready(nats: &Nats, copies: usize) -> Result<Option<Stream>, Error> {
    let deadline = Instant::now() + READY_PATIENCE;
    loop {
        let is_late = Instant::now() >= deadline;
        let error = match nats.context.get_stream(STREAM).await {
            Ok(stream) => return Ok(Some(stream)),
            Err(error) => error,
        };
        let is_missing = matches!(error.kind(), GetStreamErrorKind::JetStream(error)
            if error.error_code() == ErrorCode::STREAM_NOT_FOUND);
        let failed = if is_missing {
            match nats.context.create_stream(config(copies)).await {
                Ok(stream) => return Ok(Some(stream)),
                Err(error) if is_late => {
                    tracing::warn!("the store has no journal, so writing pauses when a server dies: {error}");
                    return Ok(None);
                }
                Err(error) => unavailable(&error),
            }
        } else {
            unavailable(&error)
        };
        if is_late {
            return Err(failed);
        }
        sleep(5 * RETRY).await;
    }
}

fn config(num_replicas: usize) -> Config {
    Config {
        name: STREAM.into(),
        description: Some("what Undead's main servers could not bring to the store yet".into()),
        subjects: vec![SUBJECTS.into()],
        max_messages_per_subject: 1,
        max_messages: MOST,
        discard: DiscardPolicy::New,
        deny_delete: true,
        storage: StorageType::File,
        num_replicas,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use nats_harness::Servers;

    use super::*;
    use crate::{Engine, Kv, Namespace};

    const NODES: Namespace = Namespace::new("nodes");

    /// Longest that anything here may take; what is awaited is always a condition.
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn open(servers: &Servers) -> (Arc<Nats>, Arc<NatsJournal>) {
        let Ok(Engine::Nats(addresses)) = servers.urls().parse() else { panic!() };
        let nats = Nats::open(&addresses, &Supervisor::new()).await.unwrap();
        let journal =
            NatsJournal::open(&nats, &Supervisor::new()).await.unwrap().expect("a cluster has a journal");
        (nats, journal)
    }

    /// Waits until two servers lead the two streams; gives their numbers.
    async fn apart(journal: &NatsJournal) -> [usize; 2] {
        let number = |name: &str| name.strip_prefix("nats-").unwrap().parse().unwrap();
        let apart = async {
            loop {
                if let Ok([Some(store), Some(journal)]) = journal.leaders().await
                    && store != journal
                {
                    return [number(&store), number(&journal)];
                }
                sleep(RETRY).await;
            }
        };
        timeout(DEADLINE, apart).await.expect("two servers lead")
    }

    /// Repeats a call until it works.
    async fn until_ok<T, F: Future<Output = Result<T, Error>>>(call: impl Fn() -> F) -> T {
        let working = async {
            loop {
                if let Ok(done) = call().await {
                    return done;
                }
                sleep(RETRY).await;
            }
        };
        timeout(DEADLINE, working).await.expect("it works again")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_of_store_and_journal_takes_writes_whichever_leader_dies() {
        let mut servers = Servers::start(3).unwrap();
        let (nats, journal) = open(&servers).await;
        let (_, other) = open(&servers).await;
        let [first, _] = apart(&journal).await;

        servers.kill(first).unwrap();
        let begun = Instant::now();
        let revision = until_ok(|| journal.append("kept", "1".into(), false)).await;
        println!("the journal took a write {} ms after the store's leader died", begun.elapsed().as_millis());
        let orphan = nats.stream.get_info().await.ok().and_then(|info| info.cluster?.leader);
        assert_eq!(orphan, None, "the store has another leader already");
        let written = until_ok(|| nats.put(NODES, "a", "1".into(), None)).await;
        println!("the store took one after {} ms", begun.elapsed().as_millis());
        servers.restart(first).unwrap();
        assert_eq!(until_ok(|| other.get("kept")).await.unwrap().revision, revision);

        let [_, second] = apart(&journal).await;
        servers.kill(second).unwrap();
        assert!(until_ok(|| nats.put(NODES, "a", "2".into(), None)).await > written);
        assert_eq!(servers.leader(STREAM).unwrap(), None, "the journal has another leader already");
        assert_eq!(until_ok(|| journal.get("kept")).await.unwrap().value, "1");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_entry_stays_until_it_is_removed_and_what_was_written_later_stays_too() {
        let servers = Servers::start(3).unwrap();
        let (_nats, journal) = open(&servers).await;
        let first = until_ok(|| journal.append("a.b", "1".into(), true)).await;
        until_ok(|| journal.append("c", "1".into(), false)).await;
        assert_eq!(journal.append("a.b", "2".into(), true).await, Err(Error::Conflict));
        let second = until_ok(|| journal.append("a.b", "2".into(), false)).await;
        assert!(second > first);
        let keys = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>();
        assert_eq!(keys(until_ok(|| journal.oldest(10)).await), ["c", "a.b"]);
        assert_eq!(keys(until_ok(|| journal.oldest(1)).await), ["c"]);

        until_ok(|| journal.remove("a.b", first)).await;
        assert_eq!(until_ok(|| journal.get("a.b")).await.unwrap().value, "2");
        until_ok(|| journal.remove("a.b", second)).await;
        assert_eq!(keys(until_ok(|| journal.oldest(10)).await), ["c"]);
        until_ok(|| journal.append("a.b", "3".into(), true)).await;
    }

    #[tokio::test]
    async fn a_server_that_is_alone_has_no_journal() {
        let servers = Servers::start(1).unwrap();
        let Ok(Engine::Nats(addresses)) = servers.urls().parse() else { panic!() };
        let nats = Nats::open(&addresses, &Supervisor::new()).await.unwrap();
        assert!(NatsJournal::open(&nats, &Supervisor::new()).await.unwrap().is_none());
    }
}
