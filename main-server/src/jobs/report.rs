//! Requests and reports of workers.

use std::cmp::Ordering;

use protocol::job::{Ability, ClaimedTask, Failure, Output, Worker};

use super::{
    Error, Jobs, Key,
    job::{Accepted, Ended, Record},
    tasks::{Held, NotAKey},
};
use crate::library::Error as LibraryError;

/// The attempt at which a job restarts because a blob is gone. A single worker may look in the wrong place,
/// and a restart repeats the whole job.
const GONE_AT_ATTEMPT: u32 = 2;

impl Jobs {
    /// Waits for a task for a worker; `None` when `end` completes first.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn claim(
        &self,
        worker: &Worker,
        end: impl Future<Output = ()>,
    ) -> Result<Option<ClaimedTask>, Error> {
        let has_ffmpeg = worker.abilities.contains(&Ability::Ffmpeg);
        let mut end = std::pin::pin!(end);
        while let Some(held) = self.tasks.claim(&worker.name, has_ffmpeg, end.as_mut()).await? {
            if let Some(claimed) = self.handed(held).await? {
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    /// A claimed task in the worker's form; `None`, and the task is removed, if the job no longer needs it.
    async fn handed(&self, held: Held) -> Result<Option<ClaimedTask>, Error> {
        let wanted = match held.key().parse::<Key>() {
            Ok(key) => self.wanted(key).await?.map(|_| key),
            Err(_) => None,
        };
        let Some(Key { job_id, n, .. }) = wanted else {
            held.ack().await?;
            return Ok(None);
        };
        Ok(Some(ClaimedTask {
            key: held.key().to_owned(),
            claim: held.id().to_owned(),
            lease_ms: u64::try_from(held.lease().as_millis()).unwrap_or(u64::MAX),
            attempt: held.attempt(),
            job_id,
            n,
            work: held.work().clone(),
        }))
    }

    /// The job of a task, if it still needs the task. Asks the store if this server is behind.
    async fn wanted(&self, key: Key) -> Result<Option<Record>, Error> {
        let record = self.of_generation(key).await?;
        Ok(record.filter(|record| record.open_numbers().contains(&key.n)))
    }

    /// The job of a task, if it has the task's generation.
    async fn of_generation(&self, Key { job_id, generation, n, .. }: Key) -> Result<Option<Record>, Error> {
        let known = || self.records.get(&job_id);
        let is_behind = |record: &Record| record.generation < generation || record.tasks.len() <= n as usize;
        if known().is_none_or(|record| is_behind(&record)) {
            self.records.look_up(&job_id).await?;
        }
        Ok(known().filter(|record| record.generation == generation))
    }

    /// The keys that `worker` has but that no longer belong to it.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn lost(&self, worker: &Worker) -> Result<Vec<String>, Error> {
        let mut lost = Vec::new();
        for text in &worker.tasks {
            let is_lost = match text.parse::<Key>() {
                Ok(key) => self.is_over(key) || self.tasks.is_lost(key, &worker.name).await?,
                Err(NotAKey) => true,
            };
            if is_lost {
                lost.push(text.clone());
            }
        }
        Ok(lost)
    }

    /// Whether the job of a task is known to have ended, or to have a later generation. If the known
    /// generation is earlier, the job was restarted since.
    fn is_over(&self, key: Key) -> bool {
        self.records.get(&key.job_id).is_some_and(|record| match record.generation.cmp(&key.generation) {
            Ordering::Less => false,
            Ordering::Equal => !record.is_open(),
            Ordering::Greater => true,
        })
    }

    /// Renews a worker's task.
    ///
    /// # Errors
    /// [`Error::Lost`], those of the store.
    pub(super) async fn progress(&self, key: Key, claim: &str, percent: u8) -> Result<(), Error> {
        let mut held = self.tasks.resume(key, claim).await?;
        Ok(held.progress(percent).await?)
    }

    /// Records a worker's output, idempotently. It counts even if the task now belongs to another worker,
    /// which then loses it.
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Refused`], those of the store.
    pub(super) async fn done(&self, key: Key, claim: &str, output: &Output) -> Result<(), Error> {
        let Key { job_id, n, .. } = key;
        self.of_generation(key).await?.ok_or(Error::Lost)?;
        let held = self.held(key, claim).await?;
        let ended = held.as_ref().map_or_else(Ended::default, |held| held.ended("done"));
        let done = |record: &mut Record, now_ms| {
            if record.generation == key.generation {
                record.done(n, output, &ended, now_ms)
            } else {
                Err(super::job::Refused::Over)
            }
        };
        let accepted = self.change(job_id, done).await??;
        match accepted {
            Accepted::New => {
                self.counts.tasks_done.inc();
            }
            Accepted::Again => {}
            Accepted::Other => {
                tracing::warn!(job = %job_id, "task {key} was done twice with different results")
            }
        };
        // The job first, then the queue: a task whose output is known is not done again.
        match held {
            Some(held) => settled(held.ack().await)?,
            None if accepted == Accepted::New => self.tasks.cancel(key).await?,
            None => {}
        }
        self.due.add(job_id);
        Ok(())
    }

    /// Records that a worker's attempt failed.
    ///
    /// # Errors
    /// [`Error::Lost`], those of the store.
    pub(super) async fn failed(
        &self,
        key: Key,
        claim: &str,
        reason: &str,
        failure: Failure,
    ) -> Result<(), Error> {
        let Key { job_id, n, .. } = key;
        let held = self.tasks.resume(key, claim).await?;
        let record = self.of_generation(key).await?.ok_or(Error::Lost)?;
        match failure {
            Failure::HandedBack => {
                tracing::warn!(job = %job_id, "task {key} is handed back: {reason}");
                return Ok(held.put_back().await?);
            }
            Failure::Again => held.nack(reason).await?,
            Failure::InputGone if held.attempt() < GONE_AT_ATTEMPT => held.nack(reason).await?,
            Failure::ForGood => {
                let ended = held.ended(reason);
                let failed = |now: &mut Record, now_ms| {
                    now.is_same_run(&record) && now.failed(n, reason, &ended, now_ms)
                };
                if self.change(job_id, failed).await? {
                    self.count_failure(job_id, reason);
                }
                settled(held.ack().await)?;
            }
            Failure::InputGone => match self.begin_again(job_id, &record).await {
                // The item was deleted: the job is cancelled below.
                Ok(()) | Err(Error::Library(LibraryError::Unknown)) => {}
                Err(error) => return Err(error),
            },
        }
        self.counts.attempts_failed.inc();
        self.due.add(job_id);
        Ok(())
    }

    /// The claim, if it still has the task.
    async fn held(&self, key: Key, claim: &str) -> Result<Option<Held>, Error> {
        match self.tasks.resume(key, claim).await {
            Ok(held) => Ok(Some(held)),
            Err(Error::Lost) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The outcome of settling a task whose output counts already: a loss meanwhile does not matter.
fn settled(outcome: Result<(), store::queue::Error>) -> Result<(), Error> {
    match outcome.map_err(Error::from) {
        Err(Error::Lost) => Ok(()),
        outcome => outcome,
    }
}
