//! `/api/jobs` and `/api/workers` for people, `/api/worker` for workers.

mod events;
mod extract;
mod file;
mod list;
mod worker;

use std::sync::Arc;

use axum::{
    Json as Answer, Router,
    extract::{DefaultBodyLimit, FromRef, State},
    http::StatusCode,
    routing::{get, post},
};
use protocol::job::{CreateJob, Job, JobCreated, Workers};
use tokio_util::sync::CancellationToken;

use self::extract::{ChangedJob, ShownJob};
use super::{Error, Jobs, bounds::WORKER_BYTES, job::Record};
use crate::{
    api::{
        caller::{Credentials, Operator, SignedIn},
        error::Error as ApiError,
        extract::{Client, Json},
    },
    audit,
    clock::Now,
    cluster::partition::Partition,
    feature::Context,
};

/// The shared state of the handlers.
pub(super) struct Api {
    jobs: Arc<Jobs>,
    partition: Arc<Partition>,
    credentials: Credentials,
    /// Cancelled when event streams and waiting workers must end.
    closing: CancellationToken,
}

impl Api {
    pub(super) fn new(context: &Context, jobs: &Arc<Jobs>) -> Self {
        Self {
            jobs: Arc::clone(jobs),
            partition: Arc::clone(&context.partition),
            credentials: context.credentials.clone(),
            closing: context.closing.clone(),
        }
    }
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The routes of jobs.
pub(super) fn router(api: Arc<Api>) -> Router {
    let for_workers = Router::new()
        .route("/api/worker/claim", post(worker::claim))
        .route("/api/worker/heartbeat", post(worker::heartbeat))
        .route("/api/worker/tasks/{key}/progress", post(worker::progress))
        .route("/api/worker/tasks/{key}/done", post(worker::done))
        .route("/api/worker/tasks/{key}/failed", post(worker::failed))
        .layer(DefaultBodyLimit::max(WORKER_BYTES));
    Router::new()
        .route("/api/jobs", get(list::list).post(create))
        .route("/api/jobs/{job_id}", get(show).delete(cancel))
        .route("/api/jobs/{job_id}/retry", post(retry))
        .route("/api/jobs/{job_id}/events", get(events::listen))
        .route("/api/jobs/{job_id}/file", get(file::read))
        .route("/api/workers", get(workers))
        .merge(for_workers)
        .with_state(api)
}

async fn create(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    SignedIn(person): SignedIn,
    Json(request): Json<CreateJob>,
) -> Result<(StatusCode, Answer<JobCreated>), ApiError> {
    api.partition.admits_newcomers(Now::read())?;
    let started = api.jobs.start(request, &person).await?;
    let job_id = started.job_id;
    let status = if started.is_new { StatusCode::CREATED } else { StatusCode::OK };
    if started.is_new {
        audit::log(&person.name, address, &format!("started the job {job_id}"));
    }
    Ok((status, Answer(JobCreated { job_id })))
}

async fn show(State(api): State<Arc<Api>>, ShownJob { job_id, record, .. }: ShownJob) -> Answer<Job> {
    Answer(api.jobs.view(job_id, &record, true))
}

async fn cancel(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    ChangedJob { job_id, person, .. }: ChangedJob,
) -> Result<StatusCode, ApiError> {
    let account = api.jobs.broadcasters.owner(&person.name);
    let cancel = |record: &mut Record, now_ms| {
        let was_open = record.is_open();
        match &account {
            Some(account) if !person.is_operator() => record.leave(account, now_ms),
            _ => record.give_up(now_ms),
        }
        was_open && !record.is_open()
    };
    if api.jobs.change(job_id, cancel).await? {
        audit::log(&person.name, address, &format!("cancelled the job {job_id}"));
    }
    // Its workers learn of the cancellation at their next report.
    api.jobs.advance(job_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn retry(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    ChangedJob { job_id, record, person }: ChangedJob,
) -> Result<Answer<JobCreated>, ApiError> {
    api.partition.admits_newcomers(Now::read())?;
    api.jobs.retry(job_id, &record, &person).await?;
    audit::log(&person.name, address, &format!("tried the job {job_id} again"));
    Ok(Answer(JobCreated { job_id }))
}

async fn workers(State(api): State<Arc<Api>>, _: Operator) -> Answer<Workers> {
    let (workers, waiting) = (api.jobs.workers.all(Now::read()), api.jobs.tasks.waiting() as u64);
    Answer(Workers { workers, waiting })
}

/// The answer when the limit of event streams is reached.
fn no_listener() -> ApiError {
    Error::NoListener.into()
}
