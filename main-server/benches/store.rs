//! How many writes a second does the store take, and how much does it help that writers share a commit?
//!
//! Sweeps the number of concurrent writers, on both engines side by side: SQLite in a file (each commit reaches the
//! disk), one NATS server, and a cluster of three on this machine. `put` writes whatever is there; `compare_and_set`
//! renews a key that each writer has for itself. Runs the NATS half only where `nats-server` is installed.

use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use main_server::{Persistence, bench::Writer};
use nats_harness::Servers;
use tokio::{runtime::Runtime, task::JoinSet};

const WRITERS: [usize; 3] = [1, 16, 256];
/// As large as a stream's record.
const VALUE: Bytes = Bytes::from_static(&[b'x'; 250]);

fn bench(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    measure(
        criterion,
        &runtime,
        "sqlite",
        &runtime.block_on(Writer::open(&Persistence::Sqlite, folder.path())),
    );
    if !nats_harness::is_installed() {
        println!("NATS is not measured: there is no nats-server here");
        return;
    }
    for (name, count) in [("nats", 1), ("nats-cluster", 3)] {
        let servers = Servers::start(count).expect("NATS servers");
        let persistence = servers.urls().parse().expect("addresses");
        let writer = runtime.block_on(Writer::open(&persistence, folder.path()));
        measure(criterion, &runtime, name, &writer);
    }
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, engine: &str, writer: &Writer) {
    let mut group = criterion.benchmark_group(engine);
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    for writers in WRITERS {
        group.throughput(Throughput::Elements(writers as u64));
        group.bench_function(BenchmarkId::new("put", writers), |bencher| {
            bencher.iter(|| runtime.block_on(each(writers, |number| put(writer.clone(), number))));
        });
        group.bench_function(BenchmarkId::new("compare_and_set", writers), |bencher| {
            let mut revisions = runtime.block_on(each(writers, |number| create(writer.clone(), number)));
            bencher.iter(|| {
                let known = revisions.clone();
                let renewed = each(writers, |number| renew(writer.clone(), known[number].clone()));
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

async fn put(writer: Writer, number: usize) {
    writer.put(&format!("put-{number}"), VALUE).await;
}

async fn create(writer: Writer, number: usize) -> (String, u64) {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let key = format!("set-{}-{number}", nanos.as_nanos());
    let revision = writer.compare_and_set(&key, VALUE, None).await;
    (key, revision)
}

async fn renew(writer: Writer, (key, revision): (String, u64)) -> (String, u64) {
    let revision = writer.compare_and_set(&key, VALUE, Some(revision)).await;
    (key, revision)
}

criterion_group!(benches, bench);
criterion_main!(benches);
