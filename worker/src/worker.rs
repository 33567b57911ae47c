//! The loop that claims tasks, and the end of a worker.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::Router;
use cluster_client::{CallError, retry_after};
use protocol::ErrorCode;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Error,
    attempt::HAND_BACK_TIMEOUT,
    http,
    shared::{Run, Shared},
};

/// Time between two heartbeats of a worker that has tasks. A claim counts as a heartbeat, but a fully
/// occupied worker makes no claims.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// Waits after every main server failed once grow from the first to the second.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// Waits after tasks that failed or were handed back, in a row, grow from the first to the second.
const FIRST_TASK_RETRY: Duration = Duration::from_millis(500);
const LAST_TASK_RETRY: Duration = Duration::from_secs(30);
/// How long the reports of handed-back tasks may take.
const LAST_REPORTS_TIMEOUT: Duration = Duration::from_secs(1);

/// A worker that is ready to run. The [crate] says how it works.
pub struct Worker {
    shared: Arc<Shared>,
    unhealthy_after: Option<Duration>,
    stop_grace: Duration,
}

impl Worker {
    /// Creates a worker. Nothing is sent before [`Self::run`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new(config: Config) -> Result<Self, Error> {
        Self::with(config, Arc::new(job_kinds::run))
    }

    /// Creates a worker that does tasks by `run`.
    pub(crate) fn with(config: Config, run: Run) -> Result<Self, Error> {
        let (unhealthy_after, stop_grace) = (config.unhealthy_after, config.stop_grace);
        let shared = Shared::open(config, run)?;
        Ok(Self { shared: Arc::new(shared), unhealthy_after, stop_grace })
    }

    /// `/healthz`, `/readyz` and `/metrics`.
    pub fn router(&self) -> Router {
        http::router(self.shared.clone())
    }

    /// The shared state, for tests.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Claims tasks and does them until `stopping`. Then it finishes those that are nearly done, and hands
    /// back the others. That takes at most the configured grace plus two seconds.
    pub async fn run(self, stopping: CancellationToken) {
        let Self { shared, unhealthy_after, stop_grace } = self;
        let mut attempts = JoinSet::new();
        shared.announce();
        tokio::select! {
            () = stopping.cancelled() => {}
            () = shared.claim_tasks(&mut attempts) => {}
            () = shared.send_heartbeats() => {}
            () = crash_after(unhealthy_after) => {}
        }
        shared.stop(attempts, stop_grace).await;
    }
}

impl Shared {
    /// Claims a task whenever a place is free. Does not end.
    async fn claim_tasks(self: &Arc<Self>, attempts: &mut JoinSet<()>) {
        let places = Arc::new(Semaphore::new(self.config.concurrency.max(1).into()));
        let mut failures = 0;
        loop {
            let place = places.clone().acquire_owned().await.expect("is never closed");
            while attempts.try_join_next().is_some() {}
            self.wait_after_failures().await;
            match self.api.claim(self.state()).await {
                Ok(claimed) => {
                    failures = 0;
                    self.set_connected(true);
                    if let Some(task) = claimed {
                        attempts.spawn(self.clone().attempt(task, place));
                    }
                }
                Err(error) => {
                    failures += 1;
                    self.wait_after(&error, failures).await;
                }
            }
        }
    }

    async fn wait_after_failures(&self) {
        if let Some(failures) = self.failures_in_a_row.load(Relaxed).checked_sub(1) {
            sleep(retry_after(failures, FIRST_TASK_RETRY, LAST_TASK_RETRY)).await;
        }
    }

    /// Waits after the `failures`th failure in a row, unless another main server has not been tried yet.
    async fn wait_after(&self, error: &CallError, failures: usize) {
        self.note_failure(error);
        let count = self.api.main_servers().count();
        if failures <= count || failures.is_multiple_of(10) {
            complain(error);
        }
        if !error.is_away() || failures.is_multiple_of(count) {
            self.set_connected(false);
            sleep(retry_after((failures / count).saturating_sub(1), FIRST_RETRY, LAST_RETRY)).await;
        }
    }

    /// Sends heartbeats while the worker has tasks, and stops tasks that it has lost. Does not end.
    async fn send_heartbeats(&self) {
        let mut ticks = interval(HEARTBEAT_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.running.count() > 0 {
                self.send_heartbeat().await;
            }
        }
    }

    pub(crate) async fn send_heartbeat(&self) {
        match self.api.heartbeat(self.state()).await {
            Ok(lost) => {
                let running = self.running.all();
                let lost = running.iter().filter(|claim| lost.iter().any(|key| key == claim.key()));
                lost.for_each(|claim| claim.lose());
            }
            Err(error) => self.note_failure(&error),
        }
    }

    async fn stop(&self, mut attempts: JoinSet<()>, grace: Duration) {
        let running = self.running.all();
        let (finishing, others): (Vec<_>, Vec<_>) =
            running.into_iter().partition(|claim| claim.ends_within(grace));
        if !finishing.is_empty() || !others.is_empty() {
            let (finishing, others) = (finishing.len(), others.len());
            tracing::info!(
                finishing,
                handed_back = others,
                "stopping: {finishing} tasks are finished, {others} are handed back"
            );
        }
        others.iter().for_each(|claim| claim.cancel());
        if timeout(grace, joined(&mut attempts)).await.is_err() {
            finishing.iter().for_each(|claim| claim.cancel());
            let last = HAND_BACK_TIMEOUT + LAST_REPORTS_TIMEOUT;
            if timeout(last, joined(&mut attempts)).await.is_err() {
                tracing::warn!(
                    tasks = attempts.len(),
                    "some tasks could not be handed back: their leases end"
                );
            }
        }
    }
}

async fn joined(attempts: &mut JoinSet<()>) {
    while attempts.join_next().await.is_some() {}
}

/// Crashes the process after this time. Does not end.
async fn crash_after(time: Option<Duration>) {
    let Some(time) = time else { return std::future::pending().await };
    sleep(time).await;
    tracing::error!("crashing on purpose, as --unhealthy-after asks for");
    std::process::abort();
}

fn complain(error: &CallError) {
    match error.code() {
        Some(ErrorCode::Unauthorized) => {
            tracing::warn!("the main server's cluster secret differs from this worker's; trying again");
        }
        _ => tracing::warn!(%error, "a main server gives no tasks; trying again: {error}"),
    }
}
