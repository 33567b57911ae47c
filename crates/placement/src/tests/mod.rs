//! Fleets for tests, and what happens to them.

mod broadcasters;
mod properties;
mod relays;
mod viewers;

use std::time::Instant;

use protocol::{
    StreamId,
    node::{Capacity, CarriedStream, Load, SourceAddress},
    stream::StreamState,
};

use crate::{Decision, Fleet, NodeSpec, Policies, Request};

const MB: u64 = 1_000_000;
const EACH: u64 = 300_000;

fn id(number: usize) -> StreamId {
    StreamId::new("stream", number as u128)
}

fn name(number: usize) -> String {
    format!("cdn-{number}")
}

fn url(number: usize) -> String {
    format!("https://cdn-{number}.example")
}

fn urls(sources: Vec<SourceAddress>) -> Vec<String> {
    sources.into_iter().map(|source| source.public_url).collect()
}

fn limited(egress_bytes_per_s: u64) -> Capacity {
    Capacity { egress_bytes_per_s: Some(egress_bytes_per_s), ..Capacity::default() }
}

fn join(fleet: &mut Fleet, number: usize, capacity: Capacity, region: Option<&str>) {
    fleet.join(&NodeSpec {
        hostname: &name(number),
        public_url: &url(number),
        peer_url: None,
        capacity,
        region,
    });
}

fn row(stream: usize, state: StreamState, viewers: u32) -> CarriedStream {
    CarriedStream {
        stream_id: id(stream),
        state,
        viewers,
        mime: None,
        path: Vec::new(),
        relays: 0,
        bytes_per_s: 0,
        visibility: None,
        asked_only: None,
    }
}

fn edge(stream: usize, viewers: u32, path: &[&str]) -> CarriedStream {
    let path = path.iter().map(|&hostname| hostname.to_owned()).collect();
    CarriedStream { path, ..row(stream, StreamState::Live, viewers) }
}

fn serving(viewers: u32) -> Load {
    Load { viewers, egress_bytes_per_s: u64::from(viewers) * EACH, ..Load::default() }
}

fn anybody(avoid: &[String]) -> Request<'_> {
    Request { avoid, region: None, at_most: 4 }
}

fn hostnames(decision: &Decision) -> Vec<&str> {
    decision.nodes.iter().map(|choice| &*choice.hostname).collect()
}

/// The slots of all nodes, the least loaded first.
fn slots(fleet: &Fleet) -> Vec<u32> {
    fleet.nodes.by_load(None).collect()
}

/// How many streams a node carries or is about to.
fn carries(fleet: &Fleet, slot: u32) -> usize {
    fleet.nodes.node(slot).carries.len()
}

/// The viewers of the node in `slot`, reported and assigned.
fn viewers(fleet: &Fleet, slot: u32) -> u32 {
    fleet.nodes.node(slot).load.viewers()
}

/// Streams placed on a node.
fn streams_on(fleet: &Fleet, number: usize) -> u32 {
    fleet.nodes.node(fleet.nodes.slot(&name(number)).unwrap()).placed.all
}

/// So many nodes of 100 MB/s; the first is the origin of stream 0.
fn fleet(nodes: usize) -> (Fleet, Instant) {
    let (mut fleet, now) = (Fleet::new(Policies::default()), Instant::now());
    for number in 0..nodes {
        join(&mut fleet, number, limited(100 * MB), None);
    }
    fleet.place(id(0), &name(0));
    fleet.report(&name(0), &Load::default(), &[row(0, StreamState::Live, 0)], now);
    (fleet, now)
}
