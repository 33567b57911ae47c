//! JSON bodies about jobs: slow work on items of the library, cut into tasks that workers do.

use serde::{Deserialize, Serialize};

pub use crate::item::Stem;
use crate::{
    ItemId, JobId,
    item::Blob,
    lenient::{objects, optional_whole, whole},
};

/// What a job does with its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Makes two items of a song: its vocals and its accompaniment.
    Stems,
    /// Makes a file of the item, in another container or codec, or of a part of it.
    Export,
    /// Measures peaks and loudness of the item's sound.
    Waveform,
    /// Makes pictures for the time line of a video.
    Preview,
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No worker has begun.
    Waiting,
    /// At least one of its tasks was begun.
    Running,
    /// It is done: `result` has the items.
    Done,
    /// A task failed too often, or for good; `error` says why.
    Failed,
    /// A person cancelled it.
    Cancelled,
}

/// Parameters of a job. Those that a kind does not use are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// `export`: the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<ExportFormat>,
    /// `export`: the codecs stay if it is left out. Otherwise a worker with `ffmpeg` encodes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<ExportQuality>,
    /// `export`: where the clip begins, in ms of the item's time; 0 if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_whole")]
    pub from_ms: Option<u64>,
    /// `export`: where the clip ends; the end of the item if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_whole")]
    pub to_ms: Option<u64>,
}

/// The container of an exported file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// MP4: H.264 or what the item has, AAC if it is encoded again.
    Mp4,
    /// `WebM`: VP9 or what the item has, Opus if it is encoded again.
    Webm,
    /// Matroska, with the item's codecs.
    Mkv,
    /// MP3, sound alone; always encoded again unless the item has it.
    Mp3,
    /// FLAC, sound alone.
    Flac,
    /// Opus in Ogg, sound alone.
    Opus,
}

/// How an exported file is encoded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportQuality {
    /// About as good as the item.
    High,
    /// Smaller: at most 720 lines, and about a third of the bytes.
    Small,
}

/// Body of `POST /api/jobs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateJob {
    /// What is to be done.
    pub kind: Kind,
    /// With which item.
    pub item_id: ItemId,
    /// How.
    #[serde(default)]
    pub params: Params,
}

/// Answer to `POST /api/jobs`: 201 for a new job, 200 for one that was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCreated {
    /// The same for the same kind, item and parameters.
    pub job_id: JobId,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Names it.
    pub job_id: JobId,
    /// What it does.
    pub kind: Kind,
    /// With which item.
    pub item_id: ItemId,
    /// The title of the item when the job was made.
    pub title: String,
    /// How.
    #[serde(default)]
    pub params: Params,
    /// The account that started it; none if an operator's command or the server itself did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    /// What became of it.
    pub state: State,
    /// How much is done, 0 to 1.
    pub progress: f64,
    /// About how long it will take from now on; none while that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_whole")]
    pub left_ms: Option<u64>,
    /// When it was made, Unix epoch.
    #[serde(deserialize_with = "whole")]
    pub created_at_ms: u64,
    /// When it ended, Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_whole")]
    pub ended_at_ms: Option<u64>,
    /// In order. More may follow: the tasks of a step are known once the step before is done.
    #[serde(deserialize_with = "objects")]
    pub tasks: Vec<Task>,
    /// The items it made: of `stems` the vocals, then the accompaniment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub result: Vec<ItemId>,
    /// The file that `export` made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<ResultFile>,
    /// Why it failed, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A file that a job made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFile {
    /// Its name, for people's disks.
    pub name: String,
    /// Its type.
    pub mime: String,
    /// Its size.
    #[serde(deserialize_with = "whole")]
    pub bytes: u64,
    /// Where to get it, a path below the site's root.
    pub url: String,
}

/// A task of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its number in the job, from 0.
    #[serde(deserialize_with = "whole")]
    pub n: u32,
    /// What it does, for people: `decode`, `separate`, `join`, `measure`, `pictures`, `export`.
    pub step: String,
    /// What became of it.
    pub state: TaskState,
    /// How often it was begun.
    #[serde(deserialize_with = "whole")]
    pub attempts: u32,
    /// Name of the worker that has it, or did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// How much of it is done, 0 to 1.
    pub progress: f64,
    /// What became of each attempt, the newest last. At most the last ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "objects")]
    pub log: Vec<Attempt>,
}

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It can be claimed, at once or after the pause that follows a failed attempt.
    Waiting,
    /// A worker has it.
    Running,
    /// It is done.
    Done,
    /// It failed too often, or for good.
    Failed,
}

/// One attempt at a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which attempt, from 1.
    #[serde(deserialize_with = "whole")]
    pub n: u32,
    /// Name of the worker.
    pub worker: String,
    /// When it was claimed, Unix epoch.
    #[serde(deserialize_with = "whole")]
    pub began_at_ms: u64,
    /// When it ended; none while the worker has it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_whole")]
    pub ended_at_ms: Option<u64>,
    /// What became of it: `done`, `handed back`, `lease ended`, or why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// Answer to `GET /api/jobs`: the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobPage {
    /// Without the logs of their tasks.
    pub jobs: Vec<Job>,
    /// How many there are on all pages.
    #[serde(deserialize_with = "whole")]
    pub total: u64,
    /// Where the next page begins; none on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Answer to `GET /api/workers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workers {
    /// By name.
    pub workers: Vec<WorkerState>,
    /// How many tasks wait for a worker.
    #[serde(deserialize_with = "whole")]
    pub waiting: u64,
}

/// A worker, as its main server sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerState {
    /// What it says about itself.
    #[serde(flatten)]
    pub worker: Worker,
    /// When it was last heard, Unix epoch. A worker that is silent for 30 s is left out.
    #[serde(deserialize_with = "whole")]
    pub seen_at_ms: u64,
}

/// What a worker says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Names the process: random, 32 hex digits.
    pub worker_id: String,
    /// For people: host name and process, `--name` if that is given.
    pub name: String,
    /// Version of its program.
    pub version: String,
    /// How many tasks it does at once.
    #[serde(deserialize_with = "whole")]
    pub concurrency: u32,
    /// What it can do that not every worker can.
    #[serde(default)]
    pub abilities: Vec<Ability>,
    /// The model that it has for separating vocals: BLAKE3 of its file, as 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stems_model: Option<String>,
    /// Keys of the tasks it has.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// How many tasks it did since it began.
    #[serde(default, deserialize_with = "crate::lenient::whole_or_zero")]
    pub done: u64,
    /// How many attempts of its failed.
    #[serde(default, deserialize_with = "crate::lenient::whole_or_zero")]
    pub failed: u64,
}

/// What some workers can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// It found `ffmpeg`.
    Ffmpeg,
    /// An ability of a newer version.
    #[serde(other)]
    Other,
}

/// Body of `POST /api/worker/claim`, with the cluster secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimTask {
    /// Who asks.
    pub worker: Worker,
    /// How long the answer may take if there is no task; at most 25 s.
    #[serde(default, deserialize_with = "crate::lenient::whole_or_zero")]
    pub wait_ms: u64,
}

/// Body of `POST /api/worker/heartbeat`, with the cluster secret: a worker sends it while all its places are taken, and so it
/// claims nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerHeartbeat {
    /// Who sends it.
    pub worker: Worker,
}

/// Answer to `POST /api/worker/heartbeat`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostTasks {
    /// Keys of those tasks of the worker that are not its own any more. It stops them.
    #[serde(default)]
    pub lost: Vec<String>,
}

/// Answer to `POST /api/worker/claim` if there is a task; otherwise the answer is 204 without a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedTask {
    /// Names the task.
    pub key: String,
    /// Names this claim of it: any main server accepts reports with it.
    pub claim: String,
    /// How long the worker has the task without a report of progress. It reports at about a third of it.
    #[serde(deserialize_with = "whole")]
    pub lease_ms: u64,
    /// Which attempt this is, from 1.
    #[serde(deserialize_with = "whole")]
    pub attempt: u32,
    /// Which job it belongs to.
    pub job_id: JobId,
    /// Its number in the job.
    #[serde(deserialize_with = "whole")]
    pub n: u32,
    /// What is to be done.
    pub work: Work,
}

/// What a worker has to do. It reads blobs and writes blobs, and the same work gives the same blobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Work {
    /// Decode the sound of an item. Output: [`Output::Sound`].
    Decode(Source),
    /// Separate a piece of decoded sound. Output: [`Output::Piece`].
    Separate(Separate),
    /// Join pieces to a stem, and encode it. Output: [`Output::Media`].
    Join(Join),
    /// Measure peaks and loudness. Output: [`Output::Measured`].
    Measure(Source),
    /// Take pictures of a video. Output: [`Output::Pictures`].
    Pictures(TakePictures),
    /// Write a file. Output: [`Output::File`].
    Export(Export),
}

impl Work {
    /// The name of its step.
    pub fn step(&self) -> &'static str {
        match self {
            Self::Decode(_) => "decode",
            Self::Separate(_) => "separate",
            Self::Join(_) => "join",
            Self::Measure(_) => "measure",
            Self::Pictures(_) => "pictures",
            Self::Export(_) => "export",
        }
    }

    /// What a worker needs to do it.
    pub fn needs(&self) -> Option<Ability> {
        match self {
            Self::Pictures(_) => Some(Ability::Ffmpeg),
            Self::Export(export) if export.needs_ffmpeg => Some(Ability::Ffmpeg),
            _ => None,
        }
    }
}

/// The media of an item, as it was when the job was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// JSON of the item's [`Manifest`](crate::item::Manifest).
    pub manifest: Blob,
}

/// See [`Work::Separate`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Separate {
    /// The decoded sound.
    pub sound: Sound,
    /// First sample of what is separated; a multiple of the transform's hop.
    pub read_from: u64,
    /// Sample after its last one.
    pub read_to: u64,
    /// First sample of what is kept.
    pub keep_from: u64,
    /// Sample after its last one.
    pub keep_to: u64,
    /// Which model separates it: BLAKE3 of its file, as 64 hex digits. The built-in separator if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// See [`Work::Join`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The decoded sound.
    pub sound: Sound,
    /// The vocals of all pieces, in order.
    pub pieces: Vec<Piece>,
    /// Which stem is made.
    pub stem: Stem,
}

/// See [`Work::Pictures`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakePictures {
    /// The video.
    pub source: Source,
    /// Length of the item.
    pub duration_ms: u64,
    /// Milliseconds from one picture to the next.
    pub every_ms: u64,
}

/// See [`Work::Export`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The media.
    pub source: Source,
    /// How.
    pub params: Params,
    /// Whether a plain copy into the container is not enough.
    #[serde(default)]
    pub needs_ffmpeg: bool,
    /// Title of the item, for the file's tags.
    pub title: String,
    /// Artist of the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
}

/// Decoded sound: 32-bit floats, little-endian, full scale −1 to 1, channels interleaved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    /// Samples a second of each channel.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u32,
    /// Samples of each channel.
    pub samples: u64,
    /// Samples of each channel in each blob; the last one has the rest.
    pub samples_per_blob: u64,
    /// JSON of a list of [`Blob`]s, in order.
    pub blobs: Blob,
}

/// Separated vocals of a piece, in the form of [`Sound`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// 1 if both channels are the same, otherwise 2.
    pub channels: u32,
    /// JSON of a list of [`Blob`]s, in order; one after another they are the samples.
    pub blobs: Blob,
}

/// What a task gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "output")]
pub enum Output {
    /// Of [`Work::Decode`].
    Sound(Sound),
    /// Of [`Work::Separate`].
    Piece(Piece),
    /// Of [`Work::Join`].
    Media {
        /// JSON of a list of [`ManifestTake`](crate::item::ManifestTake)s: FLAC, with Opus as an alternative.
        takes: Blob,
        /// Length.
        duration_ms: u64,
        /// Size of the fragments of the first format.
        bytes: u64,
    },
    /// Of [`Work::Measure`].
    Measured {
        /// JSON of [`Waveform`].
        waveform: Blob,
        /// Integrated loudness (EBU R128), in hundredths of LUFS; none for silence.
        loudness_centi_lufs: Option<i32>,
        /// True peak, in hundredths of dBTP.
        true_peak_centi_db: Option<i32>,
    },
    /// Of [`Work::Pictures`]: JPEG, at most 160 × 160.
    Pictures {
        /// In order of time.
        pictures: Vec<Picture>,
    },
    /// Of [`Work::Export`].
    File {
        /// Ending of its name, without a dot.
        extension: String,
        /// Its type.
        mime: String,
        /// One after another they are the file. JSON of a list of [`Blob`]s.
        blobs: Blob,
        /// Size of the file.
        bytes: u64,
    },
}

/// A picture of a video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// The time of the item that it shows.
    pub at_ms: u64,
    /// The picture.
    pub blob: Blob,
}

/// Peaks of an item's sound. Answer to `GET /api/library/{item_id}/waveform`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waveform {
    /// Time that each peak covers.
    pub peak_ms: u32,
    /// The largest amplitude of each such time over all channels, 0 to 255 for full scale. At most 4,096.
    pub peaks: Vec<u8>,
}

/// Body of `POST /api/worker/tasks/{key}/progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskProgress {
    /// Of [`ClaimedTask::claim`].
    pub claim: String,
    /// How much is done, in percent.
    #[serde(default, deserialize_with = "crate::lenient::whole_or_zero")]
    pub percent: u8,
}

/// Body of `POST /api/worker/tasks/{key}/done`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDone {
    /// Of [`ClaimedTask::claim`].
    pub claim: String,
    /// What it gave.
    #[serde(flatten)]
    pub output: Output,
}

/// Body of `POST /api/worker/tasks/{key}/failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailed {
    /// Of [`ClaimedTask::claim`].
    pub claim: String,
    /// Why, for people.
    pub reason: String,
    /// What kind of failure it is.
    #[serde(default)]
    pub failure: Failure,
}

/// What kind of failure a worker met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It may work another time: the attempt counts.
    #[default]
    Again,
    /// It never works: the input is damaged or not supported. The job fails.
    ForGood,
    /// A blob of an earlier step is gone. If the next attempt finds the same, the job begins again.
    InputGone,
    /// The worker stops, or cannot reach the object store: the attempt does not count.
    HandedBack,
}
