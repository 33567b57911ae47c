//! What a run leaves on disk: a manifest, and JSON lines for trials, segments and samples.
//!
//! ```text
//! manifest.json    commit, machine, kernel, scenario; `finished` once the run is whole
//! trials.jsonl     one line per trial, when it has ended
//! segments.jsonl   one line per segment sent
//! samples.jsonl    cumulative counters, several times a second
//! logs/            what the programs said
//! ```
//! Lines are written as they come, so what was measured before a failure stays.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    error::{Context, Error, Result},
    histogram::Histogram,
    machine::Machine,
    scenario::{Cell, Scenario, Target, Trial},
    totals::Totals,
};

/// The trial of a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrialName {
    /// [`Cell::name`].
    pub cell: String,
    /// The program.
    pub target: Target,
    /// Number of the round, from 0.
    pub round: u32,
}

impl From<&Trial> for TrialName {
    fn from(trial: &Trial) -> Self {
        Self { cell: trial.cell.name(), target: trial.target, round: trial.round }
    }
}

/// One segment and its delivery. Times of viewers are on the generator's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// Stream id.
    pub stream: String,
    /// The take; a trial has only one.
    pub take: u64,
    /// Number in the take, from 0.
    pub seq: u64,
    /// When it was queued for sending, relative to the start of the measured window; negative during the
    /// warm-up.
    pub t_us: i64,
    /// Size as sent.
    pub bytes: u64,
    /// Chunks it completes.
    pub chunks: u32,
    /// Viewers of the stream.
    pub viewers: u32,
    /// Logged by the node: from the arrival of its last byte until it was queued for the connections of all
    /// viewers that keep up.
    pub forward_us: Option<u64>,
    /// Logged by the node: from the arrival of its last byte until the last of these connections took it for
    /// writing. The floor has no such queues; its `forward_us` ends after the last write.
    pub taken_us: Option<u64>,
    /// From being queued for sending until the last viewer had its last chunk.
    pub delivery_us: Option<u64>,
    /// From being queued for sending to the node's acknowledgement here.
    pub ack_us: Option<u64>,
    /// How long after its due time the generator queued it, which is the generator's own delay.
    pub late_us: u64,
    /// Chunks delivered, over all viewers.
    pub delivered: u64,
    /// Chunks that the node reported as skipped, over all viewers.
    pub skipped: u64,
    /// Chunks that did not arrive in time, over all viewers.
    pub lost: u64,
}

impl SegmentRecord {
    /// The forward time in figures: until the last connection took the segment for writing.
    pub fn handed_us(&self) -> Option<u64> {
        self.taken_us.or(self.forward_us)
    }
}

/// Cumulative counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Time since the start of the measured window.
    pub t_us: i64,
    /// CPU time of the node.
    pub cpu_us: u64,
    /// Quota periods in which the node ran.
    pub periods: u64,
    /// Quota periods in which it used up its quota.
    pub throttled_periods: u64,
    /// Time it had to wait for the next period, summed over cores.
    pub throttled_us: u64,
    /// Resident memory of the node.
    pub rss_bytes: u64,
    /// Sockets the node has open.
    pub sockets: u64,
    /// CPU time of the generator.
    pub generator_cpu_us: u64,
    /// CPU time of all programs on the machine, ours included.
    pub machine_busy_us: u64,
    /// Time in which the hypervisor ran others on our cores.
    pub machine_stolen_us: u64,
    /// Chunk bytes viewers have received.
    pub delivered_bytes: u64,
}

/// A finished trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Limit, streams, viewers.
    pub point: Cell,
    /// Seconds the measured window lasted.
    pub window_s: f64,
    /// Segments sent, warm-up included.
    pub segments: u64,
    /// Viewers that joined.
    pub joined: u64,
    /// Resident memory of the node before the first viewer.
    pub rss_empty_bytes: u64,
    /// Resident memory once all viewers had joined, before the first segment.
    pub rss_joined_bytes: u64,
    /// Sums over all viewers.
    pub totals: Totals,
    /// The delivery times of the measured window, from the queuing of the segment.
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    pub arrivals: Histogram,
    /// The counters of each node from the first segment to the last delivery, the origin first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeCounters>,
    /// The ends of the viewers that never read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<SilentEnd>,
    /// Cores the generator had.
    pub generator_cores: u32,
    /// Why the trial failed; records of a failed trial are incomplete.
    pub failure: Option<String>,
}

/// The counters of a node over a trial: their growth, and the final gauges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeCounters {
    /// The node's name.
    pub hostname: String,
    /// By the metric's name, without `undead_cdn_`.
    pub counted: BTreeMap<String, u64>,
}

impl NodeCounters {
    /// The growth since `before`; gauges keep their current value.
    #[must_use]
    pub fn since(mut self, before: Option<&Self>) -> Self {
        for (name, value) in &mut self.counted {
            if name.contains("_total") {
                let earlier = before.and_then(|before| before.counted.get(name));
                *value = value.saturating_sub(earlier.copied().unwrap_or(0));
            }
        }
        self
    }
}

/// What a viewer that never read found when it finally read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilentEnd {
    /// `skipped` events among what it was sent.
    pub skips: u32,
    /// Code of an `error` event.
    pub error: Option<String>,
    /// Code of the close frame.
    pub closed: Option<u16>,
    /// State of the connection: `open`, `ended`, or `reset`, which loses data in transit.
    pub connection: String,
}

/// A line with the trial it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line<T> {
    /// Which trial.
    #[serde(flatten)]
    pub trial: TrialName,
    /// The record.
    #[serde(flatten)]
    pub record: T,
}

/// The run and its circumstances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Commit of the checkout the generator was built from; `-dirty` when it had changes.
    pub commit: String,
    /// The reported version of the binary under test.
    pub undead_version: String,
    /// When the run began, seconds since the Unix epoch.
    pub started_at_s: u64,
    /// The machine.
    pub machine: Machine,
    /// How CPU was limited.
    pub limits: String,
    /// A remark on the circumstances, given on the command line.
    pub remark: Option<String>,
    /// The scenario, including all defaults.
    pub scenario: Scenario,
    /// Whether every trial ran and left complete records.
    pub finished: bool,
}

/// A results folder being written.
pub struct Writer {
    directory: PathBuf,
    trials: BufWriter<File>,
    segments: BufWriter<File>,
    samples: BufWriter<File>,
}

const MANIFEST: &str = "manifest.json";
const TRIALS: &str = "trials.jsonl";
const SEGMENTS: &str = "segments.jsonl";
const SAMPLES: &str = "samples.jsonl";

impl Writer {
    /// Creates the folder `directory` and its files.
    ///
    /// # Errors
    /// [`Error::Results`] if it already contains results, [`Error::Io`].
    pub fn create(directory: &Path, manifest: &Manifest) -> Result<Self> {
        if directory.join(MANIFEST).exists() {
            let message = "holds results already: choose another --out, or delete it".into();
            return Err(Error::Results { path: directory.into(), message });
        }
        let logs = directory.join("logs");
        fs::create_dir_all(&logs).context(|| format!("making {}", logs.display()))?;
        let begin = |name: &str| {
            let path = directory.join(name);
            File::create(&path).map(BufWriter::new).context(|| format!("making {}", path.display()))
        };
        let writer = Self {
            directory: directory.into(),
            trials: begin(TRIALS)?,
            segments: begin(SEGMENTS)?,
            samples: begin(SAMPLES)?,
        };
        writer.manifest(manifest)?;
        Ok(writer)
    }

    /// The log file of the program called `name`.
    pub fn log_path(&self, trial: &TrialName, name: &str) -> PathBuf {
        let target = if trial.target == Target::Floor { "floor" } else { "undead" };
        self.directory.join("logs").join(format!("{}-{target}-r{}-{name}.log", trial.cell, trial.round))
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

    /// Writes a trial's line, and everything buffered.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn trial(&mut self, trial: &TrialName, record: TrialRecord) -> Result<()> {
        write_line(&mut self.trials, trial, record)?;
        self.flush()
    }

    /// Writes a segment's line.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn segment(&mut self, trial: &TrialName, record: SegmentRecord) -> Result<()> {
        write_line(&mut self.segments, trial, record)
    }

    /// Writes a sample's line.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sample(&mut self, trial: &TrialName, record: Sample) -> Result<()> {
        write_line(&mut self.samples, trial, record)
    }

    /// Flushes all files.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn flush(&mut self) -> Result<()> {
        for file in [&mut self.trials, &mut self.segments, &mut self.samples] {
            file.flush().context(|| "writing records".into())?;
        }
        Ok(())
    }
}

fn write_line<T: Serialize>(file: &mut BufWriter<File>, trial: &TrialName, record: T) -> Result<()> {
    let line = Line { trial: trial.clone(), record };
    serde_json::to_writer(&mut *file, &line).context(|| "writing a record".into())?;
    file.write_all(b"\n").context(|| "writing a record".into())
}

/// A results folder, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its trials, in the order they were run.
    pub trials: Vec<Line<TrialRecord>>,
    /// Its segments.
    pub segments: Vec<Line<SegmentRecord>>,
    /// Its samples.
    pub samples: Vec<Line<Sample>>,
}

impl Results {
    /// Reads the folder `directory`, finished or not.
    ///
    /// # Errors
    /// [`Error::Results`] naming the file and line that cannot be read.
    pub fn load(directory: &Path) -> Result<Self> {
        let path = directory.join(MANIFEST);
        let refuse = |message: String| Error::Results { path: path.clone(), message };
        let manifest = fs::read(&path).map_err(|error| refuse(error.to_string()))?;
        let manifest = serde_json::from_slice(&manifest).map_err(|error| refuse(error.to_string()))?;
        Ok(Self {
            manifest,
            trials: read_lines(&directory.join(TRIALS))?,
            segments: read_lines(&directory.join(SEGMENTS))?,
            samples: read_lines(&directory.join(SAMPLES))?,
        })
    }
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let refuse = |message: String| Error::Results { path: path.into(), message };
    let file = File::open(path).map_err(|error| refuse(error.to_string()))?;
    let mut records = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| refuse(error.to_string()))?;
        let record =
            serde_json::from_str(&line).map_err(|error| refuse(format!("line {}: {error}", number + 1)))?;
        records.push(record);
    }
    Ok(records)
}
