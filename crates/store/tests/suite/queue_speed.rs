//! How soon a task is claimed by a worker that waits, and how many empty tasks a second are done: a measurement, run by its name.
//!
//! `cargo test --release -p store --test suite queue_speed -- --ignored --nocapture`

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use nats_harness::Servers;
use serde::{Deserialize, Serialize};
use store::{
    Engine, Namespace, Queue, Store, leases,
    queue::{Options, Settings, Task},
};
use tokio::{sync::mpsc, task::JoinSet};

use crate::conformance::nats;

const TASKS: usize = 2_000;
const WORKERS: usize = 16;
const CLAIMS: usize = 300;

/// When it was enqueued, in µs since the start of the measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Timed(u64);

impl Task for Timed {
    const NAMESPACE: Namespace = Namespace::new("measured");
}

/// The queue of each process.
async fn queues(stores: &[Store], tasks: &mut JoinSet<()>) -> Vec<Queue<Timed>> {
    let mut queues = Vec::new();
    for store in stores {
        let queue = Queue::<Timed>::new(Arc::clone(&store.kv), Settings::default());
        queue.load().await.unwrap();
        let (following, kv) = (queue.clone(), Arc::clone(&store.kv));
        tasks.spawn(async move { following.follow().await });
        tasks.spawn(leases::run(kv));
        queues.push(queue);
    }
    queues
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap()
}

async fn measure(name: &str, stores: &[Store]) {
    let mut tasks = JoinSet::new();
    let queues = queues(stores, &mut tasks).await;
    let (begun, last) = (Instant::now(), queues.last().unwrap().clone());
    let (sender, mut claimed) = mpsc::channel(1);
    let waiting = tasks.spawn(async move {
        loop {
            let claim = last.claim().await;
            let waited = micros(begun) - claim.task().0;
            claim.ack().await.unwrap();
            if sender.send(waited).await.is_err() {
                return;
            }
        }
    });
    let mut waits = Vec::new();
    for _ in 0..CLAIMS {
        queues[0].enqueue(Timed(micros(begun)), Options::default()).await.unwrap();
        waits.push(claimed.recv().await.unwrap());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waiting.abort();
    waits.sort_unstable();
    let percentile = |percent: usize| waits[waits.len() * percent / 100] as f64 / 1_000.0;
    println!(
        "{name}: enqueue to claim p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        percentile(50),
        percentile(99),
        *waits.last().unwrap() as f64 / 1_000.0
    );

    let begun = Instant::now();
    let enqueuing = join_all((0..WORKERS).map(|worker| {
        let queue = &queues[worker % queues.len()];
        async move {
            for _ in 0..TASKS / WORKERS {
                queue.enqueue(Timed(0), Options::default()).await.unwrap();
            }
        }
    }));
    let working = join_all((0..WORKERS).map(|worker| {
        let queue = &queues[worker % queues.len()];
        async move {
            for _ in 0..TASKS / WORKERS {
                queue.claim().await.ack().await.unwrap();
            }
        }
    }));
    tokio::join!(enqueuing, working);
    println!("{name}: {:.0} empty tasks a second", TASKS as f64 / begun.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn tasks_are_claimed_soon_and_done_fast() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Engine::Sqlite, Path::new(folder.path())).await.unwrap();
    measure("SQLite, one process", &[store]).await;
    let servers = Servers::start(1).unwrap();
    measure("NATS, two processes", &nats(&servers, 2).await).await;
    let servers = Servers::start(3).unwrap();
    measure("NATS cluster of three, two processes", &nats(&servers, 2).await).await;
}
