//! Broadcasters, and the edges behind them.

use protocol::{StreamId, node::MOST_HOPS};

use super::{
    node::Carried,
    queue::Event,
    world::{AT_MOST, SECOND_US, Stream, World, ask, name, number, url},
};

/// How long an edge keeps a stream without viewers.
const KEPT_US: u64 = 10 * SECOND_US;
/// Time until an edge or a broadcaster without a node asks again.
const AGAIN_US: u64 = 500_000;
/// Longest path that is followed, so that a cycle cannot hang the simulation.
const LONGEST: usize = 32;
/// Most nodes that pull one stream from one node, as in real nodes.
const FAN_OUT: usize = 16;
const BYTES_PER_MBIT: f64 = 125_000.0;

impl World {
    pub(super) fn add_streams(&mut self) {
        for number in 0..self.scenario.streams {
            let rates = &self.scenario.stream_mbit;
            let rate = (rates[self.random.below(rates.len())] * BYTES_PER_MBIT) as u64;
            let id = StreamId::new("simulated", number.into());
            self.streams.push(Stream { id, rate, standbys: Vec::new() });
        }
        // Shuffled, so that popular streams are not created first.
        let mut order: Vec<u32> = (0..self.scenario.streams).collect();
        for at in (1..order.len()).rev() {
            let other = self.random.below(at + 1);
            order.swap(at, other);
        }
        for stream in order {
            self.resume(stream);
        }
    }

    /// A broadcaster continues at the first live node of its list; without one it asks.
    pub(super) fn resume(&mut self, stream: u32) {
        let known = &mut self.streams[stream as usize];
        let mut left = std::mem::take(&mut known.standbys).into_iter();
        let next = left.find(|node| self.nodes[*node as usize].alive);
        let Some(node) = next else { return self.ask_where_to_publish(stream) };
        self.streams[stream as usize].standbys = left.collect();
        self.publish(stream, node);
    }

    fn ask_where_to_publish(&mut self, stream: u32) {
        let id = self.streams[stream as usize].id;
        let (fleet, times) = (&self.fleet, &mut self.times);
        let decided = times.broadcaster.time(|| fleet.publish(Some(id), ask(&[])));
        let nodes = decided.map(|decision| decision.nodes).unwrap_or_default();
        let nodes: Vec<u32> = nodes.iter().map(|choice| number(&choice.hostname)).collect();
        let lives = |node: &u32| self.nodes[*node as usize].alive;
        match nodes.iter().position(lives) {
            Some(place) => {
                let (node, standbys) = (nodes[place], nodes[place + 1..].to_vec());
                self.streams[stream as usize].standbys = standbys;
                self.publish(stream, node);
            }
            None => self.push_after(AGAIN_US, Event::Resume { stream }),
        }
    }

    fn publish(&mut self, stream: u32, node: u32) {
        let carried = self.nodes[node as usize].carries.entry(stream).or_default();
        carried.is_origin = true;
        if let Some(source) = carried.source.take() {
            self.detach(source, node, stream);
        }
        self.fleet.place(self.streams[stream as usize].id, &name(node));
        self.path_changed(node, stream);
    }

    /// The path of a stream to `node`, the origin first; none while it is interrupted.
    pub(super) fn path(&self, node: u32, stream: u32) -> Option<Vec<u32>> {
        let mut path = Vec::new();
        let mut carried = self.carried(node, stream)?;
        while !carried.is_origin && path.len() < LONGEST {
            let source = carried.source?;
            path.push(source);
            carried = self.carried(source, stream)?;
        }
        path.reverse();
        carried.is_origin.then_some(path)
    }

    pub(super) fn carried(&self, node: u32, stream: u32) -> Option<&Carried> {
        self.nodes[node as usize].carries.get(&stream)
    }

    /// Whether `node` carries the stream, or can pull it now from another node.
    pub(super) fn has_or_pulls(&mut self, node: u32, stream: u32) -> bool {
        if self.carried(node, stream).is_some() {
            return true;
        }
        let found = self.find_source(node, stream, &[]);
        if let Some(source) = found {
            self.attach(source, node, stream);
            // The viewer that made it an edge may leave before it watches.
            self.may_let_go(node, stream);
        }
        found.is_some()
    }

    /// Asks the main server, and takes the first source that accepts the edge.
    fn find_source(&mut self, node: u32, stream: u32, avoid: &[String]) -> Option<u32> {
        let (id, rate, now) =
            (self.streams[stream as usize].id, self.streams[stream as usize].rate, self.now());
        let (fleet, times) = (&mut self.fleet, &mut self.times);
        let sources =
            times.relay.time(|| fleet.sources(id, &name(node), avoid, AT_MOST, now)).unwrap_or_default();
        sources.iter().map(|source| number(&source.public_url)).find(|&source| {
            let path = self.path(source, stream);
            let relays = self.carried(source, stream).map_or(0, |carried| carried.relays.len());
            source != node
                && path.is_some_and(|path| path.len() < MOST_HOPS && !path.contains(&node))
                && relays < FAN_OUT
                && self.nodes[source as usize].admits(rate, true)
        })
    }

    fn attach(&mut self, source: u32, node: u32, stream: u32) {
        self.nodes[node as usize].carries.entry(stream).or_default().source = Some(source);
        let (rate, now_us) = (self.streams[stream as usize].rate as i64, self.now_us);
        let above = &mut self.nodes[source as usize];
        if let Some(carried) = above.carries.get_mut(&stream) {
            carried.relays.push(node);
            above.change_rate(rate, now_us);
        }
        self.path_changed(node, stream);
    }

    /// The path of a stream to `node` changed: nodes below learn it at once, and those that are now too deep
    /// look for another source.
    fn path_changed(&mut self, node: u32, stream: u32) {
        self.has_news(node);
        let below = self.carried(node, stream).map_or_else(Vec::new, |carried| carried.relays.clone());
        for edge in below {
            if self.path(edge, stream).is_some_and(|path| path.len() > MOST_HOPS) {
                self.detach(node, edge, stream);
                self.lose_source(edge, stream);
            } else {
                self.path_changed(edge, stream);
            }
        }
    }

    /// `source` no longer feeds `node`.
    pub(super) fn detach(&mut self, source: u32, node: u32, stream: u32) {
        let (rate, now_us) = (self.streams[stream as usize].rate as i64, self.now_us);
        let above = &mut self.nodes[source as usize];
        let Some(carried) = above.carries.get_mut(&stream) else { return };
        let before = carried.relays.len();
        carried.relays.retain(|relay| *relay != node);
        if carried.relays.len() < before {
            above.change_rate(-rate, now_us);
        }
        self.may_let_go(source, stream);
    }

    /// The source of an edge is gone.
    pub(super) fn lose_source(&mut self, edge: u32, stream: u32) {
        let soon = self.noticed();
        let node = &mut self.nodes[edge as usize];
        let life = node.life;
        let Some(carried) = node.carries.get_mut(&stream) else { return };
        carried.source = None;
        self.push_after(soon, Event::Reattach { node: edge, life, stream });
    }

    pub(super) fn reattach(&mut self, node: u32, life: u32, stream: u32) {
        let Some(process) = self.process(node, life) else { return };
        let Some(carried) = process.carries.get(&stream) else { return };
        if carried.is_origin || carried.source.is_some() {
            return;
        }
        match self.find_source(node, stream, &[url(node)]) {
            Some(source) => self.attach(source, node, stream),
            None => self.push_after(AGAIN_US, Event::Reattach { node, life, stream }),
        }
    }

    /// Schedules the end of an edge that may have become idle.
    pub(super) fn may_let_go(&mut self, node: u32, stream: u32) {
        if self.carried(node, stream).is_some_and(Carried::is_idle) {
            let life = self.nodes[node as usize].life;
            self.push_after(KEPT_US, Event::LetGo { node, life, stream });
        }
    }

    pub(super) fn let_go(&mut self, node: u32, life: u32, stream: u32) {
        let Some(process) = self.process(node, life) else { return };
        if !process.carries.get(&stream).is_some_and(Carried::is_idle) {
            return;
        }
        let source = process.carries.remove(&stream).and_then(|carried| carried.source);
        if let Some(source) = source {
            self.detach(source, node, stream);
        }
    }
}
