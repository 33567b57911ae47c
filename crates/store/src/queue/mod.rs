//! Work that is done at least once, by whichever worker claims it: one mechanism on [`Kv`] for both engines.
//!
//! A task is an entry. Every change of it is a compare-and-set, so of several workers one has it, and what comes late from
//! another is refused and harms nothing. Each process keeps the tasks in memory ([`Replicated`]) and is woken by the watch:
//! nothing polls. A claim costs one write, however many tasks wait.
//!
//! JetStream's work queues have neither priorities nor cancelling nor dead letters, so they are not used.

mod claim;
mod record;
mod schedule;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{self, Notify, watch},
    time::{Instant, sleep, timeout_at},
};

pub use self::{
    claim::Claim,
    record::{Attempt, Claimed, State, Task, Tracked},
};
use self::{
    record::{LEASE_ENDED, now_ms},
    schedule::{Applied, Schedule},
};
use crate::{Error as StoreError, Expect, Host, Kv, Replica, Replicated, Revision, contention::give_way};

/// After a conflict, the worker picks one of the next `SPREAD` tasks at random, so that processes do not collide again.
/// Priority order is then approximate.
const SPREAD: usize = 16;
/// Pause of a worker after a failure of the store.
const RETRY: Duration = Duration::from_secs(1);

/// How a queue treats its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a worker has a task without a sign of progress; 30 s.
    pub lease: Duration,
    /// How often a task is tried before it becomes a dead letter; 5.
    pub max_attempts: u32,
    /// Pause after the first failed attempt, doubled with each; 1 s.
    pub first_pause: Duration,
    /// Longest such pause; 5 min.
    pub longest_pause: Duration,
    /// Most tasks that may wait; 10,000. Processes that enqueue at the same moment may exceed it by what they have under way.
    pub max_waiting: usize,
    /// How long a dead letter is kept; 7 days.
    pub keep_dead: Duration,
    /// Most dead letters; 1,000. Beyond that the oldest is deleted.
    pub max_dead: usize,
    /// How long a task that was enqueued under a key of the caller's is remembered after it is done; 1 hour.
    pub remember_done: Duration,
    /// Most such tasks; 10,000. Beyond that the oldest is forgotten.
    pub max_done: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            max_attempts: 5,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(5 * 60),
            max_waiting: 10_000,
            keep_dead: Duration::from_secs(7 * 24 * 3600),
            max_dead: 1_000,
            remember_done: Duration::from_secs(3600),
            max_done: 10_000,
        }
    }
}

/// Why a queue refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// As many tasks wait as may; says how many.
    #[error("the queue is full: {0} tasks wait; try again later")]
    Full(usize),
    /// The task was cancelled, or another worker has it or has done it.
    #[error("the task was cancelled, or another worker has it")]
    Lost,
    /// There is no dead letter with that key.
    #[error("there is no dead letter {0:?}")]
    NotDead(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a task is enqueued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Under which key. Enqueuing under a key again changes nothing while the task waits, is worked on, or is remembered.
    /// Without one it gets a random key.
    pub key: Option<String>,
    /// Tasks of a higher priority are claimed first.
    pub priority: u8,
    /// How long it waits at least.
    pub delay: Duration,
}

/// The outcome of enqueuing a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The key of the task.
    pub key: String,
    /// False if it was enqueued under that key before.
    pub is_new: bool,
}

/// A task that failed too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter<T> {
    /// Its key.
    pub key: String,
    /// What was to be done.
    pub task: T,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: String,
}

/// See the [module](self).
pub struct Queue<T: Task>(Arc<Inner<T>>);

impl<T: Task> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<T: Task> {
    replicated: Replicated<Tracked<T>, Tasks<T>>,
    settings: Settings,
    /// Of the workers of this process that wait, one watches.
    watching: sync::Mutex<()>,
}

/// The table of tasks.
struct Tasks<T: Task> {
    schedule: Mutex<Schedule<T>>,
    /// Wakes a waiting worker: a task is ready, or the next one is due earlier.
    earlier: Notify,
    /// Tells of every change.
    changed: watch::Sender<()>,
}

impl<T: Task> Tasks<T> {
    fn with<R>(&self, access: impl FnOnce(&mut Schedule<T>) -> R) -> R {
        access(&mut self.schedule.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Task> Host<Tracked<T>> for Tasks<T> {
    fn replica<R>(&self, access: impl FnOnce(&mut Replica<Tracked<T>>) -> R) -> R {
        let (outcome, applied) = self.with(|schedule| {
            let outcome = access(&mut schedule.replica);
            (outcome, schedule.apply_changes(Instant::now()))
        });
        if let Some(Applied { is_earlier }) = applied {
            if is_earlier {
                self.earlier.notify_one();
            }
            self.changed.send_replace(());
        }
        outcome
    }

    fn link(&self, is_current: bool) {
        if is_current {
            self.with(|schedule| schedule.restart_leases(Instant::now()));
            self.earlier.notify_one();
        }
    }
}

/// A task that can be claimed and that other workers of this process pass over meanwhile. Dropping it gives it back.
pub struct Reserved<'a, T: Task> {
    queue: &'a Arc<Inner<T>>,
    key: String,
    /// The write that made it claimable.
    revision: Revision,
}

impl<T: Task> Drop for Reserved<'_, T> {
    fn drop(&mut self) {
        let tasks = self.queue.tasks();
        tasks.with(|schedule| schedule.put_back(&self.key));
        tasks.earlier.notify_one();
    }
}

impl<T: Task> Reserved<'_, T> {
    /// Its priority.
    pub fn priority(&self) -> u8 {
        let priority = |replica: &mut Replica<Tracked<T>>| replica.get(&self.key).map(|task| task.priority);
        self.queue.replicated.with(priority).unwrap_or_default()
    }

    /// Claims it for the worker of that name; `None` if another process was first. If the future is dropped, the task may be claimed all
    /// the same; its lease then ends.
    ///
    /// # Errors
    /// The store's.
    pub async fn claim(self, worker: &str) -> Result<Option<Claim<T>>, Error> {
        match self.queue.try_claim(&self.key, self.revision, worker).await {
            Ok(claimed) => Ok(claimed),
            Err(StoreError::Conflict) => {
                self.queue.replicated.resolve(&self.key, Some(self.revision)).await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl<T: Task> Queue<T> {
    /// A queue that knows nothing yet: [`Self::load`] it and keep [`Self::follow`] running. The store's
    /// [leases](crate::leases::run) have to be kept too.
    pub fn new(kv: Arc<dyn Kv>, settings: Settings) -> Self {
        let tasks =
            Tasks { schedule: Mutex::default(), earlier: Notify::new(), changed: watch::Sender::new(()) };
        let replicated = Replicated::new(kv, tasks, move |tracked: &Tracked<T>| match tracked.state {
            State::Waiting { .. } | State::Claimed(_) => None,
            State::Dead { .. } => Some(settings.keep_dead),
            State::Done => Some(settings.remember_done),
        });
        Self(Arc::new(Inner { replicated, settings, watching: sync::Mutex::new(()) }))
    }

    /// Takes over the tasks that the store has.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(&self) -> Result<(), Error> {
        Ok(self.0.replicated.load().await?)
    }

    /// Follows what other processes do, until it is dropped.
    pub async fn follow(&self) {
        self.0.replicated.follow().await;
    }

    /// How many tasks wait, claimed ones not counted.
    pub fn waiting(&self) -> usize {
        self.0.tasks().with(|schedule| schedule.waiting)
    }

    /// Whether the task that was enqueued under `key` waits, is worked on, is a dead letter, or is remembered.
    pub fn knows(&self, key: &str) -> bool {
        self.0.replicated.get(&key.to_owned()).is_some()
    }

    /// Adds a task. When this returns, no failure loses it.
    ///
    /// # Errors
    /// [`Error::Full`], and the store's: then whether it was added is not known.
    pub async fn enqueue(&self, task: T, options: Options) -> Result<Enqueued, Error> {
        let (waiting, most) = (self.waiting(), self.0.settings.max_waiting);
        let is_named = options.key.is_some();
        let key = options.key.map_or_else(random_key, Ok)?;
        if waiting >= most && self.0.replicated.get(&key).is_none() {
            return Err(Error::Full(most));
        }
        let tracked = Tracked {
            task,
            priority: options.priority,
            enqueued_at_ms: now_ms(),
            attempts: 0,
            is_named,
            state: State::Waiting { delay_ms: millis(options.delay) },
            log: Vec::new(),
        };
        match self.0.replicated.create(&key, tracked).await {
            Ok(()) => Ok(Enqueued { key, is_new: true }),
            Err(StoreError::Conflict) => Ok(Enqueued { key, is_new: false }),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for a task and claims it. While the store fails, it tries again and again, with pauses.
    pub async fn claim(&self) -> Claim<T> {
        let mut lost = 0;
        loop {
            match self.reserve(lost).await.claim("").await {
                Ok(Some(claim)) => return claim,
                Ok(None) => lost += 1,
                Err(error) => {
                    tracing::debug!("claiming a task of {}: {error}", T::NAMESPACE);
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Waits for a task that can be claimed, after the caller `lost` so many in a row to other processes. Dropping the future loses
    /// nothing.
    pub async fn reserve(&self, lost: u32) -> Reserved<'_, T> {
        let skip = if lost == 0 { 0 } else { getrandom::u32().unwrap_or_default() as usize % SPREAD };
        if lost > 0 {
            give_way(lost).await;
        }
        let tasks = self.0.tasks();
        let _watching = self.0.watching.lock().await;
        loop {
            let (taken, next) = tasks.with(|schedule| (schedule.take(Instant::now(), skip), schedule.next()));
            match (taken, next) {
                (Some((key, revision)), _) => return Reserved { queue: &self.0, key, revision },
                // Whether that time has come is seen above.
                (None, Some(next)) => drop(timeout_at(next, tasks.earlier.notified()).await),
                (None, None) => tasks.earlier.notified().await,
            }
        }
    }

    /// Takes up a claim that was made here or by another process, by its [id](Claim::id).
    ///
    /// # Errors
    /// [`Error::Lost`] if the task was cancelled or settled, or another claim has it by now. The store's.
    pub async fn resume(&self, key: &str, id: &str) -> Result<Claim<T>, Error> {
        let (queue, key) = (&self.0, key.to_owned());
        if queue.held(&key, id).is_none() {
            queue.replicated.look_up(&key).await?;
        }
        let (tracked, _) = queue.held(&key, id).ok_or(Error::Lost)?;
        Ok(Claim { queue: Arc::clone(queue), key, id: id.to_owned(), tracked })
    }

    /// Takes over a task as the store has it now: another process may have changed it just now.
    ///
    /// # Errors
    /// The store's.
    pub async fn look_up(&self, key: &str) -> Result<(), Error> {
        Ok(self.0.replicated.look_up(&key.to_owned()).await?)
    }

    /// Reads a task, as far as this process knows it; `None` without such a task.
    pub fn read<R>(&self, key: &str, read: impl FnOnce(&Tracked<T>) -> R) -> Option<R> {
        let key = key.to_owned();
        self.0.replicated.with(|replica| replica.get(&key).map(read))
    }

    /// Changes whenever a task does, here or at another process.
    pub fn changed(&self) -> watch::Receiver<()> {
        self.0.tasks().changed.subscribe()
    }

    /// Removes a task, whatever became of it. A worker that has it learns of that when it renews or settles it. Says whether
    /// there was such a task.
    ///
    /// # Errors
    /// The store's.
    pub async fn cancel(&self, key: &str) -> Result<bool, Error> {
        let key = key.to_owned();
        if self.0.replicated.get(&key).is_none() {
            self.0.replicated.look_up(&key).await?;
        }
        let is_there = self.0.replicated.get(&key).is_some();
        self.0.replicated.remove(&key).await?;
        Ok(is_there)
    }

    /// The tasks that failed too often, by key.
    pub fn dead_letters(&self) -> Vec<DeadLetter<T>> {
        let all = self.0.replicated.all().into_iter();
        all.filter_map(|(key, Tracked { task, attempts, state, .. })| match state {
            State::Dead { reason } => Some(DeadLetter { key, task, attempts, reason }),
            _ => None,
        })
        .collect()
    }

    /// Has a dead letter tried again, as if it were new.
    ///
    /// # Errors
    /// [`Error::NotDead`], and the store's.
    pub async fn send_again(&self, key: &str) -> Result<(), Error> {
        let key = key.to_owned();
        let changed = self.0.replicated.change(&key, |tracked| {
            let is_dead = matches!(tracked.state, State::Dead { .. });
            let waiting = State::Waiting { delay_ms: 0 };
            is_dead.then(|| Tracked { attempts: 0, state: waiting, ..tracked.clone() })
        });
        let is_waiting = |tracked: &Tracked<T>| tracked.attempts == 0 && tracked.is_open();
        let changed = changed.await?.filter(is_waiting);
        changed.map(drop).ok_or(Error::NotDead(key))
    }
}

impl<T: Task> Inner<T> {
    fn tasks(&self) -> &Tasks<T> {
        self.replicated.host()
    }

    /// The task and the write it comes from, if that claim has it.
    fn held(&self, key: &String, id: &str) -> Option<(Tracked<T>, Revision)> {
        self.replicated.with(|replica| {
            let is_held = |tracked: &&Tracked<T>| {
                tracked.claimed().is_some_and(|claimed| !id.is_empty() && claimed.claim == id)
            };
            Some((replica.get(key).filter(is_held)?.clone(), replica.revision(key)?))
        })
    }

    /// Claims a task that was claimable as `seen` wrote it; `None` if it has changed since, or became a dead letter.
    async fn try_claim(
        self: &Arc<Self>,
        key: &String,
        seen: Revision,
        worker: &str,
    ) -> Result<Option<Claim<T>>, StoreError> {
        let unchanged = |replica: &mut Replica<_>| {
            replica.get(key).filter(|_| replica.revision(key) == Some(seen)).cloned()
        };
        let known: Option<Tracked<T>> = self.replicated.with(unchanged);
        let Some(mut tracked) = known.filter(Tracked::is_open) else { return Ok(None) };
        tracked.end_attempt(LEASE_ENDED);
        let expect = Expect::Revision(seen);
        if tracked.attempts >= self.settings.max_attempts {
            let reason = format!("the lease of attempt {} ended", tracked.attempts);
            tracked.state = State::Dead { reason };
            self.replicated.write(key, tracked, expect).await?;
            self.delete_excess().await;
            return Ok(None);
        }
        let id = random_key()?;
        tracked.attempts += 1;
        tracked.state = State::Claimed(Claimed {
            lease_ms: millis(self.settings.lease),
            renewals: 0,
            claim: id.clone(),
            worker: worker.to_owned(),
            began_at_ms: now_ms(),
            percent: 0,
        });
        self.replicated.write(key, tracked.clone(), expect).await?;
        Ok(Some(Claim { queue: Arc::clone(self), key: key.clone(), id, tracked }))
    }

    /// Deletes the oldest dead letters and done tasks beyond the limits.
    async fn delete_excess(&self) {
        let Settings { max_dead, max_done, .. } = self.settings;
        while let Some((revision, key)) = self.tasks().with(|schedule| schedule.excess(max_dead, max_done)) {
            if let Err(error) = self.replicated.delete(&key, revision).await {
                // Another process deletes it at the same moment, or the next task that is settled tries again.
                return tracing::debug!("task {key} of {} could not be deleted: {error}", T::NAMESPACE);
            }
        }
    }
}

fn random_key() -> Result<String, StoreError> {
    let random = [getrandom::u64(), getrandom::u64()];
    let [high, low] = random.map(|part| part.map_err(|error| StoreError::Unavailable(error.to_string())));
    Ok(format!("{:016x}{:016x}", high?, low?))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::*;
    use crate::{Engine, Namespace, Store};

    #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
    struct Job(u32);

    impl Task for Job {
        const NAMESPACE: Namespace = Namespace::new("jobs");
    }

    #[tokio::test]
    async fn a_task_that_another_worker_claimed_after_it_was_taken_is_left_to_that_worker() {
        let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
        let queue = || Queue::<Job>::new(Arc::clone(&store.kv), Settings::default());
        let (queue, other) = (queue(), queue());
        let Enqueued { key, .. } = queue.enqueue(Job(1), Options::default()).await.unwrap();
        other.load().await.unwrap();

        let reserved = queue.reserve(0).await;
        let mut claim = other.claim().await;
        // The watch shows the claim before this worker writes its own.
        queue.0.replicated.look_up(&key).await.unwrap();
        assert!(reserved.claim("").await.unwrap().is_none());
        claim.progress().await.expect("the first worker still has it");
        assert_eq!(claim.attempt(), 1);
    }

    #[tokio::test]
    async fn dead_letters_and_done_tasks_are_bounded_and_the_newest_stay() {
        let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
        let settings = Settings { max_attempts: 1, max_dead: 2, max_done: 2, ..Settings::default() };
        let queue = Queue::<Job>::new(Arc::clone(&store.kv), settings);
        let named = |key: &str| Options { key: Some(key.into()), ..Options::default() };
        for number in 0..4 {
            queue.enqueue(Job(number), Options::default()).await.unwrap();
            queue.claim().await.nack("always fails").await.unwrap();
            queue.enqueue(Job(number), named(&number.to_string())).await.unwrap();
            queue.claim().await.ack().await.unwrap();
        }
        let mut dead: Vec<_> = queue.dead_letters().into_iter().map(|letter| letter.task.0).collect();
        dead.sort_unstable();
        assert_eq!(dead, [2, 3]);
        assert_eq!(
            store.kv.entries(Job::NAMESPACE, "").await.unwrap().len(),
            4,
            "nor are others in the store"
        );
        for (key, is_new) in [("0", true), ("3", false)] {
            assert_eq!(queue.enqueue(Job(9), named(key)).await.unwrap().is_new, is_new);
        }
    }

    #[tokio::test]
    async fn a_worker_pauses_after_a_task_that_cannot_be_read_any_more() {
        let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
        let queue = Queue::<Job>::new(Arc::clone(&store.kv), Settings::default());
        let Enqueued { key, .. } = queue.enqueue(Job(1), Options::default()).await.unwrap();
        store.kv.put(Job::NAMESPACE, &key, "{}".into(), None).await.unwrap();
        let refused = queue.reserve(0).await.claim("").await.err();
        assert_eq!(refused, Some(Error::Store(StoreError::Conflict)), "so it pauses");
    }
}
