//! Scenario files: which CPU limits, streams and viewers to measure, for how long, with which recording.
//!
//! ```toml
//! recording = "webm-vp9-opus-100ms-key1s"  # folder under crates/media/fixtures
//! measure_s = 6.0      # length of the measured window of each cell
//!
//! [[sweep]]            # every combination of the three lists is a cell
//! cpus = [0.25, 1.0]
//! streams = [1, 4]
//! viewers = [50]
//! ```
//!
//! Keys this version does not know are refused. `scenarios/default.toml` shows every key with its default.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Folder of the recording every broadcaster replays, under the fixtures folder.
    #[serde(default = "default::recording")]
    pub recording: String,
    /// Seconds of streaming before the measured window of a cell begins.
    #[serde(default = "default::warm_up_s")]
    pub warm_up_s: f64,
    /// Seconds the measured window of a cell lasts.
    #[serde(default = "default::measure_s")]
    pub measure_s: f64,
    /// Most seconds to wait, after the last segment, for viewers to receive everything.
    #[serde(default = "default::drain_s")]
    pub drain_s: f64,
    /// How often the whole matrix is run; the spread of a figure comes from its rounds.
    #[serde(default = "default::rounds")]
    pub rounds: u32,
    /// Milliseconds between two samples of CPU time, memory and sockets.
    #[serde(default = "default::sample_ms")]
    pub sample_ms: u64,
    /// Whether the node gets a core of its own and the generator the others. Needs two cores or more.
    #[serde(default = "default::pin")]
    pub pin: bool,
    /// The matrix, as one or more products.
    pub sweep: Vec<Sweep>,
}

/// A product of CPU limits, streams and viewers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// CPU limits of the node, in cores. 0 means none.
    pub cpus: Vec<f64>,
    /// Concurrent streams.
    pub streams: Vec<u32>,
    /// Viewers of each stream.
    pub viewers: Vec<u32>,
    /// Whether each cell is also run against the floor program, right after the node.
    #[serde(default = "default::floor")]
    pub floor: bool,
}

/// One point of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// CPU limit in cores; 0 means none.
    pub cpus: f64,
    /// Concurrent streams.
    pub streams: u32,
    /// Viewers of each stream.
    pub viewers: u32,
}

impl Cell {
    /// The name records carry, e.g. `cpu0.25-s4-v50`.
    pub fn name(&self) -> String {
        format!("cpu{}-s{}-v{}", self.cpus, self.streams, self.viewers)
    }
}

/// Which program a cell was run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The node.
    Undead,
    /// The bare program that shows what the kernel costs.
    Floor,
}

/// One measurement to make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Which time through the matrix.
    pub round: u32,
    /// Which point of it.
    pub cell: Cell,
    /// Against which program.
    pub target: Target,
}

/// Values used where a scenario file is silent.
mod default {
    pub(super) fn recording() -> String {
        "webm-vp9-opus-100ms-key1s".into()
    }
    pub(super) fn warm_up_s() -> f64 {
        1.0
    }
    pub(super) fn measure_s() -> f64 {
        7.0
    }
    pub(super) fn drain_s() -> f64 {
        3.0
    }
    pub(super) fn rounds() -> u32 {
        2
    }
    pub(super) fn sample_ms() -> u64 {
        250
    }
    pub(super) fn pin() -> bool {
        true
    }
    pub(super) fn floor() -> bool {
        true
    }
}

impl Scenario {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Scenario`] if a key is unknown or a value out of range.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).map_err(|message| Error::Scenario { path: path.into(), message })
    }

    /// Reads and checks a scenario; the error names the key or the line.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scenario: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), String> {
        let within = |key: &str, value: f64, least: f64, most: f64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(format!("{key} = {value} is outside {least} to {most}"))
            }
        };
        within("warm_up_s", self.warm_up_s, 0.0, 600.0)?;
        within("measure_s", self.measure_s, 0.5, 86_400.0)?;
        within("drain_s", self.drain_s, 0.1, 60.0)?;
        within("rounds", self.rounds.into(), 1.0, 1_000.0)?;
        within("sample_ms", self.sample_ms as f64, 50.0, 60_000.0)?;
        if self.sweep.is_empty() {
            return Err("there is no [[sweep]], so nothing to measure".into());
        }
        for sweep in &self.sweep {
            if sweep.cpus.is_empty() || sweep.streams.is_empty() || sweep.viewers.is_empty() {
                return Err("a [[sweep]] has an empty list, so no cell".into());
            }
            for &cpus in &sweep.cpus {
                if cpus != 0.0 {
                    within("cpus", cpus, 0.01, 1024.0)?;
                }
            }
            for &streams in &sweep.streams {
                within("streams", streams.into(), 1.0, 10_000.0)?;
            }
            for &viewers in &sweep.viewers {
                within("viewers", viewers.into(), 1.0, 100_000.0)?;
            }
        }
        Ok(())
    }

    /// Every measurement in the order to make it: whole rounds, and in each the node and the floor by turns, so
    /// that a slow hour of the machine falls on both.
    pub fn trials(&self) -> Vec<Trial> {
        let mut trials: Vec<Trial> = Vec::new();
        for round in 0..self.rounds {
            for (sweep, cell) in
                self.sweep.iter().flat_map(|sweep| sweep.cells().map(move |cell| (sweep, cell)))
            {
                for target in [Target::Undead, Target::Floor] {
                    let trial = Trial { round, cell, target };
                    if (target == Target::Undead || sweep.floor) && !trials.contains(&trial) {
                        trials.push(trial);
                    }
                }
            }
        }
        trials
    }
}

impl Sweep {
    fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        self.cpus.iter().flat_map(move |&cpus| {
            self.streams.iter().flat_map(move |&streams| {
                self.viewers.iter().map(move |&viewers| Cell { cpus, streams, viewers })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "[[sweep]]\ncpus = [0.5]\nstreams = [1, 2]\nviewers = [3]\n";

    #[test]
    fn default_toml_shows_every_key_with_its_default() {
        let text = include_str!("../scenarios/default.toml");
        let documented = Scenario::parse(text).unwrap();
        let silent = Scenario::parse(SMALL).unwrap();
        assert_eq!(Scenario { sweep: silent.sweep.clone(), ..documented.clone() }, silent);
        let serde_json::Value::Object(keys) = serde_json::to_value(&documented).unwrap() else { panic!() };
        for key in keys.keys() {
            assert!(text.contains(key.as_str()), "{key} is missing from default.toml");
        }
    }

    #[test]
    fn default_toml_holds_the_promised_matrix() {
        let scenario = Scenario::parse(include_str!("../scenarios/default.toml")).unwrap();
        let trials = scenario.trials();
        for cpus in [0.25, 0.5, 1.0] {
            for streams in [1, 2, 4, 8, 16] {
                let here = |trial: &Trial| trial.cell.cpus == cpus && trial.cell.streams == streams;
                assert!(trials.iter().any(here), "{cpus} CPU, {streams} streams");
            }
        }
    }

    #[test]
    fn every_shipped_scenario_parses() {
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios")).unwrap() {
            Scenario::load(&entry.unwrap().path()).unwrap();
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = Scenario::parse(&format!("colour = 1\n{SMALL}")).unwrap_err();
        assert!(error.contains("colour"), "{error}");
    }

    #[test]
    fn a_value_out_of_range_is_refused_by_name() {
        let error = Scenario::parse(&format!("measure_s = 0.0\n{SMALL}")).unwrap_err();
        assert!(error.contains("measure_s"), "{error}");
        let error = Scenario::parse("[[sweep]]\ncpus = [-1.0]\nstreams = [1]\nviewers = [1]").unwrap_err();
        assert!(error.contains("cpus"), "{error}");
    }

    #[test]
    fn node_and_floor_take_turns_and_no_cell_is_run_twice_in_a_round() {
        let scenario = Scenario::parse(&format!("rounds = 2\n{SMALL}{SMALL}")).unwrap();
        let trials = scenario.trials();
        let targets: Vec<Target> = trials.iter().map(|trial| trial.target).collect();
        assert_eq!(targets, [Target::Undead, Target::Floor].repeat(4));
    }
}
