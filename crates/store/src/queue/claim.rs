//! A claimed task, in the hands of a worker.

use std::{sync::Arc, time::Duration};

use super::{
    Error, Inner, millis,
    record::{State, Task, Tracked},
};
use crate::{Error as StoreError, Revision};

/// A task that this process has claimed. Another worker gets it if it is neither renewed nor settled before its lease ends.
/// Dropping it leaves the task claimed until then.
pub struct Claim<T: Task> {
    pub(super) queue: Arc<Inner<T>>,
    pub(super) key: String,
    pub(super) tracked: Tracked<T>,
    pub(super) revision: Revision,
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

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.tracked.attempts
    }

    /// The work continues: the lease restarts.
    ///
    /// # Errors
    /// [`Error::Lost`] if the task was cancelled or another worker has it by now: stop working. The store's: try again.
    pub async fn progress(&mut self) -> Result<(), Error> {
        let mut tracked = self.tracked.clone();
        if let State::Claimed { renewals, .. } = &mut tracked.state {
            *renewals += 1;
        }
        self.revision = self.write(tracked.clone()).await?;
        self.tracked = tracked;
        Ok(())
    }

    /// The task is done.
    ///
    /// # Errors
    /// [`Error::Lost`] if the task was cancelled or another worker has it or has done it by now; that changes nothing for
    /// that worker. The store's: whether it counts as done is not known.
    pub async fn ack(self) -> Result<(), Error> {
        if self.tracked.is_named {
            let done = Tracked { state: State::Done, ..self.tracked.clone() };
            return self.settle(done).await;
        }
        let deleted = self.queue.replicated.delete(&self.key, self.revision).await;
        deleted.map_err(lost)
    }

    /// The attempt failed: the task is claimed again after a pause that doubles with each attempt, or becomes a dead letter
    /// with `reason` if this was the last one.
    ///
    /// # Errors
    /// As [`Self::ack`].
    pub async fn nack(self, reason: &str) -> Result<(), Error> {
        let settings = &self.queue.settings;
        let state = if self.tracked.attempts >= settings.max_attempts {
            State::Dead { reason: reason.to_owned() }
        } else {
            let doublings = self.tracked.attempts.saturating_sub(1).min(16);
            let pause = settings.first_pause.saturating_mul(1 << doublings).min(settings.longest_pause);
            State::Waiting { delay_ms: millis(pause) }
        };
        self.settle(Tracked { state, ..self.tracked.clone() }).await
    }

    /// Something that has nothing to do with the task prevents the work: the task can be claimed again after `pause`, and this
    /// attempt does not count. After an error of the store the caller may try again.
    ///
    /// # Errors
    /// As [`Self::ack`].
    pub async fn put_back(&self, pause: Duration) -> Result<(), Error> {
        let (attempts, state) =
            (self.tracked.attempts.saturating_sub(1), State::Waiting { delay_ms: millis(pause) });
        self.settle(Tracked { attempts, state, ..self.tracked.clone() }).await
    }

    async fn settle(&self, tracked: Tracked<T>) -> Result<(), Error> {
        self.write(tracked).await?;
        self.queue.delete_excess().await;
        Ok(())
    }

    async fn write(&self, tracked: Tracked<T>) -> Result<Revision, Error> {
        let expect = crate::Expect::Revision(self.revision);
        self.queue.replicated.write(&self.key, tracked, expect).await.map_err(lost)
    }

    /// How long the lease lasts from each renewal on; renew at about a third of it.
    pub fn lease(&self) -> Duration {
        self.queue.settings.lease
    }
}

fn lost(error: StoreError) -> Error {
    match error {
        StoreError::Conflict => Error::Lost,
        error => Error::Store(error),
    }
}
