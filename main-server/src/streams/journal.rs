//! What the store cannot take just now lasts in the journal, and comes into the store from there.
//!
//! A new stream or an end goes to the store; while that does not answer ([circuit breaker](crate::cluster::circuit_breaker)),
//! to the journal, and the client is answered. The view then says more than the store, so it is saved as everything else. An
//! entry is removed once the store is known to have all that the view has, never before: whenever the server that wrote it
//! dies, another one finds it, merges it and saves it. [Merging](super::Record) makes that right in any order and any number
//! of times.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use protocol::StreamId;
use serde::{Deserialize, Serialize};
use store::{Entry, Journal, Record as _, Revision, Subject};
use tokio::time::{Instant, sleep, timeout};

use super::{Record, Streams};

/// How often entries are looked for that the store has by now.
const CLEAR: Duration = Duration::from_millis(500);
/// How often entries are looked for that others wrote.
const LOOK: Duration = Duration::from_secs(5);
/// Most entries that are looked at together.
const MOST: usize = 1000;
/// Most entries that are removed at the same time.
const AT_A_TIME: usize = 16;
/// What main servers tell each other of new entries on.
const SUBJECT: Subject = Subject("journal");
/// Longest wait for the bus.
const BUS_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for the journal.
const JOURNAL_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before a broken subscription is begun again.
const RETRY: Duration = Duration::from_millis(200);

/// Streams that have an entry in the journal, and the newest one known.
#[derive(Debug, Default)]
pub(super) struct Journaled(Mutex<BTreeMap<StreamId, Revision>>);

impl Journaled {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<StreamId, Revision>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the other main servers are told.
#[derive(Serialize, Deserialize)]
struct News {
    stream_id: StreamId,
    record: Record,
}

fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("ids, texts and numbers are always JSON").into()
}

async fn in_time<T>(call: impl Future<Output = Result<T, store::Error>>) -> Result<T, store::Error> {
    let late = || store::Error::Unavailable("the journal does not answer".into());
    timeout(JOURNAL_TIMEOUT, call).await.unwrap_or_else(|_| Err(late()))
}

impl Streams {
    /// Writes a new stream's record where it lasts.
    ///
    /// # Errors
    /// The store's; [`store::Error::Conflict`] if the id is taken.
    pub(super) async fn keep_new(&self, stream_id: StreamId, record: &Record) -> Result<(), store::Error> {
        let created = || self.view.stream_records.create(&stream_id, record.clone());
        match self.in_store_or_journal(created(), stream_id, record, true).await {
            Some(outcome) => outcome,
            None => created().await,
        }
    }

    /// Writes a stream's end where it lasts.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn keep_end(&self, stream_id: StreamId, ended_at_ms: u64) -> Result<(), store::Error> {
        let ended = |record: &Record| {
            (!record.is_over()).then(|| Record { ended_at_ms: Some(ended_at_ms), ..record.clone() })
        };
        let known = self.view.stream_records.get(&stream_id);
        let Some(record) = known.map(|known| ended(&known).unwrap_or(known)) else { return Ok(()) };
        let changed = async || self.view.stream_records.change(&stream_id, ended).await.map(drop);
        match self.in_store_or_journal(changed(), stream_id, &record, false).await {
            Some(outcome) => outcome,
            None => changed().await,
        }
    }

    /// Has `write` bring the record into the store, or the journal if the store does not answer; `None` if neither did.
    async fn in_store_or_journal(
        &self,
        write: impl Future<Output = Result<(), store::Error>>,
        stream_id: StreamId,
        record: &Record,
        is_new: bool,
    ) -> Option<Result<(), store::Error>> {
        let journal = self.store.journal.as_ref()?;
        if self.store.kv.health().borrow().writable
            && let Some(outcome) = self.breaker.call(&*self.store.kv, write).await
        {
            return Some(outcome);
        }
        match journal.append(&stream_id.to_string(), json(record), is_new).await {
            Ok(revision) => {
                self.learn_journaled(stream_id, record, revision);
                self.tell_of_journaled(stream_id, record.clone()).await;
                Some(Ok(()))
            }
            Err(error @ store::Error::Conflict) => Some(Err(error)),
            Err(error) => {
                tracing::warn!("the journal cannot be written either: {error}");
                None
            }
        }
    }

    fn learn_journaled(&self, stream_id: StreamId, record: &Record, revision: Revision) {
        self.merge(stream_id, record);
        let mut journaled = self.journaled.entries();
        let known = journaled.entry(stream_id).or_insert(revision);
        *known = revision.max(*known);
    }

    /// Takes over what the journal has of a stream.
    fn merge(&self, stream_id: StreamId, record: &Record) {
        self.view.stream_records.with(|records| {
            if !records.insert(stream_id, record.clone()) {
                records.update(&stream_id, |known| known.merge(record));
            }
        });
    }

    /// Tells the others, which find it in the journal if they do not hear this.
    async fn tell_of_journaled(&self, stream_id: StreamId, record: Record) {
        let message = json(&News { stream_id, record });
        if !matches!(timeout(BUS_TIMEOUT, self.store.bus.publish(SUBJECT, message)).await, Ok(Ok(()))) {
            tracing::debug!(stream.id = %stream_id, "others were not told of stream {stream_id} in the journal");
        }
    }

    /// Takes over what the store and the journal have of a stream that is unknown here.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn look_up_everywhere(&self, stream_id: StreamId) -> Result<(), store::Error> {
        // The journal first: what is in neither is nowhere, for it is in the store before it leaves the journal.
        if let Some(journal) = &self.store.journal
            && let Some(entry) = in_time(journal.get(&stream_id.to_string())).await?
        {
            self.take_over(&entry);
        }
        self.view.stream_records.look_up(&stream_id).await
    }

    /// Takes over what waits in the journal, if there is one.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn load_journal(&self) -> Result<(), store::Error> {
        match &self.store.journal {
            Some(journal) => self.look_into(&**journal).await,
            None => Ok(()),
        }
    }

    async fn look_into(&self, journal: &dyn Journal) -> Result<(), store::Error> {
        for entry in in_time(journal.oldest(MOST)).await? {
            self.take_over(&entry);
        }
        Ok(())
    }

    fn take_over(&self, entry: &Entry) {
        match (entry.key.parse(), serde_json::from_slice(&entry.value)) {
            (Ok(stream_id), Ok(record)) => self.learn_journaled(stream_id, &record, entry.revision),
            _ => tracing::error!("journal: entry {:?} cannot be read", entry.key),
        }
    }

    /// Keeps the view up with the journal and the journal empty; returns at once if there is none.
    pub(crate) async fn tend_journal(&self) {
        if let Some(journal) = &self.store.journal {
            tokio::join!(self.listen_to_journal(), self.empty(&**journal));
        }
    }

    async fn listen_to_journal(&self) {
        loop {
            if let Ok(Ok(mut messages)) = timeout(BUS_TIMEOUT, self.store.bus.subscribe(SUBJECT)).await {
                while let Some(message) = messages.next().await {
                    match serde_json::from_slice(&message) {
                        Ok(News { stream_id, record }) => self.merge(stream_id, &record),
                        Err(error) => tracing::debug!("a message about the journal: {error}"),
                    }
                }
            }
            sleep(RETRY).await;
        }
    }

    async fn empty(&self, journal: &dyn Journal) {
        let mut looked = Instant::now();
        loop {
            sleep(CLEAR).await;
            if looked.elapsed() >= LOOK {
                if let Err(error) = self.look_into(journal).await {
                    tracing::debug!("the journal cannot be read: {error}");
                }
                looked = Instant::now();
            }
            self.clear(journal).await;
        }
    }

    /// Removes what the store has by now.
    async fn clear(&self, journal: &dyn Journal) {
        let waiting: Vec<_> =
            self.journaled.entries().iter().map(|(id, revision)| (*id, *revision)).collect();
        let settled: Vec<_> = self.view.streams(|catalogue, _| {
            waiting.into_iter().filter(|(stream_id, _)| catalogue.records().is_saved(stream_id)).collect()
        });
        let removed = stream::iter(settled).map(|(stream_id, revision)| async move {
            let removed = in_time(journal.remove(&stream_id.to_string(), revision)).await;
            (stream_id, revision, removed)
        });
        let mut removed = std::pin::pin!(removed.buffer_unordered(AT_A_TIME));
        while let Some((stream_id, revision, removed)) = removed.next().await {
            match removed {
                Ok(()) => {
                    let mut journaled = self.journaled.entries();
                    if journaled.get(&stream_id) == Some(&revision) {
                        journaled.remove(&stream_id);
                    }
                }
                Err(error) => return tracing::debug!("the journal cannot be emptied: {error}"),
            }
        }
    }
}
