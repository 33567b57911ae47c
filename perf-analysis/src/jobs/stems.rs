//! One run: jobs `stems` on a new main server, with its workers and their crashes.

use std::{
    fs,
    time::{Duration, Instant},
};

use protocol::{
    JobId,
    job::{Job, Kind, Params, State, TaskState},
};

use super::{Case, Planned, Run, crew::Crew, operator::Operator, setup::Setup};
use crate::{
    control::{engine::Engine, record::Meter},
    error::{Context, Error, Result},
};

/// Timeout of all jobs.
const JOBS_TIME: Duration = Duration::from_secs(300);
/// Pause between two polls of the jobs.
const PAUSE: Duration = Duration::from_millis(200);

/// Measures one run.
///
/// # Errors
/// What failed, and [`Error::Incomplete`] if the jobs are not done in time.
pub(super) async fn run(
    setup: &Setup<'_>,
    song: &[u8],
    case: Case,
    round: u32,
    planned: Vec<Planned>,
) -> Result<Run> {
    let (plant, operator) = setup.start(Engine::Sqlite).await?;
    let mut items = Vec::new();
    for _ in 0..case.songs {
        items.push(operator.upload(song).await?);
    }
    let mut crew = Crew::start(setup, operator.url(), plant.secret(), case.workers)?;
    operator.see_workers(crew.count()).await?;
    let (meter, before_us) = (Meter::start(&plant)?, crew.cpu_us()?);
    let (begun, mut ids) = (Instant::now(), Vec::new());
    for item in items {
        ids.push(operator.start(Kind::Stems, item, Params::default()).await?);
    }
    let (mut jobs, mut crashes) = (Vec::new(), Vec::new());
    let mut planned = planned.into_iter().peekable();
    while let Some(&id) = ids.get(jobs.len()) {
        while let Some(due) = planned.next_if(|planned| planned.after <= begun.elapsed()) {
            let busy = busy(&operator, &ids[jobs.len()..]).await?;
            crashes.push(crew.crash(&busy, due.worker)?);
        }
        let next = planned.peek().map(|planned| planned.after.saturating_sub(begun.elapsed()));
        tokio::time::sleep(next.unwrap_or(PAUSE).min(PAUSE)).await;
        crew.check()?;
        let job = operator.job(id).await?;
        if !matches!(job.state, State::Waiting | State::Running) {
            jobs.push(job);
        } else if begun.elapsed() > JOBS_TIME {
            return Err(Error::Incomplete(format!("the jobs are not done after {} s", JOBS_TIME.as_secs())));
        }
    }
    let (used, workers_cpu_us) = (meter.read(&plant)?, crew.cpu_us()? - before_us);
    let mut outputs = Vec::new();
    for job in &jobs {
        outputs.push(result(&operator, job).await?);
    }
    drop((crew, plant));
    fs::remove_dir_all(setup.data()).context(|| format!("deleting {}", setup.data().display()))?;
    Ok(Run { case, round, jobs, crashes, workers_cpu_us, used, outputs })
}

/// Names of the workers that have a task of these jobs now.
async fn busy(operator: &Operator, ids: &[JobId]) -> Result<Vec<String>> {
    let mut busy = Vec::new();
    for &id in ids {
        let tasks = operator.job(id).await?.tasks.into_iter();
        busy.extend(tasks.filter(|task| task.state == TaskState::Running).filter_map(|task| task.worker));
    }
    Ok(busy)
}

/// BLAKE3 of a job's results.
async fn result(operator: &Operator, job: &Job) -> Result<String> {
    if job.state != State::Done {
        let why = job.error.as_deref().unwrap_or("no reason is given");
        return Err(Error::Incomplete(format!("the job is {:?}: {why}", job.state)));
    }
    operator.digest(&job.result).await
}
