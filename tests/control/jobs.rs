//! Jobs while workers, main servers and NATS servers are killed: every job ends, right or with its reason, and what it makes is that of an
//! undisturbed run to the byte.
//!
//! `make jobs-chaos` runs more of the same: a song of three minutes, and 20 jobs with 30 kills.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    str::FromStr,
};

use protocol::{
    ItemId,
    job::{Job, Kind, State, TaskState},
};
use tempfile::TempDir;

use crate::{
    library::{Operator, add_operator, has_ended},
    nats::Cluster,
    process::{MainServer, SECRET, until},
    song,
};

/// A number of the environment, for longer runs than those of CI.
fn given<T: FromStr>(name: &str, otherwise: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A worker in a process of its own, killed at the end.
pub(crate) struct Worker {
    child: Child,
    name: String,
    urls: String,
    folder: PathBuf,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Worker {
    pub(crate) fn start(name: &str, urls: &str, folder: &Path) -> Self {
        Self::start_with(name, urls, folder, &[])
    }

    /// The same, with more options.
    pub(crate) fn start_with(name: &str, urls: &str, folder: &Path, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
        command.args(["worker", "--concurrency", "1", "--name", name, "--main-server", urls]).args(options);
        command.env("UNDEAD_SCRATCH_DIR", folder.join("scratch")).env("UNDEAD_CLUSTER_SECRET", SECRET);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, name: name.to_owned(), urls: urls.to_owned(), folder: folder.to_owned() }
    }

    /// Kills it (`SIGKILL`) and starts another of another name.
    fn replace(&mut self, number: usize) {
        let name = format!("{}-{number}", self.name.split('-').next().unwrap());
        *self = Self::start(&name, &self.urls.clone(), &self.folder.clone());
    }
}

/// What a job made: the media of each item, as names of blobs with their times.
async fn results(operator: &Operator, job: &Job) -> Vec<String> {
    assert_eq!(job.state, State::Done, "{job:#?}");
    let mut results = Vec::new();
    for item in &job.result {
        results.push(format!("{:?}", operator.takes(*item).await));
    }
    assert_eq!(results.len(), 2, "vocals and accompaniment");
    results
}

/// Names of the workers that have a task of this step now.
fn busy_with(job: &Job, step: &str) -> Vec<String> {
    let tasks = job.tasks.iter().filter(|task| task.step == step && task.state == TaskState::Running);
    tasks.filter_map(|task| task.worker.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_song_of_which_two_workers_crash_is_that_of_an_undisturbed_run_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let server = MainServer::start(port_harness::reserve().unwrap(), folder.path(), "sqlite");
    add_operator(folder.path(), "sqlite");
    let operator = Operator::sign_in(&[&server.url]).await;
    let song = song::wav(given("SONG_SECONDS", 44), 1);
    let first = operator.upload("song.wav", &song).await;
    let second = operator.upload("same.wav", &song).await;
    let mut workers: Vec<_> =
        ["a", "b", "c", "d"].iter().map(|name| Worker::start(name, &server.url, folder.path())).collect();

    let undisturbed = operator.ended(operator.start(Kind::Stems, first).await).await;
    let id = operator.start(Kind::Stems, second).await;
    let running = operator.until(id, |job| busy_with(job, "separate").len() >= 2 || has_ended(job)).await;
    let busy = busy_with(&running, "separate");
    assert!(busy.len() >= 2, "it was not over before: {running:#?}");
    workers.retain(|worker| !busy[..2].contains(&worker.name));
    assert_eq!(workers.len(), 2);
    let disturbed = operator.ended(id).await;
    assert_eq!(results(&operator, &disturbed).await, results(&operator, &undisturbed).await);
    let again = disturbed.tasks.iter().filter(|task| task.attempts > 1).count();
    assert_eq!(again, 2, "the tasks of the workers that crashed, and no others: {disturbed:#?}");
    for job in [&undisturbed, &disturbed] {
        let took = job.ended_at_ms.unwrap() - job.created_at_ms;
        println!("{} tasks in {took} ms", job.tasks.len());
    }
}

/// Three main servers on three NATS servers, with one object store.
struct Killed {
    cluster: Cluster,
    servers: Vec<Option<MainServer>>,
    ports: Vec<u16>,
    workers: Vec<Worker>,
    folder: TempDir,
    random: u64,
}

impl Killed {
    async fn start() -> Self {
        let cluster = Cluster::start();
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<_> = (0..3).map(|_| port_harness::reserve().unwrap()).collect();
        let servers = ports.iter().map(|_| None).collect();
        let mut all =
            Self { cluster, servers, ports, workers: Vec::new(), folder, random: given("CHAOS_SEED", 7) };
        for number in 0..3 {
            all.start_server(number).await;
        }
        add_operator(&all.folder.path().join("0"), &all.cluster.nats.urls());
        let urls = all.urls().join(",");
        let folder = all.folder.path();
        all.workers = ["a", "b", "c", "d"].iter().map(|name| Worker::start(name, &urls, folder)).collect();
        all
    }

    fn urls(&self) -> Vec<String> {
        self.ports.iter().map(|port| format!("http://127.0.0.1:{port}")).collect()
    }

    async fn start_server(&mut self, number: usize) {
        let folder = self.folder.path().join(number.to_string());
        let objects = self.folder.path().join("objects");
        let store = self.cluster.nats.urls();
        let server = MainServer::start_with(self.ports[number], &folder, &store, &objects);
        until("it is ready", async || server.is_ready().await).await;
        self.servers[number] = Some(server);
    }

    fn below(&mut self, count: u64) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % count) as usize
    }

    /// Kills something, and starts it again.
    async fn kill(&mut self, number: usize) {
        match self.below(4) {
            0 => {
                let server = self.below(3);
                self.servers[server].take().unwrap().kill();
                println!("kill {number}: main server {server}");
                self.start_server(server).await;
            }
            1 => {
                let Some(leader) = self.cluster.nats.leader("KV_undead").unwrap() else { return };
                self.cluster.nats.kill(leader).unwrap();
                println!("kill {number}: NATS server {leader}, which led");
                let leads = async || self.cluster.nats.leader("KV_undead").unwrap().is_some();
                until("another leads", leads).await;
                self.cluster.nats.restart(leader).unwrap();
            }
            _ => {
                let worker = self.below(4);
                println!("kill {number}: worker {}", self.workers[worker].name);
                self.workers[worker].replace(number);
            }
        }
    }
}

async fn all(operator: &Operator, ids: &[protocol::JobId]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for id in ids {
        jobs.extend(operator.job(*id).await);
    }
    assert_eq!(jobs.len(), ids.len(), "no job is lost");
    jobs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_ends_right_or_with_its_reason_whatever_is_killed() {
    let (count, kills) = (given("CHAOS_JOBS", 4), given("CHAOS_KILLS", 6));
    let mut killed = Killed::start().await;
    let urls = killed.urls();
    let operator = Operator::sign_in(&urls.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let song = song::wav(8, 2);
    let mut items: Vec<ItemId> = Vec::new();
    for number in 0..=count {
        items.push(operator.upload(&format!("{number}.wav"), &song).await);
    }
    let undisturbed = operator.ended(operator.start(Kind::Stems, items[0]).await).await;
    let expected = results(&operator, &undisturbed).await;

    let mut ids = Vec::new();
    for item in &items[1..] {
        ids.push(operator.start(Kind::Stems, *item).await);
    }
    let steps = |jobs: &[Job]| {
        let tasks = jobs.iter().flat_map(|job| &job.tasks);
        tasks.filter(|task| task.state == TaskState::Done).count()
    };
    for number in 0..kills {
        let before = all(&operator, &ids).await;
        killed.kill(number).await;
        let goes_on = async || {
            let now = all(&operator, &ids).await;
            now.iter().all(has_ended) || steps(&now) > steps(&before)
        };
        until("work goes on", goes_on).await;
    }
    let mut done = 0;
    for id in &ids {
        let job = operator.ended(*id).await;
        if job.state == State::Done {
            assert_eq!(results(&operator, &job).await, expected);
            done += 1;
        } else {
            assert_eq!(job.state, State::Failed, "{job:#?}");
            assert!(job.error.as_ref().is_some_and(|error| !error.is_empty()), "{job:#?}");
            println!("failed: {:?}", job.error);
        }
    }
    println!("{done} of {count} jobs are done");
    // Those of the first job are in `items` as well.
    assert_eq!(operator.count().await, (items.len() + 2 + 2 * done) as u64, "nothing is there twice");
}
