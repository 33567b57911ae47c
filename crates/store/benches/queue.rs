//! How many tasks a second are claimed and done while 10,000 others wait?
//!
//! Sweeps the number of workers of one process, on both engines side by side: SQLite in a file, one NATS server, and a
//! cluster of three on this machine. One iteration claims and acknowledges a task for each worker; what is taken is replaced.

use std::{sync::Arc, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use nats_harness::Servers;
use serde::{Deserialize, Serialize};
use store::{
    Engine, Kv, Namespace, Queue, Store,
    queue::{Options, Settings, Task},
};
use tokio::runtime::Runtime;

const WAITING: usize = 10_000;
const WORKERS: [usize; 3] = [1, 16, 64];

/// As large as what a job says.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Job(String);

impl Task for Job {
    const NAMESPACE: Namespace = Namespace::new("bench-jobs");
}

fn bench(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let open = |engine: Engine| {
        runtime.block_on(Store::open(&engine, folder.path())).expect("a store to measure").kv
    };
    measure(criterion, &runtime, "sqlite", open(Engine::Sqlite));
    if !nats_harness::is_installed() {
        println!("NATS is not measured: there is no nats-server here");
        return;
    }
    for (name, count) in [("nats", 1), ("nats-cluster", 3)] {
        let servers = Servers::start(count).expect("NATS servers");
        measure(criterion, &runtime, name, open(servers.urls().parse().expect("addresses")));
    }
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, engine: &str, kv: Arc<dyn Kv>) {
    let queue = Queue::new(kv, Settings { max_waiting: 2 * WAITING, ..Settings::default() });
    let following = queue.clone();
    let follow = runtime.spawn(async move { following.follow().await });
    let add = async || {
        queue.enqueue(Job("x".repeat(200)), Options::default()).await.expect("the store works");
    };
    runtime.block_on(async {
        for _ in 0..WAITING / 100 {
            join_all((0..100).map(|_| add())).await;
        }
    });
    let mut group = criterion.benchmark_group(engine);
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    for workers in WORKERS {
        group.throughput(Throughput::Elements(workers as u64));
        group.bench_function(BenchmarkId::new("claim and ack", workers), |bencher| {
            bencher.iter_batched(
                || runtime.block_on(join_all((0..workers).map(|_| add()))),
                |_| {
                    runtime.block_on(join_all((0..workers).map(|_| async {
                        let claim = queue.claim().await;
                        claim.ack().await.expect("no other worker has it");
                    })))
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    follow.abort();
}

criterion_group!(benches, bench);
criterion_main!(benches);
