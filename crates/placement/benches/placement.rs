//! How long does one decision take as the cluster grows to ten thousand nodes, and a stream's carriers to as many?
//! And one heartbeat, which keeps the orders that decisions read?

use std::{hint::black_box, time::Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use placement::{Ask, Fleet, Policies, Spec};
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
    let relays = if carrier < 600 { FAN_OUT as u32 } else { 0 };
    CarriedStream {
        stream_id: stream,
        state: StreamState::Live,
        viewers: 20,
        mime: None,
        path,
        relays,
        bytes_per_s: 300_000,
    }
}

/// As many nodes as asked for, loaded differently; stream 0 is on the first `carriers` of them, each other node has one of
/// its own.
fn fleet(nodes: usize, carriers: usize, policies: Policies, now: Instant) -> Fleet {
    let mut fleet = Fleet::new(policies);
    let capacity = Capacity::default();
    for number in 0..nodes {
        let hostname = name(number);
        let public_url = format!("https://{hostname}");
        fleet.join(&Spec {
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

fn sweep(
    criterion: &mut Criterion,
    name: &str,
    policies: Policies,
    mut decide: impl FnMut(&mut Fleet, Instant),
) {
    let mut group = criterion.benchmark_group(name);
    let now = Instant::now();
    for nodes in NODES {
        for carriers in CARRIERS.into_iter().filter(|carriers| *carriers <= nodes) {
            let fleet = fleet(nodes, carriers, policies, now);
            let case = BenchmarkId::from_parameter(format!("{nodes}-nodes-{carriers}-carriers"));
            group.bench_with_input(case, &fleet, |bencher, fleet| {
                let mut fleet = fleet.clone();
                bencher.iter(|| decide(black_box(&mut fleet), now));
            });
        }
    }
    group.finish();
}

fn ask(avoid: &[String]) -> Ask<'_> {
    Ask { avoid, region: None, at_most: 4 }
}

fn placement(criterion: &mut Criterion) {
    let usual = Policies::default();
    sweep(criterion, "viewer", usual, |fleet, _| drop(black_box(fleet.explain_watch(id(0), ask(&[])))));
    let lost = [format!("https://{}", name(0))];
    sweep(criterion, "viewer_that_lost_a_node", usual, |fleet, _| {
        drop(black_box(fleet.explain_watch(id(0), ask(&lost))));
    });
    sweep(criterion, "broadcaster", usual, |fleet, _| drop(black_box(fleet.publish(None, ask(&[])))));
    // Decisions that count what they decide: nobody ever has all the relays it may have, so all are compared each time.
    let endless = Policies { fan_out: u32::MAX, ..usual };
    sweep(criterion, "relay", endless, |fleet, now| {
        drop(black_box(fleet.sources(id(0), "nobody", &[], 4, now)));
    });
    sweep(criterion, "relay_that_lost_its_source", endless, |fleet, now| {
        drop(black_box(fleet.sources(id(0), &name(1), &lost, 4, now)));
    });
    herd(criterion);
    heartbeats(criterion);
}

/// A thousand viewers between two heartbeats, each counted where it went.
fn herd(criterion: &mut Criterion) {
    let now = Instant::now();
    let fleet = fleet(10_000, 1_000, Policies::default(), now);
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
    let mut fleet = fleet(10_000, 1_000, Policies::default(), now);
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
