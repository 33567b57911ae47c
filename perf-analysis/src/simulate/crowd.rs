//! Viewers: they arrive, connect, move when their node dies, and leave.

use super::{
    queue::Event,
    world::{SECOND_US, Viewer, World, ask, number, url},
};

/// Interval of generating arrivals.
const TICK_US: u64 = 10_000;
/// Time from the main server's answer until the page is connected to the node.
const CONNECT_US: (u64, u64) = (50_000, 400_000);
/// Time from one refusing node to the next.
const NEXT_US: u64 = 50_000;
/// How often a viewer asks the main server before it gives up.
const MOST_TRIED: usize = 8;
/// How often a viewer waits for a node that does not have the stream yet, before it tries the next.
const MOST_WAITS: u32 = 8;
/// Pause before a viewer that lost its node and found no capacity asks again.
const AGAIN_US: u64 = 500_000;

impl World {
    /// One tick of the steady stream of viewers, and of the ramp at the start.
    pub(super) fn arrivals(&mut self) {
        let scenario = &self.scenario;
        let crowds = f64::from(scenario.crowd) / scenario.crowd_every_s;
        let is_ramp = (self.now_us as f64) < scenario.ramp_s * SECOND_US as f64;
        let per_s = if is_ramp {
            // Some viewers leave again during the ramp.
            f64::from(scenario.viewers) / scenario.ramp_s + scenario.arrivals_per_s() / 2.0
        } else {
            (scenario.arrivals_per_s() - crowds).max(0.0)
        };
        self.due += per_s * TICK_US as f64 / SECOND_US as f64;
        while self.due >= 1.0 {
            self.due -= 1.0;
            let stream = self.zipf.pick(&mut self.random) as u32;
            self.arrive(stream);
        }
        self.push_after(TICK_US, Event::Arrivals);
    }

    /// A crowd arrives at one stream at once.
    pub(super) fn crowd(&mut self) {
        let stream = self.random.below(self.streams.len()) as u32;
        for _ in 0..self.scenario.crowd {
            let within = self.random.between(0, SECOND_US);
            let viewer = self.new_viewer(stream);
            let life = self.viewers[viewer as usize].life;
            // It has an empty list, so it asks when its time comes.
            self.push_after(within, Event::Connect { viewer, life });
        }
        self.push_after_s(self.scenario.crowd_every_s, Event::Crowd);
    }

    fn arrive(&mut self, stream: u32) {
        let viewer = self.new_viewer(stream);
        self.ask_where_to_watch(viewer);
    }

    fn new_viewer(&mut self, stream: u32) -> u32 {
        let viewer = self.free_viewers.pop().unwrap_or_else(|| {
            self.viewers.push(Viewer::default());
            self.viewers.len() as u32 - 1
        });
        let entry = &mut self.viewers[viewer as usize];
        *entry = Viewer { life: entry.life + 1, stream, ..Viewer::default() };
        viewer
    }

    fn ask_where_to_watch(&mut self, viewer: u32) {
        let entry = &self.viewers[viewer as usize];
        let (life, id) = (entry.life, self.streams[entry.stream as usize].id);
        let avoid: Vec<String> = entry.tried.iter().map(|node| url(*node)).collect();
        let now = self.now();
        let (fleet, times) = (&mut self.fleet, &mut self.times);
        let decided = times.viewer.time(|| fleet.watch(id, ask(&avoid), now));
        let Ok(decision) = decided else {
            return if self.viewers[viewer as usize].moves {
                self.push_after(AGAIN_US, Event::Connect { viewer, life });
            } else {
                self.give_up(viewer)
            };
        };
        self.viewers[viewer as usize].list =
            decision.nodes.iter().map(|choice| number(&choice.hostname)).collect();
        let wait = self.random.between(CONNECT_US.0, CONNECT_US.1);
        self.push_after(wait, Event::Connect { viewer, life });
    }

    /// A viewer tries the next node of its list, or asks for another list.
    pub(super) fn connect(&mut self, viewer: u32, life: u32) {
        let entry = &mut self.viewers[viewer as usize];
        if entry.life != life || entry.node.is_some() {
            return;
        }
        if entry.list.is_empty() {
            return if entry.tried.len() < MOST_TRIED {
                self.ask_where_to_watch(viewer)
            } else if entry.moves {
                // A viewer that was watching does not give up.
                entry.tried.truncate(1);
                self.push_after(AGAIN_US, Event::Connect { viewer, life });
            } else {
                self.give_up(viewer)
            };
        }
        let (node, stream, moves) = (entry.list[0], entry.stream, entry.moves);
        let rate = self.streams[stream as usize].rate;
        let alive = self.nodes[node as usize].alive;
        let admitted = self.nodes[node as usize].admits(rate, moves);
        if admitted && self.has_or_pulls(node, stream) {
            return self.join(viewer, node, rate);
        }
        let entry = &mut self.viewers[viewer as usize];
        if admitted && entry.waits < MOST_WAITS {
            // Meanwhile the node looks for a source.
            entry.waits += 1;
            return self.push_after(AGAIN_US, Event::Connect { viewer, life });
        }
        if alive && !admitted {
            self.counts.turned_away += 1;
        }
        entry.waits = 0;
        entry.list.remove(0);
        entry.tried.push(node);
        self.push_after(NEXT_US, Event::Connect { viewer, life });
    }

    fn join(&mut self, viewer: u32, node: u32, rate: u64) {
        let now_us = self.now_us;
        let entry = &mut self.viewers[viewer as usize];
        let (life, stream, moves) = (entry.life, entry.stream, entry.moves);
        entry.node = Some(node);
        entry.tried.clear();
        entry.list.remove(0);
        entry.waits = 0;
        let at = &mut self.nodes[node as usize];
        at.viewers.push(viewer);
        at.change_rate(rate as i64, now_us);
        if let Some(carried) = at.carries.get_mut(&stream) {
            carried.viewers += 1;
        }
        if moves {
            self.counts.moved += 1;
        } else {
            self.counts.placed += 1;
            let stay_s = self.random.exponential(self.scenario.stay_s);
            self.push_after_s(stay_s, Event::Depart { viewer, life });
        }
    }

    /// The viewer's node died: it tries the next one of its list.
    pub(super) fn cut_off(&mut self, viewer: u32, node: u32) {
        let entry = &mut self.viewers[viewer as usize];
        entry.node = None;
        entry.moves = true;
        entry.tried = vec![node];
        if self.scenario.asks_first {
            entry.list.clear();
        }
        let life = entry.life;
        let soon = self.noticed();
        self.push_after(soon, Event::Connect { viewer, life });
    }

    fn give_up(&mut self, viewer: u32) {
        self.counts.refused += 1;
        self.forget(viewer);
    }

    fn forget(&mut self, viewer: u32) {
        self.viewers[viewer as usize].life += 1;
        self.viewers[viewer as usize].node = None;
        self.free_viewers.push(viewer);
    }

    pub(super) fn depart(&mut self, viewer: u32, life: u32) {
        let now_us = self.now_us;
        let entry = &self.viewers[viewer as usize];
        if entry.life != life {
            return;
        }
        let (node, stream) = (entry.node, entry.stream);
        if node.is_none() {
            self.counts.lost += 1;
        }
        if let Some(number) = node {
            let rate = self.streams[stream as usize].rate as i64;
            let node = &mut self.nodes[number as usize];
            if let Some(place) = node.viewers.iter().position(|other| *other == viewer) {
                node.viewers.swap_remove(place);
            }
            node.change_rate(-rate, now_us);
            if let Some(carried) = node.carries.get_mut(&stream) {
                carried.viewers -= 1;
            }
            self.may_let_go(number, stream);
        }
        self.forget(viewer);
    }
}
