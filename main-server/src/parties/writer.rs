//! Changes of parties, combined: while one write of a party is under way, the events that arrive for it wait, and the next write has
//! all of them.
//!
//! Every event gets an outcome of its own, after the store has what it changed. An event that met another server's write is applied
//! again to what that wrote.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::PartyId;
use store::Replicated;
use tokio::sync::oneshot;

use super::{
    Error,
    party::{Applied, Event, Record},
    table::Table,
};
use crate::{clock::Now, metrics::Counter};

/// Most events that wait for a write of one party.
const MOST_WAITING: usize = 4_096;

/// What came of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    /// What it did.
    pub(super) applied: Applied,
    /// The revision of the record that has it.
    pub(super) revision: u64,
}

type Outcome = Result<Done, Error>;

struct Waiting {
    event: Event,
    answer: oneshot::Sender<Outcome>,
}

/// See the [module](self).
pub(super) struct Writer {
    records: Arc<Replicated<Record, Arc<Table>>>,
    /// Parties that are being written, with what waits for the next write.
    waiting: Mutex<HashMap<PartyId, Vec<Waiting>>>,
    writes: Counter,
}

impl Writer {
    /// A writer of `records` that counts its writes.
    pub(super) fn new(records: Arc<Replicated<Record, Arc<Table>>>, writes: Counter) -> Arc<Self> {
        Arc::new(Self { records, waiting: Mutex::default(), writes })
    }

    /// Applies an event to a party. When this returns, the store has what it changed. It is applied even if the caller does not wait.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Refused`], [`Error::UnknownMember`]: nothing changed. [`Error::Store`]: whether it did is then not
    /// known.
    pub(super) async fn apply(self: &Arc<Self>, party_id: PartyId, event: Event) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        self.enqueue(party_id, Waiting { event, answer })?;
        outcome.await.unwrap_or(Err(Error::Failed))
    }

    fn enqueue(self: &Arc<Self>, party_id: PartyId, waiting: Waiting) -> Result<(), Error> {
        match self.waiting().entry(party_id) {
            Entry::Occupied(entry) if entry.get().len() >= MOST_WAITING => {
                return Err(store::Error::Busy.into());
            }
            Entry::Occupied(mut entry) => entry.get_mut().push(waiting),
            Entry::Vacant(entry) => {
                entry.insert(vec![waiting]);
                tokio::spawn(Arc::clone(self).write_all(party_id));
            }
        }
        Ok(())
    }

    async fn write_all(self: Arc<Self>, party_id: PartyId) {
        // A panic must not leave a party to which no event is applied any more.
        let turn = Turn { writer: &self, party_id };
        while let Some(batch) = turn.next() {
            let (events, answers): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|waiting| (waiting.event, waiting.answer)).unzip();
            let outcomes = self.write(party_id, &events).await;
            // A caller that does not wait any more needs no answer.
            answers.into_iter().zip(outcomes).for_each(|(answer, outcome)| drop(answer.send(outcome)));
        }
    }

    /// Applies events to the newest record, and writes it once.
    async fn write(&self, party_id: PartyId, events: &[Event]) -> Vec<Outcome> {
        let outcomes = Mutex::new(Vec::new());
        let change = |record: &Record| {
            let now_ms = Now::read().unix_ms();
            let mut record = record.clone();
            let mut has_changed = false;
            let apply = |event: &Event| {
                let applied = record.apply(event, now_ms)?;
                has_changed |= applied.changed;
                Ok(Done { applied, revision: record.revision })
            };
            *outcomes.lock().unwrap_or_else(PoisonError::into_inner) = events.iter().map(apply).collect();
            has_changed.then(|| {
                self.writes.inc();
                record
            })
        };
        let failed = |error: fn(&store::Error) -> Error, store: &store::Error| {
            events.iter().map(|_| Err(error(store))).collect()
        };
        match self.records.change(&party_id, change).await {
            Ok(Some(_)) => outcomes.into_inner().unwrap_or_else(PoisonError::into_inner),
            Ok(None) => failed(|_| Error::Unknown, &store::Error::Conflict),
            Err(error) => failed(|error| Error::Store(error.clone()), &error),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<PartyId, Vec<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The party is being written until this is dropped.
struct Turn<'a> {
    writer: &'a Writer,
    party_id: PartyId,
}

impl Turn<'_> {
    /// What waits for the next write; `None` if nothing does: then the turn is over.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut waiting = self.writer.waiting();
        let batch = waiting.get_mut(&self.party_id).map(std::mem::take).filter(|batch| !batch.is_empty());
        if batch.is_none() {
            waiting.remove(&self.party_id);
        }
        batch
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.writer.waiting().remove(&self.party_id);
        }
    }
}
