//! The tasks of jobs in the store's queue. There is one queue for tasks that every worker can do, and one for
//! those that need `ffmpeg`, so that a worker without it does not search through the latter.
//!
//! If a server dies between two writes, the queue may keep a task that its job no longer needs. The server
//! that would give it to a worker removes it.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use futures_util::future::{Either, FutureExt, select};
use protocol::{
    JobId,
    job::{Attempt, Work},
};
use serde::{Deserialize, Serialize};
use store::{
    Kv, Namespace, Queue,
    queue::{self, Claim, Enqueued, Options, Settings, State, Tracked},
};
use tokio::sync::watch;

use super::{
    error::Error,
    job::{Ended, Record, Seen, SeenState},
};

/// Lifetime of a claim without a report of progress.
const LEASE: Duration = Duration::from_secs(if cfg!(test) { 3 } else { 10 });
/// Most attempts at a task.
const ATTEMPTS: u32 = 6;
/// Pauses after failed attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 500 });
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a done task is remembered, so that a server that is behind does not enqueue it again.
const REMEMBER_DONE: Duration = Duration::from_secs(10 * 60);

/// The key of a task: `{job_id}-{generation}-{n}`, followed by the worker's required ability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) job_id: JobId,
    pub(crate) generation: u32,
    pub(crate) n: u32,
    /// Whether it needs a worker with `ffmpeg`.
    pub(crate) needs_ffmpeg: bool,
}

const NEEDS_FFMPEG: &str = "ffmpeg";

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job_id, generation, n, needs_ffmpeg } = self;
        write!(f, "{job_id}-{generation}-{n}")?;
        if *needs_ffmpeg { write!(f, "-{NEEDS_FFMPEG}") } else { Ok(()) }
    }
}

/// The text is not the key of a task.
#[derive(Debug)]
pub(crate) struct NotAKey;

impl FromStr for Key {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(NotAKey);
        let job_id = part()?.parse().map_err(|_| NotAKey)?;
        let generation = part()?.parse().map_err(|_| NotAKey)?;
        let n = part()?.parse().map_err(|_| NotAKey)?;
        let needs_ffmpeg = match (parts.next(), parts.next()) {
            (None, _) => false,
            (Some(NEEDS_FFMPEG), None) => true,
            _ => return Err(NotAKey),
        };
        Some(Self { job_id, generation, n, needs_ffmpeg })
            .filter(|key| key.to_string() == text)
            .ok_or(NotAKey)
    }
}

impl Key {
    /// The key of task `n` of a job.
    pub(crate) fn of(job_id: JobId, record: &Record, n: u32) -> Self {
        Self { job_id, generation: record.generation, n, needs_ffmpeg: record.task_needs_ffmpeg(n) }
    }
}

/// A task in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plain {
    /// The work.
    work: Work,
}

/// A task in the queue for workers with `ffmpeg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ffmpeg {
    work: Work,
}

impl queue::Task for Plain {
    const NAMESPACE: Namespace = Namespace::new("job-tasks");
}

impl queue::Task for Ffmpeg {
    const NAMESPACE: Namespace = Namespace::new("job-tasks-ffmpeg");
}

/// Both queues of tasks.
pub(crate) struct Tasks {
    plain: Queue<Plain>,
    ffmpeg: Queue<Ffmpeg>,
}

/// A claimed task.
pub(crate) enum Held {
    /// A task that every worker can do.
    Plain(Claim<Plain>),
    /// One that needs `ffmpeg`.
    Ffmpeg(Claim<Ffmpeg>),
}

/// Runs the same code for either kind of claim.
macro_rules! each {
    ($held:expr, $claim:ident => $result:expr) => {
        match $held {
            Held::Plain($claim) => $result,
            Held::Ffmpeg($claim) => $result,
        }
    };
}

impl Held {
    /// The key of the task.
    pub(crate) fn key(&self) -> &str {
        each!(self, claim => claim.key())
    }

    /// The id of the claim.
    pub(crate) fn id(&self) -> &str {
        each!(self, claim => claim.id())
    }

    /// The work.
    pub(crate) fn work(&self) -> &Work {
        each!(self, claim => &claim.task().work)
    }

    /// The number of the attempt, from 1.
    pub(crate) fn attempt(&self) -> u32 {
        each!(self, claim => claim.attempt())
    }

    /// How long a renewal lasts.
    pub(crate) fn lease(&self) -> Duration {
        each!(self, claim => claim.lease())
    }

    /// The attempts, if this one ended now with this outcome.
    pub(crate) fn ended(&self, outcome: &str) -> Ended {
        each!(self, claim => ended(claim.tracked(), outcome))
    }

    /// Reports progress, which renews the lease.
    pub(crate) async fn progress(&mut self, percent: u8) -> Result<(), queue::Error> {
        each!(self, claim => claim.progress_to(percent).await)
    }

    /// Settles the task as done.
    pub(crate) async fn ack(self) -> Result<(), queue::Error> {
        each!(self, claim => claim.ack().await)
    }

    /// Settles the attempt as failed.
    pub(crate) async fn nack(self, reason: &str) -> Result<(), queue::Error> {
        each!(self, claim => claim.nack(reason).await)
    }

    /// Returns the task; the attempt does not count.
    pub(crate) async fn put_back(self) -> Result<(), queue::Error> {
        each!(self, claim => claim.put_back(Duration::ZERO).await)
    }
}

/// Runs the same code for the queue of a key.
macro_rules! of_key {
    ($tasks:expr, $key:expr, $queue:ident => $result:expr) => {
        if $key.needs_ffmpeg {
            let $queue = &$tasks.ffmpeg;
            $result
        } else {
            let $queue = &$tasks.plain;
            $result
        }
    };
}

impl Tasks {
    /// Knows no tasks before [`Self::load`].
    pub(crate) fn new(kv: &Arc<dyn Kv>) -> Self {
        let settings = Settings {
            lease: LEASE,
            max_attempts: ATTEMPTS,
            first_pause: FIRST_PAUSE,
            longest_pause: LONGEST_PAUSE,
            remember_done: REMEMBER_DONE,
            ..Settings::default()
        };
        Self { plain: Queue::new(Arc::clone(kv), settings), ffmpeg: Queue::new(Arc::clone(kv), settings) }
    }

    /// Loads the tasks from the store.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn load(&self) -> Result<(), store::Error> {
        for loaded in [self.plain.load().await, self.ffmpeg.load().await] {
            if let Err(queue::Error::Store(error)) = loaded {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Follows changes by other main servers, until dropped.
    pub(crate) async fn follow(&self) {
        tokio::join!(self.plain.follow(), self.ffmpeg.follow());
    }

    /// Notified of every change of a task.
    pub(crate) fn changed(&self) -> [watch::Receiver<()>; 2] {
        [self.plain.changed(), self.ffmpeg.changed()]
    }

    /// How many tasks wait for a worker.
    pub(crate) fn waiting(&self) -> usize {
        self.plain.waiting() + self.ffmpeg.waiting()
    }

    /// Adds a task; an existing or done one stays unchanged.
    ///
    /// # Errors
    /// [`Error::Full`], those of the store.
    pub(crate) async fn enqueue(&self, key: Key, work: Work, priority: u8) -> Result<Enqueued, Error> {
        let options = Options { key: Some(key.to_string()), priority, ..Options::default() };
        if key.needs_ffmpeg {
            return Ok(self.ffmpeg.enqueue(Ffmpeg { work }, options).await?);
        }
        Ok(self.plain.enqueue(Plain { work }, options).await?)
    }

    /// Whether the queue has the task, or remembers that it is done.
    pub(crate) fn knows(&self, key: Key) -> bool {
        of_key!(self, key, queue => queue.knows(&key.to_string()))
    }

    /// Removes a task. Its worker learns of that at its next report.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn cancel(&self, key: Key) -> Result<(), Error> {
        of_key!(self, key, queue => queue.cancel(&key.to_string()).await.map(drop).map_err(Error::from))
    }

    /// Continues a claim by its id.
    ///
    /// # Errors
    /// [`Error::Lost`], those of the store.
    pub(crate) async fn resume(&self, key: Key, claim: &str) -> Result<Held, Error> {
        let text = key.to_string();
        if key.needs_ffmpeg {
            return Ok(Held::Ffmpeg(self.ffmpeg.resume(&text, claim).await?));
        }
        Ok(Held::Plain(self.plain.resume(&text, claim).await?))
    }

    /// Waits for a task that the worker can do, and claims it under the worker's name. `None` when `end`
    /// completes first.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn claim(
        &self,
        worker: &str,
        has_ffmpeg: bool,
        end: impl Future<Output = ()>,
    ) -> Result<Option<Held>, Error> {
        let mut end = std::pin::pin!(end);
        let mut lost = 0;
        loop {
            // The wait ends with `end`, but a claim that is being written continues.
            let reserved = match select(std::pin::pin!(self.reserve(has_ffmpeg, lost)), end.as_mut()).await {
                Either::Left((reserved, _)) => reserved,
                Either::Right(((), _)) => return Ok(None),
            };
            let claimed = match reserved {
                Reserved::Plain(task) => task.claim(worker).await?.map(Held::Plain),
                Reserved::Ffmpeg(task) => task.claim(worker).await?.map(Held::Ffmpeg),
            };
            if claimed.is_some() {
                return Ok(claimed);
            }
            lost += 1;
        }
    }

    /// Waits for a task in the worker's queues; of two, takes the one with the higher priority.
    async fn reserve(&self, has_ffmpeg: bool, lost: u32) -> Reserved<'_> {
        if !has_ffmpeg {
            return Reserved::Plain(self.plain.reserve(lost).await);
        }
        let (plain, ffmpeg) =
            (std::pin::pin!(self.plain.reserve(lost)), std::pin::pin!(self.ffmpeg.reserve(lost)));
        match select(plain, ffmpeg).await {
            Either::Left((plain, ffmpeg)) => match ffmpeg.now_or_never() {
                Some(ffmpeg) if ffmpeg.priority() >= plain.priority() => Reserved::Ffmpeg(ffmpeg),
                _ => Reserved::Plain(plain),
            },
            Either::Right((ffmpeg, plain)) => match plain.now_or_never() {
                Some(plain) if plain.priority() > ffmpeg.priority() => Reserved::Plain(plain),
                _ => Reserved::Ffmpeg(ffmpeg),
            },
        }
    }

    /// If the task failed too often: its last error, and its attempts.
    pub(crate) fn dead(&self, key: Key) -> Option<(String, Ended)> {
        fn reason<T: queue::Task>(tracked: &Tracked<T>) -> Option<(String, Ended)> {
            match &tracked.state {
                State::Dead { reason } => Some((reason.clone(), ended(tracked, ""))),
                _ => None,
            }
        }
        let text = key.to_string();
        of_key!(self, key, queue => queue.read(&text, reason)).flatten()
    }

    /// The queue's view of a task.
    pub(crate) fn seen(&self, key: Key) -> Option<Seen> {
        fn seen<T: queue::Task>(tracked: &Tracked<T>) -> Seen {
            let state = tracked.claimed().map_or(SeenState::Waiting, |claimed| SeenState::Claimed {
                worker: claimed.worker.clone(),
                began_at_ms: claimed.began_at_ms,
                percent: claimed.percent,
            });
            Seen { state, attempts: tracked.attempts, log: attempts(&tracked.log) }
        }
        let text = key.to_string();
        of_key!(self, key, queue => queue.read(&text, seen))
    }

    /// Whether the task was cancelled or now belongs to another worker. A server that is behind may be wrong
    /// about that, so it asks the store. A task that is unknown here may be too new: it does not count as
    /// lost.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn is_lost(&self, key: Key, worker: &str) -> Result<bool, Error> {
        if !self.knows(key) || self.is_with(key, worker) {
            return Ok(false);
        }
        let text = key.to_string();
        of_key!(self, key, queue => queue.look_up(&text).await)?;
        Ok(!self.is_with(key, worker))
    }

    /// Whether a worker of that name has the task, as far as known here.
    fn is_with(&self, key: Key, worker: &str) -> bool {
        let text = key.to_string();
        of_key!(self, key, queue => queue.read(&text, |tracked| {
            tracked.claimed().is_some_and(|claimed| claimed.worker == worker)
        }))
        .unwrap_or(false)
    }
}

/// A waiting task that is reserved for a worker.
enum Reserved<'a> {
    Plain(queue::Reserved<'a, Plain>),
    Ffmpeg(queue::Reserved<'a, Ffmpeg>),
}

fn ended<T: queue::Task>(tracked: &Tracked<T>, outcome: &str) -> Ended {
    Ended { attempts: tracked.attempts, log: attempts(&tracked.log_with(outcome)) }
}

fn attempts(log: &[queue::Attempt]) -> Vec<Attempt> {
    let attempt = |attempt: &queue::Attempt| Attempt {
        n: attempt.n,
        worker: attempt.worker.clone(),
        began_at_ms: attempt.began_at_ms,
        ended_at_ms: Some(attempt.ended_at_ms),
        outcome: Some(attempt.outcome.clone()),
    };
    log.iter().map(attempt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let job_id = JobId::from_bytes([0xab; 16]);
        for needs_ffmpeg in [false, true] {
            let key = Key { job_id, generation: 3, n: 12, needs_ffmpeg };
            assert_eq!(key.to_string().parse::<Key>().ok(), Some(key));
        }
        let id = job_id.to_string();
        for text in [
            "",
            &id,
            &format!("{id}-1"),
            &format!("{id}-1-2-x"),
            &format!("{id}-+1-2"),
            &format!("{id}-1-2-ffmpeg-"),
        ] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }
}
