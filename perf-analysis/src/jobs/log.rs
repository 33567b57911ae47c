//! The log of a run: who did what, and what was redelivered. Except for the crashes it is derived only from
//! the records of the jobs.

use std::fmt::Write;

use protocol::job::{Attempt, Job, Task};

use super::{Crash, LEASE_ENDED, Run};
use crate::figure::significant;

/// The step whose tasks join the pieces.
const JOINS: &str = "join";
/// Shown if there is no worker, or no task.
const NONE: &str = "-";

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    at_ms: u64,
    worker: String,
    task: String,
    event: String,
}

/// The log as a plain-text table, one event per line, times in seconds since the first job was requested.
pub(super) fn text(run: &Run) -> String {
    let lines = lines(run);
    let width = |of: fn(&Line) -> &String| lines.iter().map(|line| of(line).len()).max().unwrap_or(0);
    let (workers, tasks) = (width(|line| &line.worker).max(6), width(|line| &line.task).max(4));
    let mut text = format!("{:>8}  {:workers$}  {:tasks$}  event\n", "time, s", "worker", "task");
    for Line { at_ms, worker, task, event } in &lines {
        let at_s = at_ms.saturating_sub(run.began_at_ms()) as f64 / 1e3;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{at_s:8.3}  {worker:workers$}  {task:tasks$}  {event}");
    }
    text
}

/// In order of time; within a millisecond, ends come before claims.
fn lines(run: &Run) -> Vec<Line> {
    let mut lines: Vec<Line> = run.crashes.iter().map(|crash| crashed(run, crash)).collect();
    for (job, name) in named(run) {
        lines.push(line(job.created_at_ms, NONE, &name, "job started"));
        let name = |task: &Task| task_name(&name, task);
        let attempts = job.tasks.iter().flat_map(|task| task.log.iter().map(move |attempt| (task, attempt)));
        lines.extend(attempts.filter_map(|(task, attempt)| ended(task, &name(task), attempt)));
        lines.extend(job.tasks.iter().flat_map(|task| claims(task, name(task))));
    }
    for (job, name) in named(run) {
        let state = format!("job {:?}", job.state).to_lowercase();
        lines.extend(job.ended_at_ms.map(|ended_at_ms| line(ended_at_ms, NONE, &name, &state)));
    }
    lines.sort_by_key(|line| line.at_ms);
    lines
}

/// The jobs with their names; empty for a single job.
fn named(run: &Run) -> impl Iterator<Item = (&Job, String)> {
    let is_single = run.jobs.len() == 1;
    let name = move |number: usize| if is_single { NONE.to_owned() } else { format!("song {number}") };
    run.jobs.iter().enumerate().map(move |(number, job)| (job, name(number + 1)))
}

fn line(at_ms: u64, worker: &str, task: &str, event: &str) -> Line {
    Line { at_ms, worker: worker.into(), task: task.into(), event: event.into() }
}

fn task_name(job: &str, task: &Task) -> String {
    let own = format!("{} {}", task.step, task.n);
    if job == NONE { own } else { format!("{job}, {own}") }
}

/// The task of the crashed worker, if it had one.
fn crashed(run: &Run, crash: &Crash) -> Line {
    let had = |attempt: &Attempt| {
        attempt.worker == crash.worker
            && attempt.began_at_ms <= crash.at_ms
            && attempt.ended_at_ms.is_none_or(|ended_at_ms| ended_at_ms > crash.at_ms)
    };
    let in_job = |(job, name): (&Job, String)| {
        let task = job.tasks.iter().find(|task| task.log.iter().any(had));
        task.map(|task| task_name(&name, task))
    };
    let task = named(run).find_map(in_job).unwrap_or_else(|| NONE.into());
    line(crash.at_ms, &crash.worker, &task, &format!("crashed; {} starts", crash.replacement))
}

fn ended(task: &Task, name: &str, attempt: &Attempt) -> Option<Line> {
    let ended_at_ms = attempt.ended_at_ms?;
    let took = significant(ended_at_ms.saturating_sub(attempt.began_at_ms) as f64 / 1e3);
    let event = match attempt.outcome.as_deref().unwrap_or_default() {
        "done" if task.step == JOINS => format!("merged in {took} s"),
        "done" => format!("done in {took} s"),
        LEASE_ENDED => format!("lost: its lease ended, {took} s after the claim"),
        other => format!("failed: {other}"),
    };
    Some(line(ended_at_ms, &attempt.worker, name, &event))
}

fn claims(task: &Task, name: String) -> impl Iterator<Item = Line> {
    let before = std::iter::once(None).chain(task.log.iter().map(Some));
    task.log.iter().zip(before).map(move |(attempt, before)| {
        let event = before.map_or("claimed".into(), |before| {
            format!("redelivered: attempt {}, after that of {}", attempt.n, before.worker)
        });
        line(attempt.began_at_ms, &attempt.worker, &name, &event)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use protocol::job::{Kind, Params, State, TaskState};

    use super::*;
    use crate::{control::record::Used, jobs::Case};

    fn attempt(n: u32, worker: &str, began_at_ms: u64, ended_at_ms: u64, outcome: &str) -> Attempt {
        let (worker, outcome) = (worker.to_owned(), Some(outcome.to_owned()));
        Attempt { n, worker, began_at_ms, ended_at_ms: Some(ended_at_ms), outcome }
    }

    fn task(n: u32, step: &str, log: Vec<Attempt>) -> Task {
        let worker = log.last().map(|attempt| attempt.worker.clone());
        let attempts = log.len() as u32;
        Task { n, step: step.into(), state: TaskState::Done, attempts, worker, progress: 1.0, log }
    }

    /// A run of two workers, one of which crashes with a piece.
    pub(in crate::jobs) fn run() -> Run {
        let job = Job {
            job_id: "0".repeat(32).parse().unwrap(),
            kind: Kind::Stems,
            item_id: "0".repeat(32).parse().unwrap(),
            title: "Song".into(),
            params: Params::default(),
            started_by: None,
            state: State::Done,
            progress: 1.0,
            left_ms: None,
            created_at_ms: 100_000,
            ended_at_ms: Some(120_000),
            tasks: vec![
                task(0, "decode", vec![attempt(1, "worker-1", 100_010, 101_000, "done")]),
                task(
                    1,
                    "separate",
                    vec![
                        attempt(1, "worker-2", 101_010, 113_000, LEASE_ENDED),
                        attempt(2, "worker-3", 113_000, 118_000, "done"),
                    ],
                ),
                task(2, "join", vec![attempt(1, "worker-1", 118_000, 119_900, "done")]),
            ],
            result: vec![],
            file: None,
            error: None,
        };
        let crash = Crash { at_ms: 103_000, worker: "worker-2".into(), replacement: "worker-3".into() };
        let used = Used {
            window_us: 20_000_000,
            cpu_us: 100_000,
            store_cpu_us: 0,
            generator_cpu_us: 50_000,
            machine_us: 12_000_000,
            rss_bytes: 0,
        };
        Run {
            case: Case { workers: 2, songs: 1, crashes: 1 },
            round: 0,
            jobs: vec![job],
            crashes: vec![crash],
            workers_cpu_us: 9_850_000,
            used,
            outputs: vec!["c0ffee".into()],
        }
    }

    #[test]
    fn a_log_tells_who_did_what_and_what_was_redelivered() {
        let expected = "\x20time, s  worker    task        event
   0.000  -         -           job started
   0.010  worker-1  decode 0    claimed
   1.000  worker-1  decode 0    done in 0.99 s
   1.010  worker-2  separate 1  claimed
   3.000  worker-2  separate 1  crashed; worker-3 starts
  13.000  worker-2  separate 1  lost: its lease ended, 12 s after the claim
  13.000  worker-3  separate 1  redelivered: attempt 2, after that of worker-2
  18.000  worker-3  separate 1  done in 5 s
  18.000  worker-1  join 2      claimed
  19.900  worker-1  join 2      merged in 1.9 s
  20.000  -         -           job done
";
        assert_eq!(text(&run()), expected);
    }

    #[test]
    fn a_worker_that_crashes_between_two_tasks_had_none() {
        let mut run = run();
        run.crashes[0] = Crash { at_ms: 119_950, worker: "worker-1".into(), replacement: "worker-4".into() };
        assert!(text(&run).contains("  19.950  worker-1  -           crashed; worker-4 starts\n"));
    }

    #[test]
    fn attempts_that_failed_say_why() {
        let mut run = run();
        run.jobs[0].tasks[0].log[0].outcome = Some("handed back".into());
        assert!(text(&run).contains("decode 0    failed: handed back\n"));
    }

    #[test]
    fn tasks_of_several_jobs_are_told_apart() {
        let mut run = run();
        let mut other = run.jobs[0].clone();
        other.created_at_ms += 5;
        other.tasks.truncate(1);
        run.jobs.push(other);
        let text = text(&run);
        for part in [
            "0.005  -         song 2              job started",
            "worker-2  song 1, separate 1  crashed",
            "song 2, decode 0",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn the_time_of_lost_attempts_is_until_their_lease_ended() {
        assert_eq!(run().lost_s(), [11.99]);
        assert_eq!(run().took_s(), 20.0);
    }
}
