//! One attempt at a task: a thread that runs it, renewals of its lease meanwhile, and a report at the end.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use cluster_client::{CallError, retry_after};
use job_kinds::{Failed, Tools};
use protocol::{
    ErrorCode,
    job::{ClaimedTask, Failure, Output},
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, oneshot},
    time::{Instant, sleep, timeout},
};
use tracing::Instrument;

use crate::{blobs::TaskBlobs, claim::Claim, priority, shared::Shared};

/// Shortest time between two reports of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Shortest lease that is renewed in time. A shorter one is treated as this one, to bound the number of calls.
const SHORTEST_LEASE: Duration = Duration::from_millis(300);
/// Waits between attempts to report how a task ended grow from the first to the second.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// After this many retries, about a minute, the report is dropped: the lease has ended, and another worker
/// does the task.
const MAX_RETRIES: usize = 40;
/// How long a cancelled task may take to stop before it is handed back; what still runs then ends with the
/// process.
pub(crate) const HAND_BACK_TIMEOUT: Duration = Duration::from_millis(500);
/// Stack of a task's thread, in bytes.
const STACK_BYTES: usize = 8 << 20;

type Outcome = Result<Output, Failed>;

impl Shared {
    /// Runs a task and reports it. `place` is free again when the thread has ended and the report is made.
    pub(crate) async fn attempt(self: Arc<Self>, task: ClaimedTask, place: OwnedSemaphorePermit) {
        let ClaimedTask { key, job_id, n, attempt, work, .. } = &task;
        let step = work.step();
        let span = tracing::info_span!("task", task.key = key, job.id = %job_id, task.n = n, task.step = step, attempt);
        let attempt = async {
            let claim = Arc::new(Claim::new(key.clone()));
            let _begun = self.running.begin(claim.clone());
            tracing::debug!("task {key} ({step}) has begun");
            let place = Arc::new(place);
            let outcome = self.outcome(&task, &claim, place.clone()).await;
            self.metrics.busy_ms.inc_by(u64::try_from(claim.age().as_millis()).unwrap_or(u64::MAX));
            self.settle(&task, &claim, outcome).await;
            drop(place);
        };
        attempt.instrument(span).await;
    }

    /// The outcome of the task; `None` if the task no longer belongs to this worker.
    async fn outcome(
        self: &Arc<Self>,
        task: &ClaimedTask,
        claim: &Arc<Claim>,
        place: Arc<OwnedSemaphorePermit>,
    ) -> Option<Outcome> {
        let mut ended = self.start(task, claim, place);
        tokio::select! {
            biased;
            outcome = &mut ended => return Some(received(outcome)),
            () = claim.cancelled().cancelled() => {}
            () = self.renew(task, claim) => claim.lose(),
        }
        if claim.is_lost() {
            return None;
        }
        // A task that does not stop in time runs until the process ends. That is harmless, because another
        // worker's output is the same.
        let outcome = timeout(HAND_BACK_TIMEOUT, ended).await.map(received);
        Some(outcome.unwrap_or_else(|_| Err(job_kinds::Cancelled.into())))
    }

    /// Starts the thread of a task, which holds its `place`.
    fn start(
        self: &Arc<Self>,
        task: &ClaimedTask,
        claim: &Arc<Claim>,
        place: Arc<OwnedSemaphorePermit>,
    ) -> oneshot::Receiver<Outcome> {
        let (sender, ended) = oneshot::channel();
        let (worker, work, claim) = (self.clone(), task.work.clone(), claim.clone());
        let (runtime, span) = (Handle::current(), tracing::Span::current());
        let on_thread = move || {
            let _place = place;
            priority::lower();
            let outcome = span.in_scope(|| {
                let doing = AssertUnwindSafe(|| worker.do_task(&work, &claim, runtime));
                catch_unwind(doing).unwrap_or_else(|panic| {
                    worker.metrics.panics.inc();
                    Err(Failed::again(format!("the task panicked: {}", supervisor::message(&*panic))))
                })
            });
            // A cancelled attempt does not wait for it.
            let _ = sender.send(outcome);
        };
        // If it cannot start, the sender is dropped.
        if let Err(error) =
            thread::Builder::new().name("task".into()).stack_size(STACK_BYTES).spawn(on_thread)
        {
            tracing::error!(%error, "cannot start a thread for a task: {error}");
        }
        ended
    }

    fn do_task(&self, work: &protocol::job::Work, claim: &Arc<Claim>, runtime: Handle) -> Outcome {
        let (objects, metrics) = (self.objects.clone(), self.metrics.clone());
        let blobs = TaskBlobs { objects, runtime, claim: claim.clone(), metrics };
        let scratch =
            self.scratch.task().map_err(|error| Failed::again(format!("scratch folder: {error}")))?;
        let tools = Tools {
            blobs: &blobs,
            report: &**claim,
            ffmpeg: self.config.ffmpeg.as_deref(),
            model: self.config.model.as_deref(),
            scratch: scratch.path(),
        };
        (self.run)(work, &tools)
    }

    /// Reports progress, which renews the lease. Ends when the task is lost.
    async fn renew(&self, task: &ClaimedTask, claim: &Claim) {
        let third = Duration::from_millis(task.lease_ms).max(SHORTEST_LEASE) / 3;
        let (mut reported, mut reported_at) = (0, Instant::now());
        loop {
            sleep(third.min(PROGRESS_INTERVAL)).await;
            let percent = claim.percent();
            if percent == reported && reported_at.elapsed() < third {
                continue;
            }
            match self.api.progress(task, percent).await {
                Ok(()) => (reported, reported_at) = (percent, Instant::now()),
                Err(error) if is_lost(&error) => return,
                // The task continues: if its lease ends meanwhile, the first output counts.
                Err(error) => self.note_failure(&error),
            }
        }
    }

    async fn settle(&self, task: &ClaimedTask, claim: &Claim, outcome: Option<Outcome>) {
        let took_ms = u64::try_from(claim.age().as_millis()).unwrap_or(u64::MAX);
        let ClaimedTask { key, .. } = task;
        match outcome {
            None => self.note_loss(key),
            Some(Ok(output)) => match self.deliver(|| self.api.done(task, &output)).await {
                Ok(()) => {
                    self.metrics.done.inc();
                    self.failures_in_a_row.store(0, Relaxed);
                    tracing::info!(took_ms, "task {key} is done after {took_ms} ms");
                }
                Err(error) if is_refused(&error) => {
                    let reason = format!("the main server refuses the output: {error}");
                    self.settle_failed(task, claim, Failed::again(reason)).await;
                }
                Err(error) => self.note_unsettled(key, &error),
            },
            Some(Err(failed)) => self.settle_failed(task, claim, failed).await,
        }
    }

    async fn settle_failed(&self, task: &ClaimedTask, claim: &Claim, failed: Failed) {
        let (key, reason) = (&task.key, &failed.reason);
        match (failed.failure, claim.cancelled().is_cancelled()) {
            (Failure::HandedBack, true) => {
                self.metrics.handed_back.inc();
                tracing::info!("task {key} is handed back: the worker stops");
            }
            (Failure::HandedBack, false) => {
                self.metrics.handed_back.inc();
                self.failures_in_a_row.fetch_add(1, Relaxed);
                tracing::warn!("task {key} is handed back: {reason}");
            }
            (failure, _) => {
                self.metrics.failed.inc();
                // A full disk, a damaged model or the wrong object store fails every task at once: other
                // workers should get them.
                if matches!(failure, Failure::Again | Failure::InputGone) {
                    self.failures_in_a_row.fetch_add(1, Relaxed);
                }
                tracing::warn!("task {key} failed: {reason}");
            }
        }
        if let Err(error) = self.deliver(|| self.api.failed(task, &failed)).await {
            self.note_unsettled(key, &error);
        }
    }

    /// Repeats `call` until a main server has answered it.
    async fn deliver<F: Future<Output = Result<(), CallError>>>(
        &self,
        call: impl Fn() -> F,
    ) -> Result<(), CallError> {
        let mut failures = 0;
        loop {
            match call().await {
                Err(error) if failures < MAX_RETRIES && is_temporary(&error) => self.note_failure(&error),
                answer => return answer,
            }
            sleep(retry_after(failures, FIRST_RETRY, LAST_RETRY)).await;
            failures += 1;
        }
    }

    fn note_unsettled(&self, key: &str, error: &CallError) {
        if is_lost(error) {
            return self.note_loss(key);
        }
        tracing::warn!(%error, "the end of task {key} could not be reported; its lease ends: {error}");
    }

    fn note_loss(&self, key: &str) {
        self.metrics.lost.inc();
        tracing::info!("task {key} is not this worker's any more");
    }
}

/// The outcome of the thread. If the thread did not start, or ended without an outcome, the attempt failed.
fn received(outcome: Result<Outcome, oneshot::error::RecvError>) -> Outcome {
    outcome.unwrap_or_else(|_| Err(Failed::again("the thread of the task could not start")))
}

fn is_lost(error: &CallError) -> bool {
    error.code() == Some(ErrorCode::TaskLost)
}

fn is_temporary(error: &CallError) -> bool {
    error.is_away() || error.code() == Some(ErrorCode::LimitReached)
}

/// Whether a main server read the report and did not accept it.
fn is_refused(error: &CallError) -> bool {
    error.refusal().is_some() && !is_lost(error) && !is_temporary(error)
}
