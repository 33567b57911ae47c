//! How many writes a second does the store take, and how much does it help that writers share a commit?
//!
//! Sweeps the number of concurrent writers, on both engines side by side: SQLite in a file (each commit reaches the
//! disk), one NATS server, and a cluster of three on this machine. `put` writes whatever is there; `compare_and_set`
//! renews a key that each writer has for itself. Runs the NATS half only where `nats-server` is installed.

use std::{hint::black_box, sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nats_harness::Servers;
use store::{Engine, Expect, Kv, Namespace, Revision, Store};
use tokio::{runtime::Runtime, task::JoinSet};

type Writer = Arc<dyn Kv>;

const BENCH: Namespace = Namespace::new("bench");
const WRITERS: [usize; 3] = [1, 16, 256];
/// As large as a stream's record.
const VALUE: Bytes = Bytes::from_static(&[b'x'; 250]);

fn bench(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let open = |engine: Engine| {
        runtime.block_on(Store::open(&engine, folder.path())).expect("a store to measure").kv
    };
    measure(criterion, &runtime, "sqlite", &open(Engine::Sqlite));
    if !nats_harness::is_installed() {
        println!("NATS is not measured: there is no nats-server here");
        return;
    }
    for (name, count) in [("nats", 1), ("nats-cluster", 3)] {
        let servers = Servers::start(count).expect("NATS servers");
        measure(criterion, &runtime, name, &open(servers.urls().parse().expect("addresses")));
    }
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, engine: &str, kv: &Writer) {
    let mut group = criterion.benchmark_group(engine);
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    for writers in WRITERS {
        group.throughput(Throughput::Elements(writers as u64));
        group.bench_function(BenchmarkId::new("put", writers), |bencher| {
            bencher.iter(|| runtime.block_on(each(writers, |number| put(kv.clone(), number))));
        });
        group.bench_function(BenchmarkId::new("compare_and_set", writers), |bencher| {
            let mut revisions = runtime.block_on(each(writers, |number| create(kv.clone(), number)));
            bencher.iter(|| {
                let known = revisions.clone();
                let renewed = each(writers, |number| renew(kv.clone(), known[number].clone()));
                revisions = runtime.block_on(renewed);
            });
        });
    }
    group.finish();
}

/// Runs one write of each writer at once.
async fn each<T, W>(writers: usize, write: impl Fn(usize) -> W) -> Vec<T>
where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    let writes: JoinSet<T> = (0..writers).map(write).collect();
    black_box(writes.join_all().await)
}

async fn put(kv: Writer, number: usize) {
    kv.put(BENCH, &format!("put-{number}"), VALUE, None).await.expect("the store works");
}

async fn create(kv: Writer, number: usize) -> (String, Revision) {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let key = format!("set-{}-{number}", nanos.as_nanos());
    let created = kv.compare_and_set(BENCH, &key, VALUE, None, Expect::Absent).await;
    (key, created.expect("the key is new"))
}

async fn renew(kv: Writer, (key, revision): (String, Revision)) -> (String, Revision) {
    let renewed = kv.compare_and_set(BENCH, &key, VALUE, None, Expect::Revision(revision)).await;
    (key, renewed.expect("no other writer has this key"))
}

criterion_group!(benches, bench);
criterion_main!(benches);
