//! What is simulated: `simulations/default.toml` shows every key with its default.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};

/// A simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// The same seed gives the same run.
    pub seed: u64,
    /// Nodes at the start.
    pub nodes: u32,
    /// Egress limits of nodes in Mbit/s, dealt in turn.
    pub node_mbit: Vec<f64>,
    /// Streams, all live throughout.
    pub streams: u32,
    /// What one viewer of a stream takes in Mbit/s, dealt at random.
    pub stream_mbit: Vec<f64>,
    /// Viewers at a time once the simulation is steady.
    pub viewers: u32,
    /// Popularity of streams: the i-th has a share proportional to 1 / i^zipf.
    pub zipf: f64,
    /// Mean seconds a viewer stays; stays are exponentially distributed.
    pub stay_s: f64,
    /// Seconds in which the viewers arrive at first.
    pub ramp_s: f64,
    /// Seconds after the ramp that are not judged.
    pub settle_s: f64,
    /// Seconds that are judged.
    pub measure_s: f64,
    /// Seconds from one crowd to the next; each comes to one stream picked evenly, popular or not.
    pub crowd_every_s: f64,
    /// Viewers of a crowd; they arrive within one second.
    pub crowd: u32,
    /// Mean seconds from one node's death to the next.
    pub death_every_s: f64,
    /// Seconds until a new node stands where one died.
    pub replaced_after_s: f64,
    /// Whether viewers of a dead node ask the main server where to go on, as the watch page does, or go to the standbys
    /// they were given, as they must while no main server answers.
    pub asks_first: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            nodes: 10_000,
            node_mbit: vec![500.0],
            streams: 10_000,
            stream_mbit: vec![1.0, 2.0, 3.0, 4.0],
            viewers: 1_000_000,
            zipf: 1.0,
            stay_s: 600.0,
            ramp_s: 120.0,
            settle_s: 60.0,
            measure_s: 300.0,
            crowd_every_s: 10.0,
            crowd: 5_000,
            death_every_s: 2.0,
            replaced_after_s: 30.0,
            asks_first: true,
        }
    }
}

impl Scenario {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`Error::Scenario`] naming what is wrong with it, [`Error::Io`].
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).context(|| format!("reading {}", path.display()))?;
        let refuse = |message: String| Error::Scenario { path: path.into(), message };
        let scenario: Self = toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        scenario.check().map_err(|message| refuse(message.into()))?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), &'static str> {
        let times = [self.stay_s, self.ramp_s, self.measure_s, self.crowd_every_s, self.death_every_s];
        let rates = self.node_mbit.iter().chain(&self.stream_mbit);
        if self.nodes == 0 || self.streams == 0 || self.viewers == 0 {
            return Err("nodes, streams and viewers must be positive");
        }
        if self.node_mbit.is_empty() || self.stream_mbit.is_empty() {
            return Err("node_mbit and stream_mbit need at least one value each");
        }
        if times.into_iter().chain(rates.copied()).any(|value| !(value > 0.0 && value.is_finite())) {
            return Err("times and rates must be positive");
        }
        Ok(())
    }

    /// Seconds from the start to the end.
    pub fn duration_s(&self) -> f64 {
        self.ramp_s + self.settle_s + self.measure_s
    }

    /// Viewers that arrive a second while all is steady, crowds included.
    pub(super) fn arrivals_per_s(&self) -> f64 {
        f64::from(self.viewers) / self.stay_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_shows_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations/default.toml");
        assert_eq!(Scenario::load(&path).unwrap(), Scenario::default());
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        for wrong in [
            Scenario { nodes: 0, ..Scenario::default() },
            Scenario { stream_mbit: vec![], ..Scenario::default() },
            Scenario { stay_s: f64::NAN, ..Scenario::default() },
            Scenario { node_mbit: vec![-1.0], ..Scenario::default() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
