//! Which task is claimed next: a view of the table by priority and time.
//!
//! Delays and leases are counted by this process's clock from the moment it sees a write, so no two clocks have to agree; they
//! may last longer than they say, never shorter.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::record::{Claimed, State, Task, Tracked};
use crate::{Change, Replica, Revision};

/// Highest priority first, then oldest first.
type Rank = (Reverse<u8>, u64, String);

/// What came of changes.
pub(super) struct Applied {
    /// Whether something can be claimed earlier than before.
    pub(super) is_earlier: bool,
}

/// Where the schedule has a task.
#[derive(Debug)]
enum Position {
    Ready(Rank),
    Later(Instant),
    /// A dead letter, or done, by the write that made it so.
    Settled {
        is_dead: bool,
        revision: Revision,
    },
}

/// The table and the order of what can be claimed.
#[derive(Debug)]
pub(super) struct Schedule<T: Task> {
    pub(super) replica: Replica<Tracked<T>>,
    positions: HashMap<String, Position>,
    ready: BTreeSet<Rank>,
    later: BTreeSet<(Instant, String)>,
    /// Dead letters, oldest first.
    dead: BTreeSet<(Revision, String)>,
    /// Done tasks that are remembered, oldest first.
    done: BTreeSet<(Revision, String)>,
    /// How many tasks wait, claimed ones not counted.
    pub(super) waiting: usize,
}

impl<T: Task> Default for Schedule<T> {
    fn default() -> Self {
        Self {
            replica: Replica::default(),
            positions: HashMap::new(),
            ready: BTreeSet::new(),
            later: BTreeSet::new(),
            dead: BTreeSet::new(),
            done: BTreeSet::new(),
            waiting: 0,
        }
    }
}

impl<T: Task> Schedule<T> {
    /// Takes over what changed in the table; `None` if nothing did.
    pub(super) fn apply_changes(&mut self, now: Instant) -> Option<Applied> {
        let changes = self.replica.take_changes();
        let has_changed = !changes.is_empty();
        let mut is_earlier = false;
        for change in changes {
            is_earlier |= self.apply(change, now);
        }
        has_changed.then_some(Applied { is_earlier })
    }

    fn apply(&mut self, Change { key, before, after }: Change<Tracked<T>>, now: Instant) -> bool {
        let waits = |tracked: &Tracked<T>| matches!(tracked.state, State::Waiting { .. });
        self.waiting -= usize::from(before.as_ref().is_some_and(waits));
        self.waiting += usize::from(after.as_ref().is_some_and(waits));
        self.remove(&key);
        let Some(after) = after else { return false };
        match after.claimable_after() {
            None => {
                self.settle(key, matches!(after.state, State::Dead { .. }));
                return false;
            }
            Some(delay) if delay.is_zero() => self.make_ready(key, &after),
            Some(delay) => self.make_later(key, now + delay),
        }
        true
    }

    fn settle(&mut self, key: String, is_dead: bool) {
        let Some(revision) = self.replica.revision(&key) else { return };
        self.settled(is_dead).insert((revision, key.clone()));
        self.positions.insert(key, Position::Settled { is_dead, revision });
    }

    fn settled(&mut self, is_dead: bool) -> &mut BTreeSet<(Revision, String)> {
        if is_dead { &mut self.dead } else { &mut self.done }
    }

    /// The oldest dead letter or done task beyond these limits.
    pub(super) fn excess(&self, max_dead: usize, max_done: usize) -> Option<(Revision, String)> {
        let oldest = |settled: &BTreeSet<_>, most| settled.first().filter(|_| settled.len() > most).cloned();
        oldest(&self.dead, max_dead).or_else(|| oldest(&self.done, max_done))
    }

    fn make_ready(&mut self, key: String, tracked: &Tracked<T>) {
        let rank = (Reverse(tracked.priority), tracked.enqueued_at_ms, key.clone());
        self.ready.insert(rank.clone());
        self.positions.insert(key, Position::Ready(rank));
    }

    fn make_later(&mut self, key: String, at: Instant) {
        self.later.insert((at, key.clone()));
        self.positions.insert(key, Position::Later(at));
    }

    fn remove(&mut self, key: &String) {
        match self.positions.remove(key) {
            Some(Position::Ready(rank)) => drop(self.ready.remove(&rank)),
            Some(Position::Later(at)) => drop(self.later.remove(&(at, key.clone()))),
            Some(Position::Settled { is_dead, revision }) => {
                self.settled(is_dead).remove(&(revision, key.clone()));
            }
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
        if let Some(tracked) = tracked.filter(|_| !self.positions.contains_key(key)) {
            self.make_ready(key.clone(), &tracked);
        }
    }

    /// When something can be claimed that cannot be now.
    pub(super) fn next(&self) -> Option<Instant> {
        self.later.first().map(|(at, _)| *at)
    }

    /// Restarts all leases: renewals of others may have been missed. Delays go on.
    pub(super) fn restart_leases(&mut self, now: Instant) {
        let claimed = |key: &String| match &self.replica.get(key)?.state {
            State::Claimed(Claimed { lease_ms, .. }) => Some((key.clone(), Duration::from_millis(*lease_ms))),
            _ => None,
        };
        let leases: Vec<_> = self.later.iter().filter_map(|(_, key)| claimed(key)).collect();
        for (key, lease) in leases {
            self.remove(&key);
            self.make_later(key, now + lease);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Namespace;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Job;

    impl Task for Job {
        const NAMESPACE: Namespace = Namespace::new("jobs");
    }

    fn tracked(state: State) -> Tracked<Job> {
        Tracked {
            task: Job,
            priority: 0,
            enqueued_at_ms: 0,
            attempts: 1,
            is_named: false,
            state,
            log: vec![],
        }
    }

    #[test]
    fn a_watch_that_broke_restarts_leases_and_no_delay() {
        let (mut schedule, begun) = (Schedule::<Job>::default(), Instant::now());
        let claimed = tracked(State::Claimed(Claimed { lease_ms: 30_000, ..Claimed::default() }));
        schedule.replica.learn(&"claimed".into(), claimed, Revision(1));
        schedule.replica.learn(&"waits".into(), tracked(State::Waiting { delay_ms: 40_000 }), Revision(2));
        schedule.apply_changes(begun);
        let seconds = |count| begun + Duration::from_secs(count);
        // It breaks and is back every twenty seconds.
        for count in [20, 40] {
            schedule.restart_leases(seconds(count));
            assert!(schedule.take(seconds(39), 0).is_none());
        }
        assert_eq!(schedule.take(seconds(40), 0), Some(("waits".into(), Revision(2))));
        assert_eq!(schedule.next(), Some(seconds(70)), "a renewal may have been missed");
        assert_eq!(schedule.take(seconds(70), 0), Some(("claimed".into(), Revision(1))));
    }
}
