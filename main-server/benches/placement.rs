//! How long does placing one broadcaster or viewer take as the cluster grows to ten thousand nodes?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use main_server::placement::{Candidate, Carriage, CarriersFirst, FewestStreams, Policy, Request, choose};
use protocol::node::{Capacity, Load};

const SIZES: [usize; 3] = [100, 1_000, 10_000];

/// Nodes with loads that repeat, so that every tie-break is needed; one in ten carries the stream.
fn candidates(names: &[String]) -> Vec<Candidate<'_>> {
    names.iter().enumerate().map(|(index, name)| candidate(index, name)).collect()
}

fn candidate(index: usize, name: &str) -> Candidate<'_> {
    Candidate {
        hostname: name,
        public_url: name,
        streams: (index * 7_919 % 13) as u32,
        load: Load { egress_bytes_per_s: (index * 104_729 % 5) as u64, ..Load::default() },
        capacity: Capacity { streams: Some(12), ..Capacity::default() },
        carriage: if index.is_multiple_of(10) { Carriage::Live } else { Carriage::None },
    }
}

fn sweep<P: Policy>(criterion: &mut Criterion, name: &str, policy: &P) {
    let mut group = criterion.benchmark_group(name);
    for size in SIZES {
        let names: Vec<String> = (0..size).map(|index| format!("https://cdn-{index}.example.org")).collect();
        let candidates = candidates(&names);
        let avoid = [names[0].clone()];
        let request = Request { avoid: &avoid, at_most: 4 };
        group.bench_with_input(BenchmarkId::from_parameter(size), &candidates, |bencher, candidates| {
            bencher.iter(|| choose(policy, black_box(candidates), request));
        });
    }
    group.finish();
}

fn placement(criterion: &mut Criterion) {
    sweep(criterion, "fewest_streams", &FewestStreams);
    sweep(criterion, "carriers_first", &CarriersFirst);
}

criterion_group!(benches, placement);
criterion_main!(benches);
