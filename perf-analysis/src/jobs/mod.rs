//! Jobs on workers: how their time falls with the number of workers, the cost of crashes, and the speed of
//! the queue.
//!
//! Each run has a new main server with an empty store, real worker processes that do one task at a time, and
//! a generated song that is uploaded once for each job. The jobs are `stems`: one, or several at once for a
//! steady load. Crashes are `SIGKILL`, at times derived from a seed, of workers that have a task; another
//! worker starts at once in place of each. The states of tasks come from the product's own records of jobs.
//! The results of all runs must be the same bytes.

mod claims;
mod crew;
mod log;
mod operator;
mod page;
mod queue;
mod setup;
mod song;
mod stems;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use protocol::job::Job;
use serde::{Deserialize, Serialize};

use self::setup::Setup;
pub use self::{
    page::{fill, tables},
    queue::Measured as QueueMeasured,
};
use crate::{
    control::{engine::Engine, record::Used},
    enclosure::Limits,
    error::{Context, Error, Result},
    generator::until_interrupted,
    machine::{Machine, Split},
    provenance::{self, Provenance},
    random::Random,
};

/// The file of a results folder with everything.
const RECORDS: &str = "jobs.json";
/// The product's outcome for an attempt whose worker was silent for too long.
const LEASE_ENDED: &str = "lease ended";
/// The part of an undisturbed run's duration in which workers crash, so that the job is still running.
const CRASHING: std::ops::Range<f64> = 0.05..0.9;

/// The measurements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Length of the song.
    pub song_seconds: u32,
    /// Numbers of workers in the undisturbed runs of one job.
    pub workers: Vec<u32>,
    /// Workers in the runs with crashes, and in the undisturbed runs that these are compared with.
    pub crash_workers: u32,
    /// Numbers of crashes in the runs of one job.
    pub crashes: Vec<u32>,
    /// Rounds of the runs of one job.
    pub rounds: u32,
    /// Parallel jobs in the other runs, which have one round; 0 for none of these runs.
    pub songs: u32,
    /// Numbers of crashes of these runs.
    pub songs_crashes: Vec<u32>,
    /// Seed of the times and workers of crashes.
    pub seed: u64,
    /// Stores whose queue is measured.
    pub engines: Vec<Engine>,
    /// Empty tasks that a queue carries as fast as it can.
    pub tasks: u32,
    /// Number of tasks for measuring how soon a waiting worker claims them.
    pub claims: u32,
}

impl Plan {
    /// The runs of one job in a round, in order.
    fn single(&self) -> Vec<Case> {
        let mut workers = self.workers.clone();
        if !workers.contains(&self.crash_workers) {
            workers.push(self.crash_workers);
        }
        let undisturbed = workers.into_iter().map(|workers| Case { workers, songs: 1, crashes: 0 });
        undisturbed.chain(self.disturbed(1, &self.crashes)).collect()
    }

    /// The runs of several jobs, in order.
    fn several(&self) -> Vec<Case> {
        if self.songs == 0 {
            return Vec::new();
        }
        let undisturbed = Case { workers: self.crash_workers, songs: self.songs, crashes: 0 };
        std::iter::once(undisturbed).chain(self.disturbed(self.songs, &self.songs_crashes)).collect()
    }

    fn disturbed(&self, songs: u32, crashes: &[u32]) -> impl Iterator<Item = Case> {
        let crashes = crashes.iter().filter(|&&crashes| crashes > 0);
        crashes.map(move |&crashes| Case { workers: self.crash_workers, songs, crashes })
    }
}

/// A kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Number of simultaneous workers.
    pub workers: u32,
    /// Songs with one job each, all requested at the start.
    pub songs: u32,
    /// Number of crashes.
    pub crashes: u32,
}

/// A worker that was killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crash {
    /// Unix epoch.
    pub at_ms: u64,
    /// Name of the worker.
    pub worker: String,
    /// Name of the one that was started in its place.
    pub replacement: String,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its kind.
    pub case: Case,
    /// Number of the round, from 0.
    pub round: u32,
    /// The final jobs, as returned by the main server.
    pub jobs: Vec<Job>,
    /// In order of time.
    pub crashes: Vec<Crash>,
    /// Processor time of all workers during the jobs.
    pub workers_cpu_us: u64,
    /// Resources used by the main server, this program and the machine meanwhile.
    pub used: Used,
    /// BLAKE3 of the media of both stems in all their formats, for each job.
    pub outputs: Vec<String>,
}

impl Run {
    /// When the first job was requested, Unix epoch.
    fn began_at_ms(&self) -> u64 {
        self.jobs.iter().map(|job| job.created_at_ms).min().unwrap_or_default()
    }

    /// From the request for the first job until all are done, in seconds.
    pub(crate) fn took_s(&self) -> f64 {
        let ended_at_ms = self.jobs.iter().filter_map(|job| job.ended_at_ms).max().unwrap_or_default();
        ended_at_ms.saturating_sub(self.began_at_ms()) as f64 / 1e3
    }

    /// Processor time of all workers, in seconds.
    pub(crate) fn workers_cpu_s(&self) -> f64 {
        self.workers_cpu_us as f64 / 1e6
    }

    /// Duration of each attempt lost with its worker, from its claim until its lease ended, in seconds.
    pub(crate) fn lost_s(&self) -> Vec<f64> {
        let attempts = self.jobs.iter().flat_map(|job| &job.tasks).flat_map(|task| &task.log);
        let lost = attempts.filter(|attempt| attempt.outcome.as_deref() == Some(LEASE_ENDED));
        let took_ms =
            lost.filter_map(|attempt| Some(attempt.ended_at_ms?.saturating_sub(attempt.began_at_ms)));
        took_ms.map(|took_ms| took_ms as f64 / 1e3).collect()
    }
}

/// Everything of a measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Records {
    /// Machine, time and sources.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// What was measured.
    pub plan: Plan,
    /// In the order of measuring.
    pub runs: Vec<Run>,
    /// One for each store.
    pub queues: Vec<QueueMeasured>,
}

impl Records {
    /// Loads a results folder.
    ///
    /// # Errors
    /// [`Error::Results`].
    pub fn load(folder: &Path) -> Result<Self> {
        provenance::load(folder.join(RECORDS))
    }

    /// The runs of a kind, by round.
    pub(crate) fn of(&self, case: Case) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.case == case)
    }

    /// The undisturbed run of the same round, for comparison.
    pub(crate) fn undisturbed(&self, run: &Run) -> Option<&Run> {
        self.of(Case { crashes: 0, ..run.case }).find(|other| other.round == run.round)
    }

    /// How much longer a run took than the undisturbed one, in seconds.
    pub(crate) fn extra_s(&self, run: &Run) -> Option<f64> {
        Some(run.took_s() - self.undisturbed(run)?.took_s())
    }

    /// Seconds of song processed per second.
    pub(crate) fn throughput(&self, run: &Run) -> f64 {
        f64::from(self.plan.song_seconds * run.case.songs) / run.took_s()
    }

    /// The distinct results; exactly one if everything is correct.
    pub fn outputs(&self) -> BTreeSet<&str> {
        self.runs.iter().flat_map(|run| &run.outputs).map(String::as_str).collect()
    }
}

/// A configured benchmark.
pub struct Bench<'a> {
    /// What is measured.
    pub plan: Plan,
    /// The binary to measure.
    pub undead: &'a Path,
    /// The program `nats-server`; stores that need it are left out without it.
    pub nats_server: &'a Path,
}

impl Bench<'_> {
    /// Measures everything, and leaves the records and a log of each run in `out`.
    ///
    /// # Errors
    /// What is missing, or failed. [`Error::Incomplete`], after the records were written, if two runs gave different results.
    pub fn run(mut self, out: &Path, remark: Option<String>) -> Result<Records> {
        let machine = Machine::this()?;
        let (_group, precedence) = Limits::groups().unwrap_or(Limits::None).before_others();
        let precedence = precedence.replace("node and generator", "all programs of the run");
        if !runs(self.nats_server) {
            eprintln!("{} is missing: its stores are left out", self.nats_server.display());
            self.plan.engines.retain(|engine| *engine == Engine::Sqlite);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context(|| "starting a runtime".into())?;
        let (runs, queues) = runtime.block_on(until_interrupted(self.measure(out)))?;
        let provenance = Provenance::new(machine, Some(precedence), remark);
        let records = Records { provenance, plan: self.plan, runs, queues };
        provenance::save(&out.join(RECORDS), serde_json::to_string(&records))?;
        let outputs = records.outputs();
        if outputs.len() > 1 {
            return Err(Error::Incomplete(format!("the runs gave different results: {outputs:?}")));
        }
        Ok(records)
    }

    async fn measure(&self, out: &Path) -> Result<(Vec<Run>, Vec<QueueMeasured>)> {
        let song = song::wav(self.plan.song_seconds);
        let split = Split::new(false, 1.0)?;
        let setup = |name: &str| Setup {
            undead: self.undead,
            nats_server: self.nats_server,
            split: &split,
            logs: out.join("logs").join(name),
        };
        let rounds = (0..self.plan.rounds)
            .flat_map(|round| self.plan.single().into_iter().map(move |case| (round, case)));
        let several = self.plan.several().into_iter().map(|case| (0, case));
        let mut runs: Vec<Run> = Vec::new();
        for (round, case) in rounds.chain(several) {
            let is_undisturbed = |run: &&Run| run.round == round && run.case == Case { crashes: 0, ..case };
            let within_s = runs.iter().find(is_undisturbed).map_or(0.0, Run::took_s);
            let planned = planned(self.plan.seed + u64::from(round), case, within_s);
            let name = name(case, round);
            // Short, because the path of a socket in the folder must fit into 107 bytes.
            let logs = runs.len().to_string();
            let run = stems::run(&setup(&logs), &song, case, round, planned).await?;
            let log_path = out.join(format!("log-{name}.txt"));
            fs::write(&log_path, log::text(&run)).context(|| format!("writing {}", log_path.display()))?;
            eprintln!("{}", page::line(&run));
            runs.push(run);
        }
        let mut queues = Vec::new();
        for &engine in &self.plan.engines {
            let measured = queue::measure(&setup(&engine.to_string()), engine, &self.plan).await?;
            eprintln!("{}", page::queue_line(&measured));
            queues.push(measured);
        }
        Ok((runs, queues))
    }
}

/// A planned crash.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Planned {
    /// How long after the start of the jobs.
    after: Duration,
    /// The index of the worker among those that have a task then.
    worker: usize,
}

/// The crashes of a run, in order of time. The undisturbed run took `within_s`.
fn planned(seed: u64, case: Case, within_s: f64) -> Vec<Planned> {
    // Other kinds of run crash at other times.
    let kind = u64::from(case.songs) << 32 | u64::from(case.crashes);
    let mut random = Random::new(seed.wrapping_mul(1 << 48).wrapping_add(kind));
    let mut planned: Vec<Planned> = (0..case.crashes)
        .map(|_| {
            let share = CRASHING.start + random.unit() * (CRASHING.end - CRASHING.start);
            let after = Duration::from_secs_f64(within_s * share);
            Planned { after, worker: random.below(case.workers.max(1) as usize) }
        })
        .collect();
    planned.sort_by_key(|planned| planned.after);
    planned
}

/// The name of a run's log.
fn name(Case { workers, songs, crashes }: Case, round: u32) -> String {
    format!("{workers}-workers-{songs}-songs-{crashes}-crashes-round-{}", round + 1)
}

/// Whether the program can be started.
fn runs(program: &Path) -> bool {
    let mut command = Command::new(program);
    let command = command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_crashes_the_same_workers_at_the_same_times() {
        let case = Case { workers: 4, songs: 1, crashes: 8 };
        let crashes = planned(7, case, 60.0);
        assert_eq!(crashes, planned(7, case, 60.0));
        assert_ne!(crashes, planned(8, case, 60.0));
        assert_eq!(crashes.len(), 8);
        assert!(crashes.is_sorted_by_key(|planned| planned.after));
        let is_within =
            |planned: &Planned| (3.0..54.0).contains(&planned.after.as_secs_f64()) && planned.worker < 4;
        assert!(crashes.iter().all(is_within), "{crashes:?}");
    }

    #[test]
    fn runs_with_crashes_have_an_undisturbed_one_to_be_compared_with() {
        let plan = Plan {
            song_seconds: 8,
            workers: vec![1, 2],
            crash_workers: 4,
            crashes: vec![0, 1],
            rounds: 1,
            songs: 3,
            songs_crashes: vec![2],
            seed: 1,
            engines: vec![],
            tasks: 0,
            claims: 0,
        };
        let single = [(1, 0), (2, 0), (4, 0), (4, 1)];
        assert_eq!(plan.single(), single.map(|(workers, crashes)| Case { workers, songs: 1, crashes }));
        assert_eq!(plan.several(), [0, 2].map(|crashes| Case { workers: 4, songs: 3, crashes }));
    }
}
