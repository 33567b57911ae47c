//! The calls from a worker to main servers.

use std::time::Duration;

use cluster_client::{CallError, MainServers};
use protocol::job::{
    ClaimTask, ClaimedTask, LostTasks, Output, TaskDone, TaskFailed, TaskProgress, Worker, WorkerHeartbeat,
};
use reqwest::Method;
use serde::{Serialize, de::IgnoredAny};

/// How long a main server may keep a claim open while there is no task.
const CLAIM_WAIT: Duration = Duration::from_secs(20);
/// Longest wait for the answer to a claim.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(25);
/// Longest wait for any other answer: short, so that a lease outlives one main server that hangs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Most bytes of the reason of a failure; a main server accepts twice as many.
const MAX_REASON_BYTES: usize = 2 << 10;

/// A client of the main servers' worker API.
#[derive(Debug)]
pub(crate) struct Api {
    main_servers: MainServers,
}

impl Api {
    pub(crate) fn new(main_servers: MainServers) -> Self {
        Self { main_servers }
    }

    /// The main servers.
    pub(crate) fn main_servers(&self) -> &MainServers {
        &self.main_servers
    }

    /// Waits for a task at the current main server.
    ///
    /// # Errors
    /// Those of the call. If the main server is unreachable, the next call goes to another one.
    pub(crate) async fn claim(&self, worker: Worker) -> Result<Option<ClaimedTask>, CallError> {
        let wait_ms = CLAIM_WAIT.as_millis() as u64;
        let body = ClaimTask { worker, wait_ms };
        let claimed = self.main_servers.call(Method::POST, "/api/worker/claim", &body, CLAIM_TIMEOUT).await;
        self.leave_if_away(claimed)
    }

    /// Sends the worker's state to its main server; returns the keys of tasks that the worker has lost.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub(crate) async fn heartbeat(&self, worker: Worker) -> Result<Vec<String>, CallError> {
        let body = WorkerHeartbeat { worker };
        let answer =
            self.main_servers.call(Method::POST, "/api/worker/heartbeat", &body, ANSWER_TIMEOUT).await;
        self.leave_if_away(answer).map(|LostTasks { lost }| lost)
    }

    /// Renews the lease of a task.
    ///
    /// # Errors
    /// `task_lost`, or those of the call.
    pub(crate) async fn progress(&self, task: &ClaimedTask, percent: u8) -> Result<(), CallError> {
        let body = TaskProgress { claim: task.claim.clone(), percent };
        self.report(&task.key, "progress", &body).await
    }

    /// Reports the output of a task. May be repeated.
    ///
    /// # Errors
    /// As [`Self::progress`].
    pub(crate) async fn done(&self, task: &ClaimedTask, output: &Output) -> Result<(), CallError> {
        let body = TaskDone { claim: task.claim.clone(), output: output.clone() };
        self.report(&task.key, "done", &body).await
    }

    /// Reports why a task failed. May be repeated.
    ///
    /// # Errors
    /// As [`Self::progress`].
    pub(crate) async fn failed(
        &self,
        task: &ClaimedTask,
        failed: &job_kinds::Failed,
    ) -> Result<(), CallError> {
        let job_kinds::Failed { failure, mut reason } = failed.clone();
        reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
        let body = TaskFailed { claim: task.claim.clone(), reason, failure };
        self.report(&task.key, "failed", &body).await
    }

    async fn report(&self, key: &str, what: &str, body: &impl Serialize) -> Result<(), CallError> {
        let path = format!("/api/worker/tasks/{key}/{what}");
        let answer = self.main_servers.call_any(Method::POST, &path, body, ANSWER_TIMEOUT).await;
        answer.map(|IgnoredAny| ())
    }

    fn leave_if_away<A>(&self, answer: Result<A, CallError>) -> Result<A, CallError> {
        answer.inspect_err(|error| {
            if error.is_away() {
                self.main_servers.move_on();
            }
        })
    }
}
