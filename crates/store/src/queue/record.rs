//! A task as the store keeps it.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Namespace, Record};

/// Work that waits in a [`Queue`](super::Queue).
pub trait Task: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Where the store keeps tasks of this kind.
    const NAMESPACE: Namespace;
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It can be claimed after a delay, counted from this write.
    Waiting {
        #[serde(default)]
        delay_ms: u64,
    },
    /// A worker has it, for that long from this write. `renewals` makes each renewal a change.
    Claimed { lease_ms: u64, renewals: u64 },
    /// It failed too often; says why at last.
    Dead { reason: String },
    /// It is done, and remembered by its key.
    Done,
}

/// A task and what became of it so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Tracked<T: Task> {
    pub(super) task: T,
    pub(super) priority: u8,
    /// Unix epoch, by the clock of the process that enqueued it.
    pub(super) enqueued_at_ms: u64,
    /// How often it was claimed.
    pub(super) attempts: u32,
    /// The key was chosen by the process that enqueued it, which may enqueue it again.
    pub(super) is_named: bool,
    pub(super) state: State,
}

impl<T: Task> Tracked<T> {
    /// Whether it is not done yet and not a dead letter. Another worker may have it.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Waiting { .. } | State::Claimed { .. })
    }

    /// How long after it was written it can be claimed, if ever.
    pub(super) fn claimable_after(&self) -> Option<Duration> {
        match self.state {
            State::Waiting { delay_ms } => Some(Duration::from_millis(delay_ms)),
            State::Claimed { lease_ms, .. } => Some(Duration::from_millis(lease_ms)),
            State::Dead { .. } | State::Done => None,
        }
    }
}

impl<T: Task> Record for Tracked<T> {
    type Key = String;
    const NAMESPACE: Namespace = T::NAMESPACE;
}
