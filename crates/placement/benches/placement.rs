//! How long does one decision take as the cluster grows to ten thousand nodes, and a stream's carriers to as many?
//! And one heartbeat, which keeps the orders that decisions read?

use std::{hint::black_box, time::Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use placement::{Fleet, NodeSpec, Policies, Request};
use protocol::{
    StreamId,
    node::{Capacity, CarriedStream, Load},
    stream::StreamState,
};

const NODES: [usize; 3] = [10, 1_000, 10_000];
const CARRIERS: [usize; 4] = [1, 10, 1_000, 10_000];
const FAN_OUT: usize = 16;

fn name(number: usize) -> String {
    format!("cdn-{number}.example.org")
}

fn id(number: usize) -> StreamId {
    StreamId::new("stream", number as u128)
}

fn row(stream: StreamId, carrier: usize) -> CarriedStream {
    let mut path = Vec::new();
    let mut at = carrier;
    while at > 0 {
        at = (at - 1) / FAN_OUT;
        path.insert(0, name(at));
    }
    // Half of the relays it may have.
    let relays = if carrier < 600 { FAN_OUT as u32 / 2 } else { 0 };
    CarriedStream {
        stream_id: stream,
        state: StreamState::Live,
        viewers: 20,
        mime: None,
        path,
        relays,
        bytes_per_s: 300_000,
        visibility: None,
        asked_only: None,
    }
}

/// As many nodes as asked for, loaded differently; stream 0 is on the first `carriers` of them, each other node has one of
/// its own.
fn fleet(nodes: usize, carriers: usize, now: Instant) -> Fleet {
    let mut fleet = Fleet::new(Policies::default());
    let capacity = Capacity::default();
    for number in 0..nodes {
        let hostname = name(number);
        let public_url = format!("https://{hostname}");
        fleet.join(&NodeSpec {
            hostname: &hostname,
            public_url: &public_url,
            peer_url: None,
            capacity,
            region: None,
        });
        let stream = if number < carriers { 0 } else { number };
        let rows = [row(id(stream), number - if stream == 0 { 0 } else { number })];
        fleet.report(&hostname, &load(number), &rows, now);
        fleet.place(id(number), &hostname);
    }
    fleet
}

fn load(number: usize) -> Load {
    let viewers = 150 + (number * 7_919 % 101) as u32;
    Load { viewers, egress_bytes_per_s: u64::from(viewers) * 300_000, ..Load::default() }
}

fn sweep(criterion: &mut Criterion, name: &str, decide: impl Fn(&Fleet)) {
    let mut group = criterion.benchmark_group(name);
    for nodes in NODES {
        for carriers in CARRIERS.into_iter().filter(|carriers| *carriers <= nodes) {
            let fleet = fleet(nodes, carriers, Instant::now());
            let case = BenchmarkId::from_parameter(format!("{nodes}-nodes-{carriers}-carriers"));
            group.bench_function(case, |bencher| bencher.iter(|| decide(black_box(&fleet))));
        }
    }
    group.finish();
}

fn ask(avoid: &[String]) -> Request<'_> {
    Request { avoid, region: None, at_most: 4 }
}

fn placement(criterion: &mut Criterion) {
    sweep(criterion, "viewer", |fleet| drop(black_box(fleet.explain_watch(id(0), ask(&[])))));
    let lost = [format!("https://{}", name(0))];
    sweep(criterion, "viewer_that_lost_a_node", |fleet| {
        drop(black_box(fleet.explain_watch(id(0), ask(&lost))));
    });
    sweep(criterion, "broadcaster", |fleet| drop(black_box(fleet.publish(None, ask(&[])))));
    relays(criterion, "sixteen_relays", "nobody", &[]);
    relays(criterion, "sixteen_relays_that_lost_their_source", &name(1), &lost);
    herd(criterion);
    many_streams(criterion);
    heartbeats(criterion);
}

/// A viewer counted at a node that carries a thousand streams: the change of its load touches none of the others.
fn many_streams(criterion: &mut Criterion) {
    let now = Instant::now();
    let mut fleet = fleet(10, 1, now);
    let rows: Vec<CarriedStream> = (0..1_000).map(|stream| row(id(stream), 0)).collect();
    fleet.report(&name(0), &Load::default(), &rows, now);
    criterion.bench_function("viewer_at_a_node_of_1000_streams", |bencher| {
        let watch = |fleet: &mut Fleet| drop(black_box(fleet.watch(id(0), ask(&[]), now)));
        bencher.iter_batched_ref(|| fleet.clone(), watch, BatchSize::SmallInput);
    });
}

/// Decisions that count what they decide, so each fleet is asked sixteen times only.
fn relays(criterion: &mut Criterion, what: &str, asking: &str, avoid: &[String]) {
    let now = Instant::now();
    let mut group = criterion.benchmark_group(what);
    group.sample_size(10);
    for carriers in CARRIERS {
        let fleet = fleet(10_000, carriers, now);
        let ask = |fleet: &mut Fleet| {
            for _ in 0..16 {
                drop(black_box(fleet.sources(id(0), asking, avoid, 4, now)));
            }
        };
        let case = BenchmarkId::from_parameter(format!("{carriers}-carriers"));
        group.bench_function(case, |bencher| {
            bencher.iter_batched_ref(|| fleet.clone(), ask, BatchSize::LargeInput);
        });
    }
    group.finish();
}

/// A thousand viewers between two heartbeats, each counted where it went.
fn herd(criterion: &mut Criterion) {
    let now = Instant::now();
    let fleet = fleet(10_000, 1_000, now);
    criterion.bench_function("a_thousand_viewers_at_10000_nodes", |bencher| {
        let watch = |fleet: &mut Fleet| {
            for _ in 0..1_000 {
                drop(black_box(fleet.watch(id(0), ask(&[]), now)));
            }
        };
        bencher.iter_batched_ref(|| fleet.clone(), watch, BatchSize::LargeInput);
    });
}

fn heartbeats(criterion: &mut Criterion) {
    let now = Instant::now();
    let mut fleet = fleet(10_000, 1_000, now);
    let rows: Vec<CarriedStream> = (0..10).map(|stream| row(id(stream), stream)).collect();
    for number in 0..10_000 {
        fleet.report(&name(number), &load(number), &rows, now);
    }
    let mut beat = 0;
    criterion.bench_function("heartbeat_of_10_streams_at_10000_nodes", |bencher| {
        bencher.iter(|| {
            beat += 1;
            fleet.report(&name(beat % 10_000), &load(beat), &rows, now);
        });
    });
}

criterion_group!(benches, placement);
criterion_main!(benches);
