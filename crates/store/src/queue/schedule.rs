//! Which task is claimed next: a view of the table by priority and time.
//!
//! Delays and leases are counted by this process's clock from the moment it sees a write, so no two clocks have to agree; they
//! may last longer than they say, never shorter.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};

use tokio::time::Instant;

use super::record::{State, Task, Tracked};
use crate::{Change, Replica, Revision};

/// Highest priority first, then oldest first.
type Rank = (Reverse<u8>, u64, String);

#[derive(Debug)]
enum Place {
    Ready(Rank),
    Later(Instant),
}

/// The table and the order of what can be claimed.
#[derive(Debug)]
pub(super) struct Schedule<T: Task> {
    pub(super) replica: Replica<Tracked<T>>,
    places: HashMap<String, Place>,
    ready: BTreeSet<Rank>,
    later: BTreeSet<(Instant, String)>,
    /// How many tasks wait, claimed ones not counted.
    pub(super) waiting: usize,
}

impl<T: Task> Default for Schedule<T> {
    fn default() -> Self {
        Self {
            replica: Replica::default(),
            places: HashMap::new(),
            ready: BTreeSet::new(),
            later: BTreeSet::new(),
            waiting: 0,
        }
    }
}

impl<T: Task> Schedule<T> {
    /// Takes over what changed in the table. Says whether something can be claimed earlier than before.
    pub(super) fn apply_changes(&mut self, now: Instant) -> bool {
        let mut is_earlier = false;
        for change in self.replica.take_changes() {
            is_earlier |= self.apply(change, now);
        }
        is_earlier
    }

    fn apply(&mut self, Change { key, before, after }: Change<Tracked<T>>, now: Instant) -> bool {
        let waits = |tracked: &Tracked<T>| matches!(tracked.state, State::Waiting { .. });
        self.waiting -= usize::from(before.as_ref().is_some_and(waits));
        self.waiting += usize::from(after.as_ref().is_some_and(waits));
        self.remove(&key);
        let Some(after) = after else { return false };
        match after.claimable_after() {
            None => return false,
            Some(delay) if delay.is_zero() => self.make_ready(key, &after),
            Some(delay) => self.make_later(key, now + delay),
        }
        true
    }

    fn make_ready(&mut self, key: String, tracked: &Tracked<T>) {
        let rank = (Reverse(tracked.priority), tracked.enqueued_at_ms, key.clone());
        self.ready.insert(rank.clone());
        self.places.insert(key, Place::Ready(rank));
    }

    fn make_later(&mut self, key: String, at: Instant) {
        self.later.insert((at, key.clone()));
        self.places.insert(key, Place::Later(at));
    }

    fn remove(&mut self, key: &String) {
        match self.places.remove(key) {
            Some(Place::Ready(rank)) => drop(self.ready.remove(&rank)),
            Some(Place::Later(at)) => drop(self.later.remove(&(at, key.clone()))),
            None => {}
        }
    }

    /// Takes the next task that can be claimed. It is not given again until it changes or is [put back](Self::put_back).
    /// `skip` passes over that many, as long as there are more. The revision is that of the state which can be claimed.
    pub(super) fn take(&mut self, now: Instant, skip: usize) -> Option<(String, Revision)> {
        while let Some((at, key)) = self.later.first().cloned()
            && at <= now
        {
            self.remove(&key);
            if let Some(tracked) = self.replica.get(&key).cloned() {
                self.make_ready(key, &tracked);
            }
        }
        let (.., key) = self.ready.iter().nth(skip.min(self.ready.len().saturating_sub(1))).cloned()?;
        self.remove(&key);
        let revision = self.replica.revision(&key)?;
        Some((key, revision))
    }

    /// A task that was taken was not claimed.
    pub(super) fn put_back(&mut self, key: &String) {
        let tracked = self.replica.get(key).filter(|tracked| tracked.is_open()).cloned();
        if let Some(tracked) = tracked.filter(|_| !self.places.contains_key(key)) {
            self.make_ready(key.clone(), &tracked);
        }
    }

    /// When something can be claimed that cannot be now.
    pub(super) fn next(&self) -> Option<Instant> {
        self.later.first().map(|(at, _)| *at)
    }

    /// Restarts all leases and delays: renewals of others may have been missed.
    pub(super) fn begin_anew(&mut self, now: Instant) {
        for (_, key) in std::mem::take(&mut self.later) {
            self.places.remove(&key);
            if let Some(delay) = self.replica.get(&key).and_then(Tracked::claimable_after) {
                self.make_later(key, now + delay);
            }
        }
    }
}
