//! A task as the store keeps it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::millis;
use crate::{Namespace, Record};

/// Most attempts of a task that are remembered.
const MOST_ATTEMPTS: usize = 10;
/// Most characters of what is kept of the reason why an attempt or a task failed.
const REASON_CHARS: usize = 300;

/// Work that waits in a [`Queue`](super::Queue).
pub trait Task: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Where the store keeps tasks of this kind.
    const NAMESPACE: Namespace;
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It can be claimed after a delay, counted from this write.
    Waiting {
        /// The delay.
        #[serde(default)]
        delay_ms: u64,
    },
    /// A worker has it.
    Claimed(Claimed),
    /// It failed too often.
    Dead {
        /// Why at last.
        reason: String,
    },
    /// It is done, and remembered by its key.
    Done,
}

/// How a worker has a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// For how long it has it, from this write.
    pub lease_ms: u64,
    /// Makes each renewal a change.
    pub(super) renewals: u64,
    /// Names the claim: a random text.
    #[serde(default)]
    pub claim: String,
    /// Name of the worker, as it gave it.
    #[serde(default)]
    pub worker: String,
    /// When it claimed the task, Unix epoch.
    #[serde(default)]
    pub began_at_ms: u64,
    /// How much of the work is done, as the worker said last.
    #[serde(default)]
    pub percent: u8,
}

/// An attempt at a task that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which attempt, from 1. Attempts that do not count have the number of the next one.
    pub n: u32,
    /// Name of the worker.
    pub worker: String,
    /// When it claimed the task, Unix epoch.
    pub began_at_ms: u64,
    /// When the attempt ended, Unix epoch.
    pub ended_at_ms: u64,
    /// What became of it: `done`, `handed back`, `lease ended`, or why it failed.
    pub outcome: String,
}

/// What became of an attempt without a failure.
pub(super) const DONE: &str = "done";
pub(super) const HANDED_BACK: &str = "handed back";
pub(super) const LEASE_ENDED: &str = "lease ended";

/// A task and what became of it so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Tracked<T: Task> {
    /// What is to be done.
    pub task: T,
    /// Tasks of a higher priority are claimed first.
    pub priority: u8,
    /// Unix epoch, by the clock of the process that enqueued it.
    pub(super) enqueued_at_ms: u64,
    /// How often it was claimed.
    pub attempts: u32,
    /// The key was chosen by the process that enqueued it, which may enqueue it again.
    pub(super) is_named: bool,
    /// What became of it.
    pub state: State,
    /// The attempts that have ended, the newest last, at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Attempt>,
}

impl<T: Task> Tracked<T> {
    /// Whether it is not done yet and not a dead letter. Another worker may have it.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Waiting { .. } | State::Claimed(_))
    }

    /// How long after it was written it can be claimed, if ever.
    pub(super) fn claimable_after(&self) -> Option<Duration> {
        match &self.state {
            State::Waiting { delay_ms } => Some(Duration::from_millis(*delay_ms)),
            State::Claimed(claimed) => Some(Duration::from_millis(claimed.lease_ms)),
            State::Dead { .. } | State::Done => None,
        }
    }

    /// How a worker has it, if one does.
    pub fn claimed(&self) -> Option<&Claimed> {
        match &self.state {
            State::Claimed(claimed) => Some(claimed),
            _ => None,
        }
    }

    /// Its attempts with the present one, if a worker has it, as if that ended now.
    pub fn log_with(&self, outcome: &str) -> Vec<Attempt> {
        let mut tracked = self.clone();
        tracked.end_attempt(outcome);
        tracked.log
    }

    /// Notes what became of the attempt that is under way, if one is.
    pub(super) fn end_attempt(&mut self, outcome: &str) {
        let Some(Claimed { worker, began_at_ms, .. }) = self.claimed().cloned() else { return };
        let (n, ended_at_ms, outcome) = (self.attempts, now_ms(), shortened(outcome));
        self.log.push(Attempt { n, worker, began_at_ms, ended_at_ms, outcome });
        let surplus = self.log.len().saturating_sub(MOST_ATTEMPTS);
        self.log.drain(..surplus);
    }
}

/// The reason, if it is not too long to be kept.
pub(super) fn shortened(reason: &str) -> String {
    reason.chars().take(REASON_CHARS).collect()
}

/// Unix epoch.
pub(super) fn now_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

impl<T: Task> Record for Tracked<T> {
    type Key = String;
    const NAMESPACE: Namespace = T::NAMESPACE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_that_an_older_version_wrote_are_read() {
        let state: State = serde_json::from_str(r#"{"claimed":{"lease_ms":30000,"renewals":2}}"#).unwrap();
        assert_eq!(state, State::Claimed(Claimed { lease_ms: 30_000, renewals: 2, ..Claimed::default() }));
    }
}
