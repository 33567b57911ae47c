//! The records of all parties in memory, the times of their due events, and the event streams of their
//! members.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::{PartyId, party::EndReason};
use store::{Host, Replica};
use tokio::sync::{Notify, broadcast};

use super::{
    channel::{Channel, Frame, Snapshot},
    party::{MemberId, Record},
};
use crate::events::Event;

/// The parties of one main server.
#[derive(Default)]
pub(super) struct Table {
    inner: Mutex<Inner>,
    /// Notified when the earliest due time changes.
    due_changed: Notify,
}

#[derive(Default)]
struct Inner {
    replica: Replica<Record>,
    channels: HashMap<PartyId, Channel>,
    due: Due,
}

/// The due times of parties, Unix epoch in ms.
#[derive(Default)]
struct Due {
    by_time: BTreeSet<(u64, PartyId)>,
    of_party: HashMap<PartyId, u64>,
}

/// The start of an event stream, and its continuation.
pub(super) type Subscription = (Arc<Snapshot>, broadcast::Receiver<Frame>);

impl Table {
    /// Reads a record.
    pub(super) fn read<R>(&self, party_id: PartyId, read: impl FnOnce(&Record) -> R) -> Option<R> {
        self.lock().replica.get(&party_id).filter(|record| !record.is_ended()).map(read)
    }

    /// Reads the records of all parties that have not ended, releasing the lock in between.
    pub(super) fn each<R>(&self, mut read: impl FnMut(PartyId, &Record) -> R) -> Vec<R> {
        let ids: Vec<PartyId> = self.all(|records| records.iter().map(|(party_id, _)| *party_id).collect());
        ids.into_iter().filter_map(|party_id| self.read(party_id, |record| read(party_id, record))).collect()
    }

    /// Reads all records under the lock, including ended parties; `read` must be short.
    pub(super) fn all<R>(&self, read: impl FnOnce(&Replica<Record>) -> R) -> R {
        read(&self.lock().replica)
    }

    /// The events of a party for a member, from now on.
    ///
    /// # Errors
    /// Why the party is over for the member.
    pub(super) fn subscribe(&self, party_id: PartyId, member: MemberId) -> Result<Subscription, EndReason> {
        let Inner { replica, channels, .. } = &mut *self.lock();
        let record = replica.get(&party_id).filter(|record| !record.is_ended()).ok_or(EndReason::Ended)?;
        if record.member(member).is_none() {
            return Err(EndReason::Kicked);
        }
        Ok(channels.entry(party_id).or_default().subscribe(record))
    }

    /// Removes a reader. The channel of a party without readers is dropped.
    pub(super) fn unsubscribe(&self, party_id: PartyId) {
        let mut inner = self.lock();
        if inner.channels.get(&party_id).is_some_and(|channel| channel.readers() <= 1) {
            inner.channels.remove(&party_id);
        }
    }

    /// Sends an event that is not part of the record to the members that listen here.
    pub(super) fn publish(&self, party_id: PartyId, event: &Event) {
        if let Some(channel) = self.lock().channels.get(&party_id) {
            channel.send(Frame::of([event]));
        }
    }

    /// Number of members that listen here.
    pub(super) fn listeners(&self) -> usize {
        self.lock().channels.values().map(Channel::readers).sum()
    }

    /// The parties that have been due for longer than their `delay_ms`, and the time of the next one.
    pub(super) fn due(&self, now_ms: u64, delay_ms: impl Fn(PartyId) -> u64) -> (Vec<PartyId>, Option<u64>) {
        let inner = self.lock();
        let (mut due, mut next) = (Vec::new(), None::<u64>);
        for (at_ms, party_id) in &inner.due.by_time {
            if *at_ms > now_ms {
                next = Some(next.map_or(*at_ms, |next| next.min(*at_ms)));
                break;
            }
            match at_ms + delay_ms(*party_id) {
                at_ms if at_ms <= now_ms => due.push(*party_id),
                at_ms => next = Some(next.map_or(at_ms, |next| next.min(at_ms))),
            }
        }
        (due, next)
    }

    /// Waits until the next time at which something is due has changed.
    pub(super) async fn due_changed(&self) {
        self.due_changed.notified().await;
    }

    /// Makes [`Self::due_changed`] return.
    pub(super) fn wake(&self) {
        self.due_changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn note(&mut self, party_id: PartyId, before: Option<&Record>, after: Option<&Record>) {
        let alive = after.filter(|record| !record.is_ended());
        self.due.set(party_id, alive.and_then(Record::next_due_ms));
        let Some(channel) = self.channels.get(&party_id).filter(|channel| channel.readers() > 0) else {
            self.channels.remove(&party_id);
            return;
        };
        match (before, alive) {
            (Some(before), Some(after)) => channel.changed(before, after),
            (_, None) => {
                channel.send(Frame::end());
                self.channels.remove(&party_id);
            }
            (None, Some(_)) => {}
        }
    }
}

impl Due {
    fn set(&mut self, party_id: PartyId, at_ms: Option<u64>) {
        let before = match at_ms {
            Some(at_ms) => self.of_party.insert(party_id, at_ms),
            None => self.of_party.remove(&party_id),
        };
        if let Some(before) = before {
            self.by_time.remove(&(before, party_id));
        }
        self.by_time.extend(at_ms.map(|at_ms| (at_ms, party_id)));
    }

    fn first(&self) -> Option<u64> {
        self.by_time.first().map(|(at_ms, _)| *at_ms)
    }
}

impl Host<Record> for Table {
    fn replica<R>(&self, access: impl FnOnce(&mut Replica<Record>) -> R) -> R {
        let mut inner = self.lock();
        let outcome = access(&mut inner.replica);
        let changes = inner.replica.take_changes();
        if changes.is_empty() {
            return outcome;
        }
        let first = inner.due.first();
        for change in &changes {
            // Under the lock, so that members receive changes in order.
            inner.note(change.key, change.before.as_ref(), change.after.as_ref());
        }
        if inner.due.first() != first {
            self.wake();
        }
        outcome
    }
}
