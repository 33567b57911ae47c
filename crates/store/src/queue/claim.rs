//! A claimed task, in the hands of a worker.

use std::{sync::Arc, time::Duration};

use super::{
    Error, Inner, millis,
    record::{Claimed, DONE, HANDED_BACK, State, Task, Tracked, shortened},
};
use crate::{Error as StoreError, Expect, contention::give_way};

/// How often a change of a claimed task is tried again after a conflict with another process that acts for the same worker.
const ATTEMPTS: u32 = 16;

/// What happens to a task after a change.
#[derive(Clone, Copy)]
enum Then {
    Keep,
    Delete,
}

/// A task that is claimed. Another worker gets it if it is neither renewed nor settled before its lease ends. Dropping it leaves the
/// task claimed until then: any process can [take it up](super::Queue::resume) by its id.
pub struct Claim<T: Task> {
    pub(super) queue: Arc<Inner<T>>,
    pub(super) key: String,
    pub(super) id: String,
    pub(super) tracked: Tracked<T>,
}

impl<T: Task> Claim<T> {
    /// What is to be done.
    pub fn task(&self) -> &T {
        &self.tracked.task
    }

    /// The key of the task.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Names the claim. Whoever knows it can renew and settle the claim.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The task as it was last written by this claim.
    pub fn tracked(&self) -> &Tracked<T> {
        &self.tracked
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.tracked.attempts
    }

    /// The work continues: the lease restarts. Do not drop the future: it would be unknown whether the renewal was written, and this claim
    /// might be lost.
    ///
    /// # Errors
    /// [`Error::Lost`] if the task was cancelled or another worker has it by now: stop working. The store's: try again.
    pub async fn progress(&mut self) -> Result<(), Error> {
        self.renew(|_| {}).await
    }

    /// The same, and so much of the work is done.
    ///
    /// # Errors
    /// As [`Self::progress`].
    pub async fn progress_to(&mut self, percent: u8) -> Result<(), Error> {
        self.renew(|claimed| claimed.percent = percent.min(100)).await
    }

    async fn renew(&mut self, change: impl Fn(&mut Claimed)) -> Result<(), Error> {
        let renewed = |tracked: &mut Tracked<T>| {
            if let State::Claimed(claimed) = &mut tracked.state {
                claimed.renewals += 1;
                change(claimed);
            }
        };
        if let Some(tracked) = self.write(renewed, Then::Keep).await? {
            self.tracked = tracked;
        }
        Ok(())
    }

    /// The task is done.
    ///
    /// # Errors
    /// [`Error::Lost`] if the task was cancelled or another worker has it or has done it by now; that changes nothing for
    /// that worker. The store's: whether it counts as done is not known.
    pub async fn ack(self) -> Result<(), Error> {
        let done = |tracked: &mut Tracked<T>| {
            tracked.end_attempt(DONE);
            tracked.state = State::Done;
        };
        let then = if self.tracked.is_named { Then::Keep } else { Then::Delete };
        self.settle(done, then).await
    }

    /// The attempt failed: the task is claimed again after a pause that doubles with each attempt, or becomes a dead letter
    /// with `reason` if this was the last one.
    ///
    /// # Errors
    /// As [`Self::ack`].
    pub async fn nack(self, reason: &str) -> Result<(), Error> {
        let settings = &self.queue.settings;
        let failed = |tracked: &mut Tracked<T>| {
            tracked.end_attempt(reason);
            tracked.state = if tracked.attempts >= settings.max_attempts {
                State::Dead { reason: shortened(reason) }
            } else {
                let doublings = tracked.attempts.saturating_sub(1).min(16);
                let pause = settings.first_pause.saturating_mul(1 << doublings).min(settings.longest_pause);
                State::Waiting { delay_ms: millis(pause) }
            };
        };
        self.settle(failed, Then::Keep).await
    }

    /// The work cannot be done for a reason outside the task. The task can be claimed again after `pause`, and this attempt does not
    /// count. After an error of the store the caller may try again.
    ///
    /// # Errors
    /// As [`Self::ack`].
    pub async fn put_back(&self, pause: Duration) -> Result<(), Error> {
        let waiting = |tracked: &mut Tracked<T>| {
            tracked.end_attempt(HANDED_BACK);
            tracked.attempts = tracked.attempts.saturating_sub(1);
            tracked.state = State::Waiting { delay_ms: millis(pause) };
        };
        self.settle(waiting, Then::Keep).await
    }

    async fn settle(&self, change: impl Fn(&mut Tracked<T>), then: Then) -> Result<(), Error> {
        self.write(change, then).await?;
        self.queue.delete_excess().await;
        Ok(())
    }

    /// Changes the newest version of the task, as long as this claim has it, and returns it unless it is deleted then. A conflict means
    /// that another process renewed the claim for the same worker.
    async fn write(&self, change: impl Fn(&mut Tracked<T>), then: Then) -> Result<Option<Tracked<T>>, Error> {
        let replicated = &self.queue.replicated;
        for attempt in 1..=ATTEMPTS {
            let (mut tracked, revision) = self.queue.held(&self.key, &self.id).ok_or(Error::Lost)?;
            change(&mut tracked);
            let expect = Expect::Revision(revision);
            let written = match then {
                Then::Keep => {
                    replicated.write(&self.key, tracked.clone(), expect).await.map(|_| Some(tracked))
                }
                Then::Delete => replicated.delete(&self.key, revision).await.map(|()| None),
            };
            match written {
                Err(StoreError::Conflict) => {
                    give_way(attempt).await;
                    replicated.resolve(&self.key, Some(revision)).await.map_err(lost)?;
                }
                outcome => return outcome.map_err(Error::Store),
            }
        }
        Err(Error::Store(StoreError::Busy))
    }

    /// How long the lease lasts from each renewal on; renew at about a third of it.
    pub fn lease(&self) -> Duration {
        self.queue.settings.lease
    }
}

/// A task that this version cannot read any more is lost.
fn lost(error: StoreError) -> Error {
    match error {
        StoreError::Conflict => Error::Lost,
        error => Error::Store(error),
    }
}
