//! The store's queue with empty tasks: how soon a waiting worker claims one, and how many per second are
//! enqueued, claimed and acknowledged. With NATS, enqueuing and claiming use separate connections to the
//! servers, like two main servers.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use store::{
    Namespace, Queue, Store, leases,
    queue::{Options, Settings, Task},
};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use super::{Plan, claims, setup::Setup, song};
use crate::{
    control::engine::{Engine, StoreServer},
    error::{Context, Error, Result},
    histogram::Histogram,
};

/// Number of workers of the queue, and of enqueuing tasks.
const WORKERS: u32 = 16;
/// Timeout of each measurement.
const LONGEST: Duration = Duration::from_secs(60);
/// Pause between two tasks for a worker that waits.
const PAUSE: Duration = Duration::from_millis(5);
/// Length of the item that jobs are about.
const SONG_SECONDS: u32 = 5;

/// The measurements with one store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Which one.
    pub engine: Engine,
    /// From enqueuing a task until a waiting worker has claimed it.
    pub claims: Histogram,
    /// Empty tasks.
    pub tasks: u32,
    /// Time until all of them were enqueued, claimed and acknowledged.
    pub took_us: u64,
    /// Time from the request for a job until a waiting worker has its task, both over HTTP at one main
    /// server.
    pub requests: Histogram,
}

impl Measured {
    /// Empty tasks a second.
    pub(crate) fn tasks_per_s(&self) -> f64 {
        f64::from(self.tasks) * 1e6 / (self.took_us as f64).max(1.0)
    }
}

/// A task that contains when it was enqueued, in µs since the start of the measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Timed(u64);

impl Task for Timed {
    const NAMESPACE: Namespace = Namespace::new("perf-analysis");
}

/// Measures the queue of `engine`.
///
/// # Errors
/// What failed or took too long.
pub(super) async fn measure(setup: &Setup<'_>, engine: Engine, plan: &Plan) -> Result<Measured> {
    let late = |_| Error::Incomplete(format!("the queue on {engine} took over {} s", LONGEST.as_secs()));
    let folder = setup.logs.join("queue");
    fs::create_dir_all(&folder).context(|| format!("making {}", folder.display()))?;
    let servers = StoreServer::start_all(engine.servers(), setup.nats_server, setup.split, &folder)?;
    let (claims, took_us) = {
        let queues = Queues::open(&StoreServer::store(&servers), &folder).await?;
        let claims = timeout(LONGEST, queues.claims(plan.claims)).await.map_err(late)??;
        let took_us = timeout(LONGEST, queues.carry(plan.tasks)).await.map_err(late)??;
        (claims, took_us)
    };
    drop(servers);
    let (plant, operator) = setup.start(engine).await?;
    let item = operator.upload(&song::wav(SONG_SECONDS)).await?;
    let requests = timeout(LONGEST, claims::measure(&operator, item, plan.claims)).await.map_err(late)??;
    drop(plant);
    fs::remove_dir_all(&folder).context(|| format!("deleting {}", folder.display()))?;
    fs::remove_dir_all(setup.data()).context(|| format!("deleting {}", setup.data().display()))?;
    Ok(Measured { engine, claims, tasks: plan.tasks / WORKERS * WORKERS, took_us, requests })
}

/// The queue for enqueuing, and the queue for claiming.
struct Queues {
    enqueuing: Queue<Timed>,
    claiming: Queue<Timed>,
    _stores: Vec<Store>,
    /// Keeps both up to date; ends with this value.
    _following: JoinSet<()>,
}

impl Queues {
    /// Opens the store of that name: one process with SQLite, two connections with NATS.
    async fn open(store: &str, folder: &Path) -> Result<Self> {
        let engine: store::Engine = store.parse().map_err(Error::Protocol)?;
        let mut stores = vec![Store::open(&engine, folder).await.map_err(failed)?];
        if let store::Engine::Nats(..) = engine {
            stores.push(Store::open(&engine, folder).await.map_err(failed)?);
        }
        let (mut following, mut queues) = (JoinSet::new(), Vec::new());
        for store in &stores {
            queues.push(open(store, &mut following).await?);
        }
        let enqueuing = queues[0].clone();
        let claiming = queues.pop().unwrap_or_else(|| enqueuing.clone());
        Ok(Self { enqueuing, claiming, _stores: stores, _following: following })
    }

    /// Enqueues one task after another, each after the previous one is done.
    async fn claims(&self, count: u32) -> Result<Histogram> {
        let (begun, claiming) = (Instant::now(), self.claiming.clone());
        let (sender, mut claimed) = mpsc::channel(1);
        let mut worker = JoinSet::new();
        worker.spawn(async move {
            loop {
                let claim = claiming.claim().await;
                let waited_us = micros(begun).saturating_sub(claim.task().0);
                let outcome = claim.ack().await.map(|()| waited_us);
                if sender.send(outcome).await.is_err() {
                    return;
                }
            }
        });
        let mut waits = Histogram::default();
        for _ in 0..count {
            tokio::time::sleep(PAUSE).await;
            self.enqueuing.enqueue(Timed(micros(begun)), Options::default()).await.map_err(failed)?;
            let waited_us = claimed.recv().await.ok_or_else(|| failed("the worker has ended"))?;
            waits.add(waited_us.map_err(failed)?);
        }
        Ok(waits)
    }

    /// Enqueues tasks while others claim and acknowledge them; returns the total time in µs.
    async fn carry(&self, count: u32) -> Result<u64> {
        let begun = Instant::now();
        let mut working = JoinSet::new();
        for _ in 0..WORKERS {
            let (enqueuing, claiming) = (self.enqueuing.clone(), self.claiming.clone());
            working.spawn(async move {
                for _ in 0..count / WORKERS {
                    enqueuing.enqueue(Timed(0), Options::default()).await.map_err(failed)?;
                }
                Ok(())
            });
            working.spawn(async move {
                for _ in 0..count / WORKERS {
                    claiming.claim().await.ack().await.map_err(failed)?;
                }
                Ok::<_, Error>(())
            });
        }
        while let Some(ended) = working.join_next().await {
            ended.map_err(failed)??;
        }
        Ok(micros(begun))
    }
}

/// A queue on a store, kept up to date.
async fn open(store: &Store, following: &mut JoinSet<()>) -> Result<Queue<Timed>> {
    let queue = Queue::<Timed>::new(Arc::clone(&store.kv), Settings::default());
    queue.load().await.map_err(failed)?;
    let follower = queue.clone();
    following.spawn(async move { follower.follow().await });
    following.spawn(leases::run(Arc::clone(&store.kv)));
    Ok(queue)
}

fn micros(since: Instant) -> u64 {
    since.elapsed().as_micros() as u64
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Protocol(format!("the queue: {error}"))
}
