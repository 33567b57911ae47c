//! How soon a waiting worker has the task of a requested job, through a main server's HTTP API.
//!
//! This program is the worker: it claims over HTTP and reports at once that each task failed permanently, so
//! tasks are empty. Jobs are exports of different clips of one item.

use std::time::{Duration, Instant};

use protocol::{
    ItemId,
    job::{Ability, ClaimTask, ClaimedTask, ExportFormat, Failure, Kind, Params, TaskFailed, Worker},
};
use reqwest::StatusCode;

use super::operator::Operator;
use crate::{
    error::{Error, Result},
    histogram::Histogram,
};

/// Longest wait of a claim for a task.
const WAIT_MS: u64 = 20_000;
/// Time until the claim is waiting at the main server.
const SETTLE: Duration = Duration::from_millis(10);

/// From the request for a job until its task is with the worker, in µs.
///
/// # Errors
/// Those of [`Operator::ask`].
pub(super) async fn measure(operator: &Operator, item: ItemId, count: u32) -> Result<Histogram> {
    let mut waits = Histogram::default();
    for number in 0..count {
        let claiming = tokio::spawn(claim(operator.clone()));
        tokio::time::sleep(SETTLE).await;
        let asked = Instant::now();
        let params = Params {
            format: Some(ExportFormat::Mkv),
            from_ms: Some(u64::from(number) + 1),
            ..Params::default()
        };
        let started = operator.start(Kind::Export, item, params).await?;
        let claimed = claiming.await.map_err(|crash| Error::Protocol(format!("a claim crashed: {crash}")))?;
        let (task, at) = claimed?;
        if task.job_id != started {
            return Err(Error::Protocol("a worker was given the task of another job".into()));
        }
        waits.add(at.duration_since(asked).as_micros() as u64);
        let failed =
            TaskFailed { claim: task.claim, reason: "it is empty".into(), failure: Failure::ForGood };
        let path = format!("/api/worker/tasks/{}/failed", task.key);
        operator.ask(operator.as_worker(&path).json(&failed)).await?;
    }
    Ok(waits)
}

/// Waits for a task; returns when it arrived.
async fn claim(operator: Operator) -> Result<(ClaimedTask, Instant)> {
    let worker = Worker {
        worker_id: "0".repeat(32),
        name: "perf".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        concurrency: 1,
        abilities: vec![Ability::Ffmpeg],
        stems_model: None,
        tasks: Vec::new(),
        done: 0,
        failed: 0,
    };
    let request = operator.as_worker("/api/worker/claim").json(&ClaimTask { worker, wait_ms: WAIT_MS });
    let answer = operator.ask(request).await?;
    if answer.status() == StatusCode::NO_CONTENT {
        return Err(Error::Incomplete(format!("no task came within {WAIT_MS} ms")));
    }
    let body = answer.bytes().await.map_err(|error| Error::Protocol(format!("a claim: {error}")))?;
    let at = Instant::now();
    let task = serde_json::from_slice(&body).map_err(|error| Error::Protocol(format!("a claim: {error}")))?;
    Ok((task, at))
}
