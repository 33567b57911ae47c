//! Jobs: slow work on items of the library, cut into tasks that workers do.
//!
//! A job is one [record](job), which every main server has in memory and changes by compare-and-set. Its tasks wait in the store's
//! [queue](tasks). Workers claim them over HTTP at any main server; a claim that was made at one server is renewed and settled at any
//! other. [`advance`] does what follows from a record: the next step, and the results. The server that changed the record does it, and
//! after a failure any other. Doing it twice does no harm: keys of tasks and ids of items follow from the job.
//!
//! Media do not pass through here: workers read and write blobs.

mod advance;
mod automatic;
pub(crate) mod bounds;
mod ended;
mod error;
mod feature;
mod id;
mod job;
mod report;
mod results;
mod routes;
mod space;
mod start;
mod tasks;
#[cfg(test)]
mod tests;
mod workers;

use std::sync::Arc;

use objects::Objects;
use per_address::Shares;
use protocol::{JobId, job::Job, stream::Visibility};
use store::{Replicated, Shared};
use tokio::sync;

pub(crate) use self::feature::feature;
#[cfg(feature = "fuzzing")]
pub(crate) use self::job::Record as FuzzedRecord;
use self::{
    advance::Due,
    bounds::JOB_LISTENERS,
    error::Error,
    job::{Record, view},
    tasks::{Key, Tasks},
    workers::Workers,
};
use crate::{
    api::caller::Person, broadcasters::Broadcasters, clock::Now, config::JobLimits, feature::Context,
    library::Library, metrics::Counter,
};

/// How many jobs are changed in parallel. Jobs that share one of these places take turns.
const WRITERS: usize = 16;

/// All jobs of the cluster, as one main server knows them.
pub(crate) struct Jobs {
    records: Replicated<Record>,
    tasks: Tasks,
    workers: Workers,
    due: Due,
    library: Arc<Library>,
    broadcasters: Arc<Broadcasters>,
    objects: Objects,
    limits: JobLimits,
    /// Serialises changes of one job, because concurrent ones would conflict.
    writing: [sync::Mutex<()>; WRITERS],
    /// Serialises starts, because each counts the jobs before it.
    starting: sync::Mutex<()>,
    /// One per open event stream.
    listeners: Arc<Shares>,
    counts: Counts,
}

/// Counters for operators.
struct Counts {
    started: Counter,
    done: Counter,
    failed: Counter,
    tasks_done: Counter,
    attempts_failed: Counter,
}

impl Jobs {
    /// Knows no jobs before [`Self::load`].
    pub(crate) fn new(context: &Context, broadcasters: &Arc<Broadcasters>, library: &Arc<Library>) -> Self {
        let kv = &context.store.kv;
        let metrics = &context.metrics;
        Self {
            records: Replicated::new(Arc::clone(kv), Shared::default(), Record::lease),
            tasks: Tasks::new(kv),
            workers: Workers::new(kv),
            due: Due::default(),
            library: Arc::clone(library),
            broadcasters: Arc::clone(broadcasters),
            objects: context.objects.clone(),
            limits: context.config.jobs,
            writing: Default::default(),
            starting: sync::Mutex::default(),
            listeners: Shares::new(JOB_LISTENERS, None),
            counts: Counts {
                started: metrics.counter("undead_jobs_started", "Jobs that were started or began again"),
                done: metrics.counter("undead_jobs_done", "Jobs whose results this server made"),
                failed: metrics.counter("undead_jobs_failed", "Jobs that failed, as this server decided"),
                tasks_done: metrics
                    .counter("undead_job_tasks_done", "Tasks of jobs that workers reported as done here"),
                attempts_failed: metrics.counter(
                    "undead_job_attempts_failed",
                    "Attempts at tasks of jobs that workers reported as failed here",
                ),
            },
        }
    }

    /// Loads the records of the store.
    ///
    /// # Errors
    /// Those of the store.
    async fn load(&self) -> Result<(), store::Error> {
        self.records.load().await?;
        self.workers.load().await?;
        self.tasks.load().await
    }

    /// Finds a job. Asks the store for an unknown one, because another main server may have just created it.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Store`].
    async fn find(&self, job_id: JobId) -> Result<Record, Error> {
        if self.records.get(&job_id).is_none() {
            self.records.look_up(&job_id).await?;
        }
        self.records.get(&job_id).ok_or(Error::Unknown)
    }

    /// Finds a job that the person may see: see [`Self::may_see`], which needs the item to be known here.
    ///
    /// # Errors
    /// As [`Self::find`].
    async fn find_for(&self, job_id: JobId, person: &Person) -> Result<Record, Error> {
        let record = self.find(job_id).await?;
        self.library.find(record.item_id).await?;
        self.may_see(&record, person).then_some(record).ok_or(Error::Unknown)
    }

    /// Whether the person may see the job: the owner of its item, operators, and accounts that requested it,
    /// the latter only while the item is not private.
    fn may_see(&self, record: &Record, person: &Person) -> bool {
        let is_private = || {
            let item = self.library.known(record.item_id);
            item.is_some_and(|item| item.visibility == Visibility::Private)
        };
        let may_manage = |owner| self.broadcasters.may_manage(person, owner);
        may_manage(record.owner.as_ref()) || (self.may_change(record, person) && !is_private())
    }

    /// Whether the person may cancel and retry the job: operators, and accounts that requested it.
    fn may_change(&self, record: &Record, person: &Person) -> bool {
        person.is_operator()
            || record.accounts().any(|account| self.broadcasters.may_manage(person, Some(account)))
    }

    /// A job as clients see it, with or without the attempts at its tasks.
    fn view(&self, job_id: JobId, record: &Record, with_logs: bool) -> Job {
        let seen = |n| self.tasks.seen(Key::of(job_id, record, n));
        let mut job = view(job_id, record, seen, Now::read().unix_ms());
        if !with_logs {
            job.tasks.iter_mut().for_each(|task| task.log.clear());
        }
        job
    }

    /// Changes a job. `change` may run several times; its last outcome is returned.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Store`].
    async fn change<R>(
        &self,
        job_id: JobId,
        change: impl Fn(&mut Record, u64) -> R + Sync,
    ) -> Result<R, Error>
    where
        R: Send,
    {
        let place = job_id.to_string().bytes().map(usize::from).sum::<usize>() % WRITERS;
        let _turn = self.writing[place].lock().await;
        let outcome = std::sync::Mutex::new(None);
        let changed = |record: &Record| {
            let mut changed = record.clone();
            let result = change(&mut changed, Now::read().unix_ms());
            *outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
            (changed != *record).then_some(changed)
        };
        self.records.change(&job_id, changed).await?;
        outcome.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).ok_or(Error::Unknown)
    }

    /// Calls `each` with every blob that a job names.
    ///
    /// # Errors
    /// Those of the store, and for a job that this version cannot read, whose blobs were not named.
    pub(crate) async fn named_blobs(&self, mut each: impl FnMut(&str)) -> Result<(), store::Error> {
        let file = |_, record: Record| {
            record.file.iter().flat_map(|file| &file.blobs).for_each(|blob| each(&blob.hash));
        };
        self.records.each_stored(file).await
    }
}
