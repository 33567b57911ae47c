//! What a simulation leaves on disk, and reading it back.
//!
//! ```text
//! simulation.json    commit, machine, scenario; `finished` once the run is whole
//! seconds.jsonl      one line per simulated second
//! decisions.jsonl    one line per kind of decision: how long it took in real time
//! tree.jsonl         at the end: edges per number of hops from the origin
//! ```

use std::{fs, io::Write, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Scenario;
use crate::{
    error::{Context, Error, Result},
    machine::Machine,
};

/// The run and its circumstances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Commit of the sources.
    pub commit: String,
    /// The machine.
    pub machine: Machine,
    /// What was simulated.
    pub scenario: Scenario,
    /// Real seconds it took.
    pub took_s: f64,
    /// Whether all records were written.
    pub finished: bool,
}

/// The state at the end of one simulated second; counts are cumulative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Seconds since the start.
    pub t_s: f64,
    /// Number of live nodes.
    pub nodes: u32,
    /// Number of served viewers.
    pub viewers: u32,
    /// Mean load of the live nodes, as a share of their limits.
    pub mean_share: f64,
    /// The highest load.
    pub max_share: f64,
    /// The 99th percentile of loads.
    pub p99_share: f64,
    /// Bytes per second pulled by edges.
    pub pulled_bytes_per_s: u64,
    /// Bytes per second sent to viewers.
    pub served_bytes_per_s: u64,
    /// Edges, each counted per stream.
    pub edges: u32,
    /// Most hops from an origin to a node.
    pub depth: u32,
    /// Most nodes that pull one stream from one node.
    pub fan_out: u32,
    /// Number of placed arrivals.
    pub placed: u64,
    /// Arrivals that were refused by the main server, or by every node they were given.
    pub refused: u64,
    /// Connections that a full node refused; the viewer tried its next node.
    pub turned_away: u64,
    /// Viewers that continued at another node when theirs died.
    pub moved: u64,
    /// Viewers of dead nodes that left before another node served them.
    pub lost: u64,
    /// Nodes that died.
    pub deaths: u64,
}

/// How long decisions of one kind took, in real microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionTimes {
    /// `viewer`, `relay`, `broadcaster` or `heartbeat`.
    pub kind: String,
    /// Number of decisions.
    pub count: u64,
    /// Mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: f64,
    /// The 99th percentile.
    pub p99_us: f64,
}

/// Number of edges at a distance from their origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Hops.
    pub depth: u32,
    /// Edges, each counted per stream.
    pub edges: u32,
}

/// Everything of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    /// The run and its circumstances.
    pub manifest: Manifest,
    /// In the order of time.
    pub seconds: Vec<Second>,
    /// By kind.
    pub decisions: Vec<DecisionTimes>,
    /// By depth.
    pub tree: Vec<Level>,
}

const MANIFEST: &str = "simulation.json";
const SECONDS: &str = "seconds.jsonl";
const DECISIONS: &str = "decisions.jsonl";
const TREE: &str = "tree.jsonl";

impl Records {
    /// Writes the records into the folder `directory`, which is created if missing.
    ///
    /// # Errors
    /// [`Error::Results`] if it already contains a simulation, [`Error::Io`].
    pub fn save(&self, directory: &Path) -> Result<()> {
        if directory.join(MANIFEST).exists() {
            let message = "holds a simulation already: choose another --out, or delete it".into();
            return Err(Error::Results { path: directory.into(), message });
        }
        fs::create_dir_all(directory).context(|| format!("making {}", directory.display()))?;
        write_lines(&directory.join(SECONDS), &self.seconds)?;
        write_lines(&directory.join(DECISIONS), &self.decisions)?;
        write_lines(&directory.join(TREE), &self.tree)?;
        let path = directory.join(MANIFEST);
        let mut json =
            serde_json::to_vec_pretty(&self.manifest).context(|| format!("writing {}", path.display()))?;
        json.push(b'\n');
        fs::write(&path, json).context(|| format!("writing {}", path.display()))
    }

    /// Reads the folder `directory`.
    ///
    /// # Errors
    /// [`Error::Results`] naming the file and line that cannot be read.
    pub fn load(directory: &Path) -> Result<Self> {
        let path = directory.join(MANIFEST);
        let refuse = |message: String| Error::Results { path: path.clone(), message };
        let manifest = fs::read(&path).map_err(|error| refuse(error.to_string()))?;
        Ok(Self {
            manifest: serde_json::from_slice(&manifest).map_err(|error| refuse(error.to_string()))?,
            seconds: read_lines(&directory.join(SECONDS))?,
            decisions: read_lines(&directory.join(DECISIONS))?,
            tree: read_lines(&directory.join(TREE))?,
        })
    }

    /// The judged seconds: after the ramp and the settling time.
    pub fn judged(&self) -> impl Iterator<Item = &Second> {
        let from = self.manifest.scenario.ramp_s + self.manifest.scenario.settle_s;
        self.seconds.iter().filter(move |second| second.t_s > from)
    }
}

fn write_lines<T: Serialize>(path: &Path, records: &[T]) -> Result<()> {
    let mut text = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, record).context(|| format!("writing {}", path.display()))?;
        text.push(b'\n');
    }
    let write = |path: &Path| fs::File::create(path)?.write_all(&text);
    write(path).context(|| format!("writing {}", path.display()))
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let refuse = |message: String| Error::Results { path: path.into(), message };
    let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| refuse(format!("line {}: {error}", number + 1)))
    };
    text.lines().enumerate().map(line).collect()
}
