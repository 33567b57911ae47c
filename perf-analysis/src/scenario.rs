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

mod cell;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};

pub use cell::{Cell, Synthetic, Target, Transport, Trial};

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
    /// Whether the node logs its forward times. That is part of its CPU time, so what is judged by that goes without.
    #[serde(default = "default::forward_log")]
    pub forward_log: bool,
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
    /// Seconds the measured window lasts, if not the scenario's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure_s: Option<f64>,
    /// Most rounds of these cells, if not as many as the others have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// How viewers connect.
    #[serde(default)]
    pub transport: Transport,
    /// Media of an exact size and pace instead of the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<Synthetic>,
    /// Nodes beside the origin, all in its control group; viewers then connect to these in rotation.
    #[serde(default)]
    pub edges: u32,
    /// Viewers of each stream, beside `viewers`, that connect and then never read.
    #[serde(default)]
    pub silent: u32,
    /// Whether the node, or the floor, serves over TLS.
    #[serde(default)]
    pub tls: bool,
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
    pub(super) fn forward_log() -> bool {
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
            return Err("the scenario has no [[sweep]]".into());
        }
        for sweep in &self.sweep {
            within("measure_s", sweep.measure_s.unwrap_or(self.measure_s), 0.5, 86_400.0)?;
            if sweep.cpus.is_empty() || sweep.streams.is_empty() || sweep.viewers.is_empty() {
                return Err("a [[sweep]] has an empty list".into());
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
            within("edges", sweep.edges.into(), 0.0, 100.0)?;
            within("silent", sweep.silent.into(), 0.0, 10_000.0)?;
            if sweep.silent > 0 && sweep.transport != Transport::Ws {
                return Err("silent viewers need transport = \"ws\"".into());
            }
            if sweep.tls && sweep.edges > 0 {
                return Err("edges do not pull over TLS here: set tls = false".into());
            }
            if sweep.floor && sweep.edges + sweep.silent > 0 {
                return Err("the floor supports neither edges nor silent viewers: set floor = false".into());
            }
            sweep.synthetic.iter().try_for_each(Synthetic::check)?;
        }
        Ok(())
    }

    /// Every measurement in the order to make it: whole rounds, and in each the node and the floor in turn, so
    /// that a slow hour of the machine falls on both.
    pub fn trials(&self) -> Vec<Trial> {
        let mut trials: Vec<Trial> = Vec::new();
        for round in 0..self.rounds {
            let now = |sweep: &&Sweep| sweep.rounds.is_none_or(|rounds| round < rounds);
            let cells = |sweep| Sweep::cells(sweep).map(move |cell| (sweep, cell));
            for (sweep, cell) in self.sweep.iter().filter(now).flat_map(cells) {
                for target in [Target::Undead, Target::Floor] {
                    let trial =
                        Trial { round, cell, target, measure_s: sweep.measure_s.unwrap_or(self.measure_s) };
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
                self.viewers.iter().map(move |&viewers| Cell {
                    cpus,
                    streams,
                    viewers,
                    transport: self.transport,
                    synthetic: self.synthetic,
                    edges: self.edges,
                    silent: self.silent,
                    tls: self.tls,
                })
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
    fn what_sets_a_sweep_apart_is_in_the_names_of_its_cells() {
        let keys = "floor = false\ntransport = \"ws\"\nedges = 3\nsilent = 2\nsynthetic = { chunk_bytes = 30000, every_ms = 100 }";
        let scenario = Scenario::parse(&format!("rounds = 1\n{SMALL}{keys}")).unwrap();
        let names: Vec<String> = scenario.trials().iter().map(|trial| trial.cell.name()).collect();
        assert_eq!(names[0], "cpu0.5-s1-v3-ws-30000x100-e3-silent2");
        assert_eq!(Scenario::parse(SMALL).unwrap().trials()[0].cell.name(), "cpu0.5-s1-v3");
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
