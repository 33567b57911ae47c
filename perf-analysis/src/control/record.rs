//! The records of a control-plane run on disk.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use serde::{Deserialize, Serialize};

use super::engine::{Engine, Plant};
use crate::{
    error::{Context, Error, Result},
    histogram::Histogram,
    machine::{self, Machine},
};

/// How much of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The stores, in turn.
    pub engines: Vec<Engine>,
    /// Number of rounds over all engines.
    pub rounds: u32,
    /// Nodes that register and send heartbeats once a second.
    pub nodes: u32,
    /// Nodes present when viewers ask for the first time.
    pub few_nodes: u32,
    /// Seconds over which heartbeats are measured.
    pub heartbeats_s: f64,
    /// Connections that ask where to watch, each as fast as it is answered.
    pub connections: u32,
    /// Duration of these requests, seconds.
    pub watch_s: f64,
}

/// The run and its circumstances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Commit of the checkout; `-dirty` when it had changes.
    pub commit: String,
    /// When the run began, seconds since the Unix epoch.
    pub started_at_s: u64,
    /// The machine.
    pub machine: Machine,
    /// The precedence of the programs on the machine.
    pub precedence: String,
    /// A remark on the circumstances.
    pub remark: Option<String>,
    /// How much of what.
    pub plan: Plan,
    /// Whether every phase was run.
    pub finished: bool,
}

/// The kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// Nodes register, as fast as they are answered.
    Register,
    /// Heartbeats at 1 Hz.
    Heartbeat,
    /// Viewers ask where to watch, while nodes send heartbeats.
    Watch,
}

/// A finished phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// The store.
    pub engine: Engine,
    /// Number of the round, from 0.
    pub round: u32,
    /// The kind of load.
    pub phase: PhaseName,
    /// Nodes registered at its end.
    pub nodes: u32,
    /// The answers.
    #[serde(flatten)]
    pub answers: Answers,
    /// The resources used.
    #[serde(flatten)]
    pub used: Used,
}

/// The answers of a phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// Requests with the expected answer.
    pub answered: u64,
    /// Requests answered with an error.
    pub refused: u64,
    /// From the time a request was due (or, in a closed loop, sent) to its answer.
    pub latency: Histogram,
}

/// The resources used in a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Used {
    /// How long it lasted.
    pub window_us: u64,
    /// CPU time of the main server.
    pub cpu_us: u64,
    /// CPU time of the store's own processes, if it has any.
    pub store_cpu_us: u64,
    /// CPU time of the generator.
    pub generator_cpu_us: u64,
    /// CPU time of all programs on the machine, ours included, and time taken by the hypervisor.
    pub machine_us: u64,
    /// Resident memory of the main server at the end.
    pub rss_bytes: u64,
}

impl Used {
    /// Cores used by other programs, if ours used `more_us` in addition to the recorded time.
    pub(crate) fn others(&self, more_us: u64) -> f64 {
        let ours_us = self.cpu_us + self.generator_cpu_us + self.store_cpu_us + more_us;
        self.machine_us.saturating_sub(ours_us) as f64 / self.window_us as f64
    }
}

/// Reads clocks and counters of a phase.
pub struct Meter {
    at: Instant,
    before: Used,
}

impl Meter {
    /// Starts measuring a phase.
    ///
    /// # Errors
    /// [`Error::Io`] if a program has ended.
    pub fn start(plant: &Plant) -> Result<Self> {
        Ok(Self { at: Instant::now(), before: counters(plant)? })
    }

    /// The resources used since.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn read(&self, plant: &Plant) -> Result<Used> {
        let now = counters(plant)?;
        Ok(Used {
            window_us: self.at.elapsed().as_micros() as u64,
            cpu_us: now.cpu_us - self.before.cpu_us,
            store_cpu_us: now.store_cpu_us - self.before.store_cpu_us,
            generator_cpu_us: now.generator_cpu_us - self.before.generator_cpu_us,
            machine_us: now.machine_us - self.before.machine_us,
            rss_bytes: now.rss_bytes,
        })
    }
}

fn counters(plant: &Plant) -> Result<Used> {
    let (busy, stolen) = machine::whole_cpu_us()?;
    Ok(Used {
        window_us: 0,
        cpu_us: plant.cpu_us()?,
        store_cpu_us: plant.store_cpu_us()?,
        generator_cpu_us: machine::own_cpu_us(),
        machine_us: busy + stolen,
        rss_bytes: plant.rss_bytes()?,
    })
}

const MANIFEST: &str = "manifest.json";
const PHASES: &str = "phases.jsonl";

/// A results folder being written.
pub struct Writer {
    directory: PathBuf,
    phases: File,
}

impl Writer {
    /// Creates the folder `directory`.
    ///
    /// # Errors
    /// [`Error::Results`] if it already contains results, [`Error::Io`].
    pub fn create(directory: &Path, manifest: &Manifest) -> Result<Self> {
        if directory.join(MANIFEST).exists() {
            let message = "holds results already: choose another --out, or delete it".into();
            return Err(Error::Results { path: directory.into(), message });
        }
        fs::create_dir_all(directory).context(|| format!("making {}", directory.display()))?;
        let path = directory.join(PHASES);
        let phases = File::create(&path).context(|| format!("making {}", path.display()))?;
        let writer = Self { directory: directory.into(), phases };
        writer.manifest(manifest)?;
        Ok(writer)
    }

    /// Rewrites the manifest.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn manifest(&self, manifest: &Manifest) -> Result<()> {
        let path = self.directory.join(MANIFEST);
        let mut json = serde_json::to_vec_pretty(manifest).context(|| "writing the manifest".into())?;
        json.push(b'\n');
        fs::write(&path, json).context(|| format!("writing {}", path.display()))
    }

    /// Writes a phase's line.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn phase(&mut self, phase: &Phase) -> Result<()> {
        let mut line = serde_json::to_vec(phase).context(|| "writing a phase".into())?;
        line.push(b'\n');
        self.phases.write_all(&line).context(|| "writing a phase".into())
    }
}

/// A results folder, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its phases, in the order they were run.
    pub phases: Vec<Phase>,
}

impl Results {
    /// Reads the folder `directory`.
    ///
    /// # Errors
    /// [`Error::Results`] naming what cannot be read.
    pub fn load(directory: &Path) -> Result<Self> {
        let refuse = |path: &Path, message: String| Error::Results { path: path.into(), message };
        let path = directory.join(MANIFEST);
        let manifest = fs::read(&path).map_err(|error| refuse(&path, error.to_string()))?;
        let manifest = serde_json::from_slice(&manifest).map_err(|error| refuse(&path, error.to_string()))?;
        let path = directory.join(PHASES);
        let file = File::open(&path).map_err(|error| refuse(&path, error.to_string()))?;
        let mut phases = Vec::new();
        for line in BufReader::new(file).lines() {
            let line = line.map_err(|error| refuse(&path, error.to_string()))?;
            phases.push(serde_json::from_str(&line).map_err(|error| refuse(&path, error.to_string()))?);
        }
        Ok(Self { manifest, phases })
    }

    /// Checks that every phase of the plan exists.
    ///
    /// # Errors
    /// [`Error::Incomplete`] naming the missing one.
    pub fn check(&self) -> Result<()> {
        let plan = &self.manifest.plan;
        for round in 0..plan.rounds {
            for &engine in &plan.engines {
                let here = |phase: &&Phase| phase.engine == engine && phase.round == round;
                let phases: Vec<PhaseName> =
                    self.phases.iter().filter(here).map(|phase| phase.phase).collect();
                let wanted = [PhaseName::Watch, PhaseName::Register, PhaseName::Heartbeat, PhaseName::Watch];
                if phases != wanted {
                    return Err(Error::Incomplete(format!("{engine} round {round} has phases {phases:?}")));
                }
            }
        }
        Ok(())
    }
}
