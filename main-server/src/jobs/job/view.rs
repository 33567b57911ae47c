//! A job as clients see it: its record, combined with the queue's state of its tasks.

use protocol::{
    JobId,
    job::{Attempt, Job, Kind, ResultFile, State, Task as SeenTask, TaskState},
};

use super::{
    Phase, Record,
    step::{Step, Task},
};

/// Shares of the steps of `stems` in its progress.
const DECODE: f64 = 0.05;
const SEPARATE: f64 = 0.85;
/// Least progress and least running time before the time left is estimated.
const LEAST_PROGRESS: f64 = 0.02;
const LEAST_MS: u64 = 1_000;

/// The queue's view of a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Its state.
    pub(crate) state: SeenState,
    /// Number of attempts.
    pub(crate) attempts: u32,
    /// Attempts that ended.
    pub(crate) log: Vec<Attempt>,
}

/// The state of a task, see [`Seen`].
#[derive(Clone, Debug, Default)]
pub(crate) enum SeenState {
    /// It waits, or is not in the queue.
    #[default]
    Waiting,
    /// A worker has it.
    Claimed {
        /// Name of the worker.
        worker: String,
        /// Start of the attempt, Unix epoch.
        began_at_ms: u64,
        /// How much of it is done.
        percent: u8,
    },
}

/// The job as clients see it. `seen` returns the queue's view of a task by its number.
pub(crate) fn view(job_id: JobId, record: &Record, seen: impl Fn(u32) -> Option<Seen>, now_ms: u64) -> Job {
    let tasks: Vec<SeenTask> =
        (0..).zip(&record.tasks).map(|(n, task)| seen_task(n, task, record.is_open(), &seen)).collect();
    let began_at_ms = tasks.iter().flat_map(|task| &task.log).map(|attempt| attempt.began_at_ms).min();
    let progress = if record.phase == Phase::Done { 1.0 } else { progress(record.kind, &tasks) };
    let elapsed_ms = began_at_ms.map(|began_at_ms| now_ms.saturating_sub(began_at_ms));
    let is_told =
        |elapsed_ms: &u64| *elapsed_ms >= LEAST_MS && progress >= LEAST_PROGRESS && record.is_open();
    let left_ms = elapsed_ms.filter(is_told).map(|elapsed_ms| left(elapsed_ms, progress));
    Job {
        job_id,
        kind: record.kind,
        item_id: record.item_id,
        title: record.title.clone(),
        params: record.params.clone(),
        started_by: record.account().map(|owner| owner.account.clone()),
        state: state(record.phase, began_at_ms.is_some()),
        progress,
        left_ms,
        created_at_ms: record.created_at_ms,
        ended_at_ms: record.ended_at_ms,
        tasks,
        result: record.result.clone(),
        file: record.file.as_ref().map(|file| ResultFile {
            name: file.name.clone(),
            mime: file.mime.clone(),
            bytes: file.bytes,
            url: format!("/api/jobs/{job_id}/file"),
        }),
        error: record.error.clone(),
    }
}

fn state(phase: Phase, is_begun: bool) -> State {
    match phase {
        Phase::Open if is_begun => State::Running,
        Phase::Open => State::Waiting,
        Phase::Done => State::Done,
        Phase::Failed => State::Failed,
        Phase::Cancelled => State::Cancelled,
    }
}

fn seen_task(n: u32, task: &Task, is_open: bool, seen: impl Fn(u32) -> Option<Seen>) -> SeenTask {
    let step = task.step.name().to_owned();
    let ended = |state, progress| SeenTask {
        n,
        step: step.clone(),
        state,
        attempts: task.attempts,
        worker: task.log.last().map(|attempt| attempt.worker.clone()),
        progress,
        log: task.log.clone(),
    };
    if task.output.is_some() {
        return ended(TaskState::Done, 1.0);
    }
    if task.has_failed || !is_open {
        return ended(if task.has_failed { TaskState::Failed } else { TaskState::Waiting }, 0.0);
    }
    let Seen { state, attempts, mut log } = seen(n).unwrap_or_default();
    match state {
        SeenState::Waiting => {
            let (state, worker) = (TaskState::Waiting, None);
            SeenTask { n, step, state, attempts, worker, progress: 0.0, log }
        }
        SeenState::Claimed { worker, began_at_ms, percent } => {
            log.push(Attempt {
                n: attempts,
                worker: worker.clone(),
                began_at_ms,
                ended_at_ms: None,
                outcome: None,
            });
            let (state, progress) = (TaskState::Running, f64::from(percent.min(99)) / 100.0);
            SeenTask { n, step, state, attempts, worker: Some(worker), progress, log }
        }
    }
}

/// How much of a job is done, 0 to 1.
fn progress(kind: Kind, tasks: &[SeenTask]) -> f64 {
    let of = |step: &str| {
        let of_step: Vec<_> = tasks.iter().filter(|task| task.step == step).collect();
        let done: f64 = of_step.iter().map(|task| task.progress).sum();
        if of_step.is_empty() { 0.0 } else { done / of_step.len() as f64 }
    };
    match kind {
        Kind::Stems => {
            let join = Step::Join { stem: protocol::item::Stem::Vocals }.name();
            DECODE * of("decode") + SEPARATE * of("separate") + (1.0 - DECODE - SEPARATE) * of(join)
        }
        Kind::Waveform | Kind::Preview | Kind::Export => tasks.first().map_or(0.0, |task| task.progress),
    }
}

/// The time left at the average speed so far.
fn left(elapsed_ms: u64, progress: f64) -> u64 {
    (elapsed_ms as f64 * (1.0 - progress) / progress) as u64
}
