//! `/api/worker`: workers claim tasks and report their results, at any main server.

use std::{sync::Arc, time::Duration};

use axum::{
    Json as Answer,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use objects::Hash;
use protocol::job::{
    Ability, ClaimTask, LostTasks, TaskDone, TaskFailed, TaskProgress, Worker, WorkerHeartbeat,
};
use tokio::time::sleep;

use super::{Api, extract::TaskPath};
use crate::{
    api::{caller::Node, error::Error, extract::Json},
    clock::Now,
};

/// Longest wait for a task.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// Longest name, version and id of a worker, in bytes, and its largest number of simultaneous tasks.
const NAME_BYTES: usize = 100;
const MOST_TASKS: usize = 256;
const MOST_ABILITIES: usize = 8;
/// Most bytes of the reason why an attempt failed.
const REASON_BYTES: usize = 4 << 10;

pub(super) async fn claim(
    State(api): State<Arc<Api>>,
    _: Node,
    Json(ClaimTask { worker, wait_ms }): Json<ClaimTask>,
) -> Result<Response, Error> {
    let worker = checked(worker)?;
    check_model(&worker, api.jobs.limits.stems_model)?;
    api.jobs.workers.hear(&worker, Now::read());
    let wait = Duration::from_millis(wait_ms).min(LONGEST_WAIT);
    let end = async {
        api.closing.run_until_cancelled(sleep(wait)).await;
    };
    let claimed = api.jobs.claim(&worker, end).await?;
    // The worker stayed connected during its wait.
    api.jobs.workers.hear(&worker, Now::read());
    Ok(match claimed {
        Some(claimed) => Answer(claimed).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

pub(super) async fn heartbeat(
    State(api): State<Arc<Api>>,
    _: Node,
    Json(WorkerHeartbeat { worker }): Json<WorkerHeartbeat>,
) -> Result<Answer<LostTasks>, Error> {
    let worker = checked(worker)?;
    api.jobs.workers.hear(&worker, Now::read());
    Ok(Answer(LostTasks { lost: api.jobs.lost(&worker).await? }))
}

pub(super) async fn progress(
    State(api): State<Arc<Api>>,
    _: Node,
    TaskPath(key): TaskPath,
    Json(TaskProgress { claim, percent }): Json<TaskProgress>,
) -> Result<StatusCode, Error> {
    api.jobs.progress(key, &claim, percent).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn done(
    State(api): State<Arc<Api>>,
    _: Node,
    TaskPath(key): TaskPath,
    Json(TaskDone { claim, output }): Json<TaskDone>,
) -> Result<StatusCode, Error> {
    api.jobs.done(key, &claim, &output).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn failed(
    State(api): State<Arc<Api>>,
    _: Node,
    TaskPath(key): TaskPath,
    Json(TaskFailed { claim, reason, failure }): Json<TaskFailed>,
) -> Result<StatusCode, Error> {
    if reason.len() > REASON_BYTES {
        return Err(Error::invalid(format!("reason has more than {REASON_BYTES} bytes")));
    }
    api.jobs.failed(key, &claim, &reason, failure).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All workers must have the operator's model, because all pieces of a song must come from the same one.
fn check_model(worker: &Worker, model: Option<Hash>) -> Result<(), Error> {
    let Some(model) = model.map(|model| model.to_string()) else { return Ok(()) };
    match &worker.stems_model {
        Some(own) if *own == model => Ok(()),
        own => {
            let own = own.as_deref().unwrap_or("none");
            Err(Error::invalid(format!(
                "the model of the worker is {own}, and not {model} (stems_model_hash)"
            )))
        }
    }
}

/// The worker's validated state, without abilities of newer versions.
fn checked(mut worker: Worker) -> Result<Worker, Error> {
    let Worker { worker_id, name, version, tasks, stems_model, .. } = &worker;
    let is_id = worker_id.len() == 32 && worker_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_name = |text: &str| {
        (1..=NAME_BYTES).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    };
    let is_key = |key: &String| key.len() <= NAME_BYTES && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_id || !is_name(name) || !is_name(version) {
        return Err(Error::invalid(
            "worker_id is not 32 hex digits, or a name is not 1 to 100 characters of ASCII",
        ));
    }
    if stems_model.as_ref().is_some_and(|model| model.parse::<Hash>().is_err()) {
        return Err(Error::invalid("stems_model is not 64 hex digits"));
    }
    if tasks.len() > MOST_TASKS || !tasks.iter().all(is_key) {
        return Err(Error::invalid(format!("a worker has at most {MOST_TASKS} tasks")));
    }
    worker.abilities.retain(|ability| *ability != Ability::Other);
    worker.abilities.truncate(MOST_ABILITIES);
    Ok(worker)
}
