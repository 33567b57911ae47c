//! Writes changes of parties, combined: events that arrive during a write of a party wait, and the next write
//! contains all of them.
//!
//! Every event gets its own outcome, after the store has its change. If another server wrote first, the event
//! is applied again to that record.

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

/// Most events waiting for a write of one party.
const MOST_WAITING: usize = 4_096;

/// The outcome of an accepted event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    /// Its effect.
    pub(super) applied: Applied,
    /// The revision of the record that contains it.
    pub(super) revision: u64,
}

type Outcome = Result<Done, Error>;

struct Waiting {
    event: Event,
    answer: oneshot::Sender<Outcome>,
}

/// Writes the records of all parties.
pub(super) struct Writer {
    records: Arc<Replicated<Record, Arc<Table>>>,
    /// Parties with a write in progress, and the events for the next write.
    waiting: Mutex<HashMap<PartyId, Vec<Waiting>>>,
    writes: Counter,
}

impl Writer {
    /// A writer of `records` that counts its writes.
    pub(super) fn new(records: Arc<Replicated<Record, Arc<Table>>>, writes: Counter) -> Arc<Self> {
        Arc::new(Self { records, waiting: Mutex::default(), writes })
    }

    /// Applies an event to a party. When this returns, the store has its change. It is applied even if the
    /// caller stops waiting.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Refused`], [`Error::UnknownMember`]: nothing changed. [`Error::Store`]:
    /// it is unknown whether anything changed.
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
        // Even a panic must not leave the party blocked for further events.
        let turn = Turn { writer: &self, party_id };
        while let Some(batch) = turn.next() {
            let (events, answers): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|waiting| (waiting.event, waiting.answer)).unzip();
            let outcomes = self.write(party_id, &events).await;
            // A caller that stopped waiting needs no answer.
            answers.into_iter().zip(outcomes).for_each(|(answer, outcome)| drop(answer.send(outcome)));
        }
    }

    /// Applies events to the newest record, and writes it once if that changed it.
    ///
    /// If there is nothing to write, this server's record may be outdated, so the store is asked where a client waits for
    /// the outcome: a vote that seems unchanged here may have been replaced at another server.
    async fn write(&self, party_id: PartyId, events: &[Event]) -> Vec<Outcome> {
        let applied = Mutex::new(Vec::new());
        let change = |record: &Record| {
            let now_ms = Now::read().unix_ms();
            let mut record = record.clone();
            let mut has_changed = false;
            let apply = |event: &Event| {
                let applied = record.apply(event, now_ms)?;
                has_changed |= applied.changed;
                Ok(Done { applied, revision: record.revision })
            };
            let outcomes = events.iter().map(apply).collect();
            *applied.lock().unwrap_or_else(PoisonError::into_inner) = outcomes;
            has_changed.then(|| {
                self.writes.inc();
                record
            })
        };
        let changed = if events.iter().any(is_answered) {
            self.records.change(&party_id, change).await
        } else {
            self.records.change_known(&party_id, change).await
        };
        match changed {
            Ok(Some(_)) => applied.into_inner().unwrap_or_else(PoisonError::into_inner),
            Ok(None) => events.iter().map(|_| Err(Error::Unknown)).collect(),
            Err(error) => events.iter().map(|_| Err(Error::Store(error.clone()))).collect(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<PartyId, Vec<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a client waits for the event's outcome.
fn is_answered(event: &Event) -> bool {
    matches!(event, Event::Join(_) | Event::Leave { .. } | Event::Request(_))
}

/// Marks a party as being written, until dropped.
struct Turn<'a> {
    writer: &'a Writer,
    party_id: PartyId,
}

impl Turn<'_> {
    /// The events for the next write; `None` ends the turn.
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use protocol::{
        ItemId,
        party::{Access, Command, CreateParty, PartyCommand, Policy, Target},
    };
    use store::{Engine, Store};

    use super::{
        super::party::{MemberId, NewEntry, NewParty, Request, TokenDigest, Viewer},
        *,
    };

    fn party_id() -> PartyId {
        PartyId::from_bytes([7; 16])
    }

    fn party() -> Record {
        let create = CreateParty {
            title: "Evening".into(),
            policy: Policy::Vote,
            access: Access::Public,
            name: "Host".into(),
            settings: None,
        };
        let digest = TokenDigest::of("host");
        Record::new(
            NewParty { party_id: party_id(), create, default: None, digest, account_since_ms: None },
            1,
        )
    }

    /// A server that learns of other servers' writes only by asking.
    fn server(store: &Store) -> Arc<Writer> {
        let records = Replicated::new(Arc::clone(&store.kv), Arc::default(), |_| None);
        Writer::new(Arc::new(records), Counter::default())
    }

    fn asks(command: Command, entry: Option<NewEntry>) -> Event {
        let command = PartyCommand { command, if_revision: None, request_id: None };
        let member = "m1".parse::<MemberId>().unwrap();
        let request = Request {
            member,
            is_operator: false,
            command,
            entry,
            accounts: BTreeMap::new(),
            seen_round: None,
        };
        Event::Request(Box::new(request))
    }

    fn target(item_id: ItemId) -> Target {
        Target { item_id: Some(item_id), ..Target::default() }
    }

    fn vote(item_id: ItemId) -> Event {
        asks(Command::Vote(target(item_id)), None)
    }

    fn queue(item_id: ItemId) -> Event {
        let entry = NewEntry {
            item_id: Some(item_id),
            stream_id: None,
            title: "Song".into(),
            artist: None,
            poster_url: None,
            duration_ms: Some(3_600_000),
            is_video: false,
            hash: item_id.to_string(),
            account: None,
        };
        asks(Command::Queue(target(item_id)), Some(entry))
    }

    #[tokio::test]
    async fn no_event_is_answered_from_a_record_that_was_replaced_before_it_arrived() {
        let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
        let (a, b) = (server(&store), server(&store));
        let [first, second, third, late] = [1, 2, 3, 4].map(|number| ItemId::from_bytes([number; 16]));
        a.records.create(&party_id(), party()).await.unwrap();
        for item_id in [first, second, third] {
            a.apply(party_id(), queue(item_id)).await.unwrap();
        }
        b.records.load().await.unwrap();
        b.apply(party_id(), vote(second)).await.unwrap();
        // The member votes for another entry at another server, then for the first one again here.
        a.records.look_up(&party_id()).await.unwrap();
        a.apply(party_id(), vote(third)).await.unwrap();
        b.apply(party_id(), vote(second)).await.unwrap();
        a.records.look_up(&party_id()).await.unwrap();
        let state = a.records.get(&party_id()).unwrap().view(Viewer::Members);
        let votes = state.round.unwrap().votes;
        let entry = state.queue.iter().find(|entry| entry.entry_id == votes[0].entry_id).unwrap();
        assert_eq!((votes.len(), entry.item_id), (1, Some(second)), "it was acknowledged");

        a.apply(party_id(), queue(late)).await.unwrap();
        b.apply(party_id(), vote(late))
            .await
            .expect("the entry is there, although this server has not heard of it");
    }
}
