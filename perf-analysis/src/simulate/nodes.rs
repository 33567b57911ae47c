//! Nodes that report, die and are replaced.

use placement::NodeSpec;
use protocol::{
    node::{Capacity, CarriedStream, Load},
    stream::StreamState,
};

use super::{
    node::Node,
    queue::Event,
    world::{SECOND_US, World, name, url},
};

/// How long a node may be chosen after its last heartbeat.
const LEASE_US: u64 = 3 * SECOND_US;
/// Time until the clients of a dead node try another one.
const NOTICED_US: (u64, u64) = (100_000, 900_000);
/// Time until a node reports before its next heartbeat.
const NEWS_US: u64 = 100_000;
const BYTES_PER_MBIT: f64 = 125_000.0;

impl World {
    pub(super) fn add_nodes(&mut self) {
        for number in 0..self.scenario.nodes {
            let limits = &self.scenario.node_mbit;
            let limit = (limits[number as usize % limits.len()] * BYTES_PER_MBIT) as u64;
            self.nodes.push(Node::new(limit));
            self.start(number);
        }
    }

    /// A new process registers and sends its first heartbeat at a random time within a second.
    fn start(&mut self, number: u32) {
        let node = &mut self.nodes[number as usize];
        node.start(self.now_us);
        let capacity = Capacity { egress_bytes_per_s: Some(node.limit), ..Capacity::default() };
        let event = Event::Heartbeat { node: number, life: node.life };
        self.fleet.join(&NodeSpec {
            hostname: &name(number),
            public_url: &url(number),
            peer_url: None,
            capacity,
            region: None,
        });
        let soon = self.random.between(0, SECOND_US);
        self.push_after(soon, event);
    }

    /// The node of that number, if it is still the same process.
    pub(super) fn process(&mut self, node: u32, life: u32) -> Option<&mut Node> {
        let node = &mut self.nodes[node as usize];
        (node.alive && node.life == life).then_some(node)
    }

    pub(super) fn heartbeat(&mut self, number: u32, life: u32) {
        self.report(number, life);
        if self.process(number, life).is_some() {
            self.push_after(SECOND_US, Event::Heartbeat { node: number, life });
        }
    }

    /// A stream went live on a node, which reports it before its next heartbeat.
    pub(super) fn has_news(&mut self, number: u32) {
        let node = &mut self.nodes[number as usize];
        if !std::mem::replace(&mut node.has_news, true) {
            let life = node.life;
            self.push_after(NEWS_US, Event::News { node: number, life });
        }
    }

    pub(super) fn report(&mut self, number: u32, life: u32) {
        let now_us = self.now_us;
        let Some(node) = self.process(number, life) else { return };
        let (rate, viewers) = (node.report_rate(now_us), node.viewers.len() as u32);
        let node = &self.nodes[number as usize];
        let published = node.carries.iter().filter(|(_, carried)| carried.is_origin);
        let load = Load {
            ingress_bytes_per_s: published.map(|(stream, _)| self.streams[*stream as usize].rate).sum(),
            viewers,
            egress_bytes_per_s: rate,
            live_streams: node.carries.len() as u32,
            relays: node.carries.values().map(|carried| carried.relays.len() as u32).sum(),
            ..Load::default()
        };
        let row = |stream: u32, viewers: u32, relays: usize| {
            let path = self.path(number, stream);
            CarriedStream {
                stream_id: self.streams[stream as usize].id,
                state: if path.is_some() { StreamState::Live } else { StreamState::Interrupted },
                viewers,
                mime: None,
                path: path.unwrap_or_default().into_iter().map(name).collect(),
                relays: relays as u32,
                bytes_per_s: self.streams[stream as usize].rate,
                visibility: None,
                asked_only: None,
            }
        };
        let carries = node.carries.iter();
        let rows: Vec<CarriedStream> =
            carries.map(|(stream, carried)| row(*stream, carried.viewers, carried.relays.len())).collect();
        let now = self.now();
        let (fleet, times) = (&mut self.fleet, &mut self.times);
        times.heartbeat.time(|| fleet.report(&name(number), &load, &rows, now));
    }

    pub(super) fn death(&mut self) {
        let wait_s = self.random.exponential(self.scenario.death_every_s);
        self.push_after_s(wait_s, Event::Death);
        let number = self.random.below(self.nodes.len()) as u32;
        if !self.nodes[number as usize].alive {
            return;
        }
        self.counts.deaths += 1;
        let node = &mut self.nodes[number as usize];
        node.alive = false;
        node.rate = 0;
        let life = node.life;
        let (viewers, carries) = (std::mem::take(&mut node.viewers), std::mem::take(&mut node.carries));
        for viewer in viewers {
            self.cut_off(viewer, number);
        }
        for (stream, carried) in carries {
            if let Some(source) = carried.source {
                self.detach(source, number, stream);
            }
            for edge in carried.relays {
                self.lose_source(edge, stream);
            }
            if carried.is_origin {
                let soon = self.noticed();
                self.push_after(soon, Event::Resume { stream });
            }
        }
        self.push_after(LEASE_US, Event::LeaseEnds { node: number, life });
        self.push_after_s(self.scenario.replaced_after_s, Event::Replace { node: number });
    }

    /// Time until a client tries another node.
    pub(super) fn noticed(&mut self) -> u64 {
        self.random.between(NOTICED_US.0, NOTICED_US.1)
    }

    pub(super) fn lease_ends(&mut self, number: u32, life: u32) {
        let node = &self.nodes[number as usize];
        if !node.alive && node.life == life {
            self.fleet.leave(&name(number));
        }
    }

    pub(super) fn replace(&mut self, number: u32) {
        if !self.nodes[number as usize].alive {
            self.start(number);
        }
    }
}
