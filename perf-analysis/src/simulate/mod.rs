//! Simulates ten thousand nodes and a million viewers: the main server's own placement, in a world that it
//! knows only from heartbeats up to a second old.
//!
//! Discrete events on a simulated clock. The world (`world`) is the true state: nodes with their egress,
//! edges with their sources, viewers with their lists of nodes. The main server is the real `Fleet` and
//! learns only what heartbeats, leases and broadcasters tell it. Viewers take time to connect; nodes refuse
//! viewers beyond their limit; nodes die, and their viewers move to their standbys without asking. Bytes are
//! rates: no packets, and no networks between nodes.

mod crowd;
mod node;
mod nodes;
pub mod page;
mod queue;
mod record;
mod scenario;
mod stopwatch;
mod summary;
mod tree;
mod world;

use std::time::Instant;

pub use record::{DecisionTimes, Level, Manifest, Records, Second};
pub use scenario::Scenario;
pub use summary::Judgement;

use crate::{
    error::Result,
    machine::{self, Machine},
};
use world::World;

/// Runs `scenario` to its end.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if the machine's properties cannot be read.
pub fn run(scenario: Scenario) -> Result<Records> {
    let machine = Machine::this()?;
    let began = Instant::now();
    let mut world = World::new(scenario.clone());
    while world.step() {}
    let manifest = Manifest {
        commit: machine::commit(),
        machine,
        scenario,
        took_s: began.elapsed().as_secs_f64(),
        finished: true,
    };
    let tree = world.tree();
    let (seconds, decisions) = world.finish();
    Ok(Records { manifest, seconds, decisions, tree })
}
