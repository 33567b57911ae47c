//! The engine for several main servers: one JetStream stream, laid out as the NATS key-value bucket `undead`.
//!
//! Needs nats-server 2.10 or newer. A write lasts once most copies of the stream have it; NATS brings it to the disk
//! within two minutes, so what kills all servers at once (not their processes: their power) may cost the last moments.

mod access;
mod bus;
mod connect;
mod key;
mod message;
mod page;
mod read;
mod servers;
mod tidy;
mod watch;
mod write;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    Client,
    connection::State,
    jetstream::{Context, stream::Stream},
};
use async_trait::async_trait;
use bytes::Bytes;
use supervisor::Supervisor;
use tokio::{
    sync::watch as signal,
    time::{Instant, sleep},
};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::access::{NatsAccess, NatsServer};
pub(crate) use self::bus::NatsBus;
use self::{connect::Missing, message::Body, write::Write};
use crate::{Entry, Error, Event, Expect, Health, Kv, LeaseWatch, Namespace, Page, Revision, Watch, kv};

/// How long a call is tried. A cluster that lost its leader takes up to nine seconds to elect another: the caller is
/// told before.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);
/// The same without a connection: long enough to move to another server.
const DISCONNECTED_TIMEOUT: Duration = Duration::from_secs(3);
/// How long reading a whole namespace is tried, which only a server that starts waits for: as long as a cluster needs to see
/// that a server is dead and to read from another.
const ENTRIES_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause before a failed try is repeated.
const RETRY: Duration = Duration::from_millis(100);

/// A stream on NATS servers.
pub(crate) struct Nats {
    client: Client,
    context: Context,
    stream: Stream,
    /// When a write was last answered, whatever the answer.
    answered: Mutex<Instant>,
    health: signal::Sender<Health>,
    /// Ends the tasks beside it.
    _closing: DropGuard,
}

impl Nats {
    /// Connects to any of `servers` and makes what is missing there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if none can be reached within ten seconds or the stream cannot be made, [`Error::TooNew`].
    pub(crate) async fn open(
        servers: &[NatsServer],
        access: &NatsAccess,
        supervisor: &Supervisor,
    ) -> Result<Arc<Self>, Error> {
        Self::connect(servers, access, Missing::Make, supervisor).await
    }

    /// Connects to any of `servers`, where the stream is already, to read it: nothing is made or written, and no task writes later.
    ///
    /// # Errors
    /// As [`Self::open`], [`Error::Missing`] without a stream, [`Error::TooOld`].
    pub(crate) async fn open_existing(
        servers: &[NatsServer],
        access: &NatsAccess,
        supervisor: &Supervisor,
    ) -> Result<Arc<Self>, Error> {
        Self::connect(servers, access, Missing::Refuse, supervisor).await
    }

    async fn connect(
        servers: &[NatsServer],
        access: &NatsAccess,
        missing: Missing,
        supervisor: &Supervisor,
    ) -> Result<Arc<Self>, Error> {
        let health = signal::Sender::new(Health::GOOD);
        let closing = CancellationToken::new();
        let nats = connect::connect((servers, access), missing, health, closing.clone().drop_guard()).await?;
        let nats = Arc::new(nats);
        if missing == Missing::Refuse {
            return Ok(nats);
        }
        let (probe, tidy) = (tidy::probe(Arc::downgrade(&nats)), tidy::tidy(Arc::downgrade(&nats)));
        let servers = servers::leave_old_ones(nats.client.clone(), nats.health.subscribe());
        let beside = closing.run_until_cancelled_owned(async { tokio::join!(probe, tidy, servers) });
        tokio::spawn(supervisor.watch("probe, tidying and servers of the store", beside));
        Ok(nats)
    }

    async fn write(&self, subject: String, body: Body, expect: Option<Expect>) -> Result<Revision, Error> {
        let written = Write::new(self, subject, body, expect)?.run().await;
        let writable = !matches!(written, Err(Error::Unavailable(_)));
        let changed = self
            .health
            .send_if_modified(|health| std::mem::replace(&mut health.writable, writable) != writable);
        match (&written, changed) {
            (Err(error), true) if !writable => tracing::error!("{error}"),
            (_, true) => tracing::info!("the store can be written again"),
            (_, false) => {}
        }
        written
    }

    /// Repeats a read until it works or it is too late.
    async fn retried<T, R>(&self, read: impl Fn() -> R) -> Result<T, Error>
    where
        R: Future<Output = Result<T, Error>>,
    {
        let begun = Instant::now();
        loop {
            match read().await {
                Err(Error::Unavailable(_)) if !self.is_too_late(begun) => sleep(RETRY).await,
                outcome => return outcome,
            }
        }
    }

    /// The servers answered a write just now.
    fn note_answer(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether a call that began then is to be given up.
    fn is_too_late(&self, begun: Instant) -> bool {
        let is_connected = self.client.connection_state() == State::Connected;
        begun.elapsed() >= if is_connected { CALL_TIMEOUT } else { DISCONNECTED_TIMEOUT }
    }

    async fn entry(&self, namespace: Namespace, key: &str) -> Result<Option<Entry>, Error> {
        let Some(message) = read::last(&self.stream, &key::subject(namespace, key)).await? else {
            return Ok(None);
        };
        match message::event(&message.subject, message.sequence, &message.headers, message.payload) {
            Some((_, Event::Put(entry))) => Ok(Some(entry)),
            _ => Ok(None),
        }
    }

    /// Every entry on `subjects` whose key begins with `prefix`, by namespace and key.
    async fn all(&self, subjects: &str, prefix: &str) -> Result<Vec<(Namespace, Entry)>, Error> {
        let begun = Instant::now();
        loop {
            match watch::entries(self, subjects, prefix).await {
                Err(Error::Unavailable(_)) if begun.elapsed() < ENTRIES_TIMEOUT => sleep(RETRY).await,
                outcome => return outcome,
            }
        }
    }
}

#[async_trait]
impl Kv for Nats {
    async fn get(&self, namespace: Namespace, key: &str) -> Result<Option<Entry>, Error> {
        self.retried(|| self.entry(namespace, key)).await
    }

    async fn entries(&self, namespace: Namespace, prefix: &str) -> Result<Vec<Entry>, Error> {
        let all = self.all(&key::subjects(namespace, prefix), prefix).await?;
        Ok(all.into_iter().map(|(_, entry)| entry).collect())
    }

    async fn page(
        &self,
        namespace: Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        self.retried(|| page::read(self, namespace, prefix, after, limit)).await
    }

    async fn snapshot(&self) -> Result<Vec<(Namespace, Entry)>, Error> {
        self.all(key::SUBJECTS, "").await
    }

    async fn set(
        &self,
        namespace: Namespace,
        key: &str,
        value: Bytes,
        lease: Option<Duration>,
        expect: Option<Expect>,
    ) -> Result<Revision, Error> {
        kv::check(key, &value)?;
        self.write(key::subject(namespace, key), Body::Put { value, lease }, expect).await
    }

    async fn delete(&self, namespace: Namespace, key: &str, expect: Option<Revision>) -> Result<(), Error> {
        if expect.is_none() && self.get(namespace, key).await?.is_none() {
            return Ok(());
        }
        let expect = expect.map(Expect::Revision);
        self.write(key::subject(namespace, key), Body::Delete, expect).await.map(drop)
    }

    async fn watch(
        &self,
        namespace: Namespace,
        prefix: &str,
        after: Option<Revision>,
    ) -> Result<Watch, Error> {
        self.retried(|| watch::start(self, namespace, prefix, after)).await
    }

    async fn leases(&self) -> Result<LeaseWatch, Error> {
        self.retried(|| watch::leases(self)).await
    }

    fn has_answered_within(&self, span: Duration) -> bool {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < span
    }

    fn health(&self) -> signal::Receiver<Health> {
        self.health.subscribe()
    }
}
