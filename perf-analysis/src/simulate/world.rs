//! The simulated world and its clock.

use std::time::{Duration, Instant};

use placement::{Fleet, Policies, Request};
use protocol::StreamId;

use super::{
    Scenario,
    node::Node,
    queue::{Event, Queue},
    record::{DecisionTimes, Level, Second},
    stopwatch::Stopwatch,
};
use crate::random::{Random, Zipf};

/// Microseconds in a second.
pub(super) const SECOND_US: u64 = 1_000_000;
/// Number of nodes in an assignment.
pub(super) const AT_MOST: usize = 4;

/// A stream: its broadcaster and its rate.
pub(super) struct Stream {
    pub(super) id: StreamId,
    /// Bytes per second for each receiver.
    pub(super) rate: u64,
    /// The nodes in the broadcaster's assignment, without lost ones.
    pub(super) standbys: Vec<u32>,
}

/// A viewer, watching or waiting.
#[derive(Clone, Debug, Default)]
pub(super) struct Viewer {
    /// Number of this use of the entry: events for an earlier one are ignored.
    pub(super) life: u32,
    pub(super) stream: u32,
    /// The node it watches on.
    pub(super) node: Option<u32>,
    /// Assigned nodes it has not tried yet.
    pub(super) list: Vec<u32>,
    /// Nodes it tried unsuccessfully since it was last served.
    pub(super) tried: Vec<u32>,
    /// How often the first node of the list still lacked the stream.
    pub(super) waits: u32,
    /// Whether it was served before.
    pub(super) moves: bool,
}

/// Stopwatches of the decisions.
pub(super) struct Times {
    pub(super) viewer: Stopwatch,
    pub(super) relay: Stopwatch,
    pub(super) broadcaster: Stopwatch,
    pub(super) heartbeat: Stopwatch,
}

/// The simulated world.
pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) random: Random,
    pub(super) zipf: Zipf,
    pub(super) queue: Queue,
    pub(super) now_us: u64,
    start: Instant,
    pub(super) fleet: Fleet,
    pub(super) nodes: Vec<Node>,
    pub(super) streams: Vec<Stream>,
    pub(super) viewers: Vec<Viewer>,
    pub(super) free_viewers: Vec<u32>,
    /// Fraction of a viewer that has not arrived yet.
    pub(super) due: f64,
    pub(super) counts: Second,
    pub(super) times: Times,
    seconds: Vec<Second>,
}

impl World {
    /// All nodes and streams, without viewers.
    pub(super) fn new(scenario: Scenario) -> Self {
        let zipf = Zipf::new(scenario.streams as usize, scenario.zipf);
        let mut world = Self {
            random: Random::new(scenario.seed),
            zipf,
            queue: Queue::default(),
            now_us: 0,
            start: Instant::now(),
            fleet: Fleet::new(Policies::default()),
            nodes: Vec::new(),
            streams: Vec::new(),
            viewers: Vec::new(),
            free_viewers: Vec::new(),
            due: 0.0,
            counts: Second::default(),
            times: Times {
                viewer: Stopwatch::new("viewer"),
                relay: Stopwatch::new("relay"),
                broadcaster: Stopwatch::new("broadcaster"),
                heartbeat: Stopwatch::new("heartbeat"),
            },
            seconds: Vec::new(),
            scenario,
        };
        world.add_nodes();
        world.add_streams();
        world.queue.push(0, Event::Arrivals);
        world.queue.push(SECOND_US, Event::Sample);
        world.push_after_s(world.scenario.ramp_s, Event::Crowd);
        world.push_after_s(world.scenario.ramp_s, Event::Death);
        world
    }

    /// Executes the next event; false when the time is over.
    pub(super) fn step(&mut self) -> bool {
        let Some((at_us, event)) = self.queue.pop() else { return false };
        self.now_us = at_us;
        if at_us as f64 > self.scenario.duration_s() * SECOND_US as f64 {
            return false;
        }
        match event {
            Event::Arrivals => self.arrivals(),
            Event::Crowd => self.crowd(),
            Event::Connect { viewer, life } => self.connect(viewer, life),
            Event::Depart { viewer, life } => self.depart(viewer, life),
            Event::Heartbeat { node, life } => self.heartbeat(node, life),
            Event::News { node, life } => self.report(node, life),
            Event::Death => self.death(),
            Event::LeaseEnds { node, life } => self.lease_ends(node, life),
            Event::Replace { node } => self.replace(node),
            Event::Reattach { node, life, stream } => self.reattach(node, life, stream),
            Event::LetGo { node, life, stream } => self.let_go(node, life, stream),
            Event::Resume { stream } => self.resume(stream),
            Event::Sample => self.sample(),
        }
        true
    }

    pub(super) fn push_after(&mut self, us: u64, event: Event) {
        self.queue.push(self.now_us + us, event);
    }

    pub(super) fn push_after_s(&mut self, seconds: f64, event: Event) {
        self.push_after((seconds * SECOND_US as f64) as u64, event);
    }

    /// The simulated time in the form that the fleet needs.
    pub(super) fn now(&self) -> Instant {
        self.start + Duration::from_micros(self.now_us)
    }

    fn sample(&mut self) {
        let alive = || self.nodes.iter().filter(|node| node.alive);
        let mut shares: Vec<f64> = alive().map(Node::share).collect();
        shares.sort_unstable_by(f64::total_cmp);
        let carried = || alive().flat_map(|node| &node.carries);
        let rate = |stream: &u32| self.streams[*stream as usize].rate;
        let edges = || carried().filter(|(_, carried)| carried.source.is_some());
        let second = Second {
            t_s: self.now_us as f64 / SECOND_US as f64,
            nodes: shares.len() as u32,
            viewers: alive().map(|node| node.viewers.len() as u32).sum(),
            mean_share: shares.iter().sum::<f64>() / shares.len().max(1) as f64,
            max_share: shares.last().copied().unwrap_or(0.0),
            p99_share: shares.get(shares.len() * 99 / 100).copied().unwrap_or(0.0),
            pulled_bytes_per_s: edges().map(|(stream, _)| rate(stream)).sum(),
            served_bytes_per_s: carried()
                .map(|(stream, carried)| rate(stream) * u64::from(carried.viewers))
                .sum(),
            edges: edges().count() as u32,
            depth: self.levels().last().map_or(0, |level| level.depth),
            fan_out: carried().map(|(_, carried)| carried.relays.len() as u32).max().unwrap_or(0),
            ..self.counts
        };
        self.seconds.push(second);
        self.push_after(SECOND_US, Event::Sample);
    }

    fn levels(&self) -> Vec<Level> {
        let mut levels = std::collections::BTreeMap::new();
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.alive) {
            for stream in
                node.carries.iter().filter(|(_, carried)| carried.source.is_some()).map(|(id, _)| *id)
            {
                if let Some(path) = self.path(at as u32, stream) {
                    *levels.entry(path.len() as u32).or_default() += 1;
                }
            }
        }
        levels.into_iter().map(|(depth, edges)| Level { depth, edges }).collect()
    }

    /// The edges by depth now.
    pub(super) fn tree(&self) -> Vec<Level> {
        self.levels()
    }

    pub(super) fn finish(self) -> (Vec<Second>, Vec<DecisionTimes>) {
        let Times { viewer, relay, broadcaster, heartbeat } = self.times;
        (self.seconds, [viewer, relay, broadcaster, heartbeat].map(Stopwatch::times).into())
    }
}

/// The request of a client that just lost the nodes in `avoid`.
pub(super) fn ask(avoid: &[String]) -> Request<'_> {
    Request { avoid, region: None, at_most: AT_MOST }
}

/// The name of a node.
pub(super) fn name(node: u32) -> String {
    format!("cdn-{node}")
}

/// Its public URL.
pub(super) fn url(node: u32) -> String {
    format!("https://cdn-{node}")
}

/// The node at a public URL, or of a name.
pub(super) fn number(text: &str) -> u32 {
    text.rsplit_once('-')
        .and_then(|(_, number)| number.parse().ok())
        .expect("names are made by name() and url()")
}
