//! Advances jobs: gives their next tasks to the queue, makes their results, and cleans up after their end.
//!
//! The server that changed a job advances it at once. Every server checks all unfinished jobs from time to
//! time, so that nothing is left undone when one dies between two writes. Everything here is idempotent, and
//! may be done by two servers at the same time.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use protocol::JobId;
use tokio::{sync::Notify, task::JoinSet, time::sleep};

use super::{
    Error, Jobs, Key,
    job::{Again, GONE_TOO_OFTEN, Phase, Record},
};
use crate::{clock::Now, library::Error as LibraryError};

/// How long after its end a job is still checked for tasks left in the queue.
const CLEARED_UNTIL_MS: u64 = 60_000;
/// Time between two checks of all unfinished jobs.
const INTERVAL: Duration = Duration::from_secs(2);

/// Jobs to advance now.
#[derive(Default)]
pub(super) struct Due {
    jobs: Mutex<BTreeSet<JobId>>,
    added: Notify,
}

impl Due {
    /// Schedules a job to be advanced soon.
    pub(super) fn add(&self, job_id: JobId) {
        self.jobs().insert(job_id);
        self.added.notify_one();
    }

    fn take(&self) -> BTreeSet<JobId> {
        mem::take(&mut *self.jobs())
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeSet<JobId>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Advances jobs that are due, until it is dropped. At most one task advances a job at a time.
pub(super) async fn run(jobs: Arc<Jobs>) {
    let (mut running, mut advancing) = (JoinSet::new(), BTreeSet::new());
    loop {
        tokio::select! {
            () = jobs.due.added.notified() => {}
            Some(ended) = running.join_next(), if !running.is_empty() => {
                match ended {
                    Ok(job_id) => drop(advancing.remove(&job_id)),
                    // The next check of unfinished jobs tries again.
                    Err(error) => {
                        tracing::error!("a step of a job ended without a result: {error}");
                        advancing.clear();
                    }
                }
            }
        }
        for job_id in jobs.due.take() {
            if !advancing.insert(job_id) {
                // Advanced again when the current task has ended.
                jobs.due.jobs().insert(job_id);
                continue;
            }
            let jobs = Arc::clone(&jobs);
            running.spawn(async move {
                if let Err(error) = jobs.advance(job_id).await {
                    tracing::warn!(job = %job_id, "job {job_id} is continued later: {error}");
                }
                job_id
            });
        }
    }
}

/// Periodically checks all jobs that are unfinished or ended a moment ago, until dropped.
pub(super) async fn look_after(jobs: Arc<Jobs>) {
    // A job that has changed since the last check is advanced by the server that changed it.
    let mut seen = BTreeMap::new();
    sleep(INTERVAL).await;
    // Jobs that ended while a store was unavailable, or before all servers stopped, may have left something.
    jobs.records.with(|records| {
        let ended = records.iter().filter(|(_, record)| !record.is_open());
        ended.for_each(|(job_id, _)| jobs.due.add(*job_id));
    });
    loop {
        sleep(INTERVAL).await;
        let since_ms = Now::read().unix_ms().saturating_sub(CLEARED_UNTIL_MS);
        let due = jobs.records.with(|records| {
            let is_due =
                |record: &Record| record.ended_at_ms.is_none_or(|ended_at_ms| ended_at_ms >= since_ms);
            let due = records.iter().filter(|(_, record)| is_due(record));
            due.map(|(job_id, _)| (*job_id, records.revision(job_id))).collect::<BTreeMap<_, _>>()
        });
        let is_unchanged = |(job_id, revision): &(&JobId, &_)| seen.get(*job_id) == Some(*revision);
        due.iter().filter(is_unchanged).for_each(|(job_id, _)| jobs.due.add(*job_id));
        seen = due;
    }
}

impl Jobs {
    /// Advances the job according to its record on this server.
    ///
    /// # Errors
    /// Those of the store and the object store; the job is then advanced later.
    pub(super) async fn advance(&self, job_id: JobId) -> Result<(), Error> {
        while let Some(record) = self.records.get(&job_id) {
            if !record.is_open() {
                return self.clear(job_id, &record).await;
            }
            if self.is_source_gone(&record).await? {
                self.change(job_id, Record::cancel).await?;
                continue;
            }
            if self.fail_dead(job_id, &record).await? {
                continue;
            }
            if !record.is_complete() {
                return self.enqueue(job_id, &record).await;
            }
            self.finish(job_id, &record).await?;
        }
        Ok(())
    }

    /// Whether the item of a job is deleted.
    async fn is_source_gone(&self, record: &Record) -> Result<bool, Error> {
        match self.library.get(record.item_id).await {
            Ok(_) => Ok(false),
            Err(LibraryError::Unknown) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Fails the job if one of its tasks failed too often. Returns whether one did.
    async fn fail_dead(&self, job_id: JobId, record: &Record) -> Result<bool, Error> {
        for n in record.open_numbers() {
            let Some((reason, ended)) = self.tasks.dead(Key::of(job_id, record, n)) else { continue };
            let failed =
                |now: &mut Record, now_ms| now.is_same_run(record) && now.failed(n, &reason, &ended, now_ms);
            if self.change(job_id, failed).await? {
                self.count_failure(job_id, &reason);
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Adds the tasks that the queue lacks.
    async fn enqueue(&self, job_id: JobId, record: &Record) -> Result<(), Error> {
        for n in record.open_numbers() {
            let key = Key::of(job_id, record, n);
            if self.tasks.knows(key) {
                continue;
            }
            if let Some((work, priority)) = record.work(n).zip(record.priority(n)) {
                self.tasks.enqueue(key, work, priority).await?;
            }
        }
        Ok(())
    }

    /// Makes the results of a job whose tasks are all done.
    pub(super) async fn finish(&self, job_id: JobId, record: &Record) -> Result<(), Error> {
        self.try_finish(job_id, record).await?;
        let has_begun_again = |now: Record| !now.is_same_run(record);
        if self.records.get(&job_id).is_some_and(has_begun_again) {
            // The job was cancelled and cleaned up meanwhile. What this run has made since belongs to no job.
            self.clear(job_id, record).await?;
        }
        Ok(())
    }

    async fn try_finish(&self, job_id: JobId, record: &Record) -> Result<(), Error> {
        let made = match self.make_results(job_id, record).await {
            Ok(made) => made,
            Err(Error::Objects(objects::Error::Missing(_) | objects::Error::Damaged(_))) => {
                return self.begin_again(job_id, record).await;
            }
            Err(error @ Error::Objects(objects::Error::Unavailable(_))) => return Err(error),
            // The item was deleted a moment ago.
            Err(Error::Library(LibraryError::Unknown)) if self.is_source_gone(record).await? => {
                return self.change(job_id, Record::cancel).await;
            }
            Err(Error::Library(LibraryError::Store(error))) => return Err(error.into()),
            Err(error @ (Error::Library(_) | Error::Invalid(_) | Error::Objects(_))) => {
                let reason = error.to_string();
                let fail = |now: &mut Record, now_ms| now.is_same_run(record) && now.fail(&reason, now_ms);
                if self.change(job_id, fail).await? {
                    self.count_failure(job_id, &reason);
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let done = |now: &mut Record, now_ms| {
            let was_open = now.is_open();
            if now.is_same_run(record) {
                now.made(&made.items, made.file.as_ref(), now_ms);
            }
            was_open && now.phase == Phase::Done
        };
        if self.change(job_id, done).await? {
            self.counts.done.inc();
            tracing::info!(job = %job_id, "job {job_id} is done");
        }
        Ok(())
    }

    /// Restarts the job, because a blob of an earlier step is gone. Writes the manifest again, because it may
    /// be the missing blob.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub(super) async fn begin_again(&self, job_id: JobId, record: &Record) -> Result<(), Error> {
        let (_, manifest) = self.manifest(record.item_id).await?;
        let again = |now: &mut Record, now_ms| {
            if !now.is_same_run(record) || !now.is_open() {
                return Again::Over;
            }
            now.manifest = manifest.clone();
            now.input_gone(now_ms)
        };
        match self.change(job_id, again).await? {
            Again::Begun => {
                tracing::warn!(job = %job_id, "job {job_id} begins again: blobs that it needs are gone");
            }
            Again::Failed => self.count_failure(job_id, GONE_TOO_OFTEN),
            // Another server was first. The items of this run may already be results.
            Again::Over => return Ok(()),
        }
        self.clear(job_id, record).await
    }

    /// Removes what an ended run has left: its tasks in the queue, and unfinished items.
    pub(super) async fn clear(&self, job_id: JobId, record: &Record) -> Result<(), Error> {
        self.cancel_tasks(job_id, record, record.unfinished_numbers()).await?;
        if record.phase != Phase::Done {
            self.remove_unfinished(job_id, record).await?;
        }
        Ok(())
    }

    /// Removes tasks of the record's generation from the queue.
    pub(super) async fn cancel_tasks(
        &self,
        job_id: JobId,
        record: &Record,
        numbers: Vec<u32>,
    ) -> Result<(), Error> {
        for key in numbers.into_iter().map(|n| Key::of(job_id, record, n)) {
            if self.tasks.knows(key) {
                self.tasks.cancel(key).await?;
            }
        }
        Ok(())
    }

    /// Counts and logs the failure of a job.
    pub(super) fn count_failure(&self, job_id: JobId, reason: &str) {
        self.counts.failed.inc();
        tracing::warn!(job = %job_id, "job {job_id} failed: {reason}");
    }
}
