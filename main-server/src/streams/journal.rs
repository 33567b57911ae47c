//! What the store cannot take just now lasts in the journal, and comes into the store from there.
//!
//! A new stream or an end goes to the store; if that is [away](crate::cluster::circuit_breaker), to the journal, and whoever asked is
//! answered. The view then says more than the store, so the saver brings it there. An entry is removed once the
//! store is known to have all that the view has, never before: so whenever the one who wrote it dies, somebody else finds
//! it, merges it and saves it. [Merging](crate::streams::catalogue::Record::merge) makes that right in any order and any number of times.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use protocol::StreamId;
use serde::{Deserialize, Serialize};
use store::{Entry, Expect, Journal, Revision, Subject};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    clock::Now,
    control::{
        ControlPlane,
        durable::{in_time, json},
        follow::parse_stream,
    },
    streams::catalogue::Record,
};

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
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause before a broken subscription is begun again.
const RETRY: Duration = Duration::from_millis(200);

/// What the other main servers are told.
#[derive(Serialize, Deserialize)]
struct News {
    stream_id: StreamId,
    record: Record,
}

impl ControlPlane {
    /// Writes a stream's record where it lasts, and takes it over. What is written there has to be a creation or an end.
    ///
    /// # Errors
    /// As [`Self::write_stream`].
    pub(crate) async fn keep(
        &self,
        stream_id: StreamId,
        record: Record,
        expect: Expect,
        now: Now,
    ) -> Result<(), store::Error> {
        if let Some(journal) = &self.store.journal {
            match self.try_store(stream_id, &record, expect).await {
                Some(Ok(revision)) => {
                    self.change(|state| state.catalogue.learn(stream_id, record, revision, now));
                    return Ok(());
                }
                Some(Err(error)) => return Err(error),
                None => {}
            }
            let (key, is_new) = (stream_id.to_string(), expect == Expect::Absent);
            match journal.append(&key, json(&record), is_new).await {
                Ok(revision) => {
                    self.learn_journaled(stream_id, &record, revision, now);
                    self.put_back(stream_id);
                    self.tell_of_journaled(stream_id, record).await;
                    return Ok(());
                }
                Err(error @ store::Error::Conflict) => return Err(error),
                Err(error) => tracing::warn!("the journal cannot be written either: {error}"),
            }
        }
        let revision = self.write_stream(stream_id, &record, expect).await?;
        self.change(|state| state.catalogue.learn(stream_id, record, revision, now));
        Ok(())
    }

    /// Writes it to the store, unless that is known to be away; none if it did not answer.
    async fn try_store(
        &self,
        stream_id: StreamId,
        record: &Record,
        expect: Expect,
    ) -> Option<Result<Revision, store::Error>> {
        if !self.store.kv.health().borrow().writable {
            return None;
        }
        self.absence.or_none(&*self.store.kv, self.write_stream(stream_id, record, expect)).await
    }

    fn learn_journaled(&self, stream_id: StreamId, record: &Record, revision: Revision, now: Now) {
        self.change(|state| {
            state.catalogue.learn_journaled(stream_id, record, now);
            let known = state.journaled.entry(stream_id).or_insert(revision);
            *known = revision.max(*known);
        });
    }

    /// Tells the others, which find it in the journal if they do not hear this.
    async fn tell_of_journaled(&self, stream_id: StreamId, record: Record) {
        let message = json(&News { stream_id, record });
        if !matches!(timeout(PATIENCE, self.store.bus.publish(SUBJECT, message)).await, Ok(Ok(()))) {
            tracing::debug!(stream.id = %stream_id, "others were not told of stream {stream_id} in the journal");
        }
    }

    /// Takes over what waits under a stream's id, if there is a journal.
    pub(crate) async fn look_up_journaled(&self, key: &str) -> Result<(), store::Error> {
        let Some(journal) = &self.store.journal else { return Ok(()) };
        if let Some(entry) = in_time(journal.get(key)).await? {
            self.take_over(&entry);
        }
        Ok(())
    }

    /// Takes over what waits there.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn look_into_journal(&self, journal: &dyn Journal) -> Result<(), store::Error> {
        for entry in in_time(journal.oldest(MOST)).await? {
            self.take_over(&entry);
        }
        Ok(())
    }

    fn take_over(&self, entry: &Entry) {
        if let Some((stream_id, record)) = parse_stream(entry) {
            self.learn_journaled(stream_id, &record, entry.revision, Now::read());
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
            if let Ok(Ok(mut messages)) = timeout(PATIENCE, self.store.bus.subscribe(SUBJECT)).await {
                while let Some(message) = messages.next().await {
                    self.hear_of_journaled(&message);
                }
            }
            sleep(RETRY).await;
        }
    }

    fn hear_of_journaled(&self, message: &Bytes) {
        match serde_json::from_slice(message) {
            Ok(News { stream_id, record }) => {
                self.change(|state| state.catalogue.learn_journaled(stream_id, &record, Now::read()));
            }
            Err(error) => tracing::debug!("a message about the journal: {error}"),
        }
    }

    async fn empty(&self, journal: &dyn Journal) {
        let mut looked = Instant::now();
        loop {
            sleep(CLEAR).await;
            if looked.elapsed() >= LOOK {
                if let Err(error) = self.look_into_journal(journal).await {
                    tracing::debug!("the journal cannot be read: {error}");
                }
                looked = Instant::now();
            }
            self.clear(journal).await;
        }
    }

    /// Removes what the store has by now.
    async fn clear(&self, journal: &dyn Journal) {
        let settled: Vec<_> = self.change(|state| {
            let entries = state.journaled.iter().map(|(stream_id, revision)| (*stream_id, *revision));
            entries.filter(|(stream_id, _)| state.catalogue.is_saved(*stream_id)).collect()
        });
        let removed = stream::iter(settled).map(|(stream_id, revision)| async move {
            let removed = in_time(journal.remove(&stream_id.to_string(), revision)).await;
            (stream_id, revision, removed)
        });
        let mut removed = std::pin::pin!(removed.buffer_unordered(AT_A_TIME));
        while let Some((stream_id, revision, removed)) = removed.next().await {
            match removed {
                Ok(()) => self.change(|state| {
                    if state.journaled.get(&stream_id) == Some(&revision) {
                        state.journaled.remove(&stream_id);
                    }
                }),
                Err(error) => return tracing::debug!("the journal cannot be emptied: {error}"),
            }
        }
    }
}
