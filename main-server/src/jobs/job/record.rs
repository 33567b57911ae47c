//! The stored record of a job.

use std::time::Duration;

use protocol::{
    ItemId, JobId,
    item::{Blob, Stem},
    job::{Kind, Params},
};
use serde::{Deserialize, Serialize};
use store::Namespace;

use super::step::{Step, Task};
use crate::state::catalogue::record::Owner;

/// How long a job is kept after its end.
const KEEP: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long a done job is kept that the server started itself.
const KEEP_OWN: Duration = Duration::from_secs(60 * 60);
/// Most pictures of a video, and the shortest interval between two.
const MOST_PICTURES: u64 = 120;
const LEAST_EVERY_MS: u64 = 2_000;

/// The validated request for a new job.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    /// The kind of work.
    pub(crate) kind: Kind,
    /// Its parameters.
    pub(crate) params: Params,
    /// The item to work on.
    pub(crate) item_id: ItemId,
    /// Title of the item.
    pub(crate) title: String,
    /// Artist of the item.
    pub(crate) artist: Option<String>,
    /// JSON of the item's manifest.
    pub(crate) manifest: Blob,
    /// Duration of the item.
    pub(crate) duration_ms: u64,
    /// Approximate size of its file, in bytes.
    pub(crate) file_bytes: u64,
    /// Whether an export needs more than a copy of the item's frames.
    pub(crate) needs_ffmpeg: bool,
    /// The hash of the model that separates vocals; only for stems.
    pub(crate) stems_model: Option<String>,
    /// The account that the item belongs to: it sees the job.
    pub(crate) owner: Option<Owner>,
    /// Who starts the job.
    pub(crate) starter: Starter,
}

/// Who started a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Starter {
    /// The holder of an account.
    Account(Owner),
    /// A command of an operator on the machine of a main server.
    Command,
    /// The server itself.
    Server,
}

impl NewJob {
    /// The account that starts it.
    pub(crate) fn account(&self) -> Option<&Owner> {
        self.starter.account()
    }
}

impl Starter {
    /// The account, if it is one.
    fn account(&self) -> Option<&Owner> {
        match self {
            Self::Account(owner) => Some(owner),
            Self::Command | Self::Server => None,
        }
    }

    /// Whether both are the same starter. Accounts are compared without their stream keys.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Account(account), Self::Account(other)) => account.is_same_account(other),
            _ => self == other,
        }
    }
}

/// The phase of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Waiting for workers, being worked on, or its results are being made.
    Open,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// The file that an export made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    /// Its name for downloads.
    pub(crate) name: String,
    /// Its type.
    pub(crate) mime: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// The content of the file, as consecutive blobs.
    pub(crate) blobs: Vec<Blob>,
}

/// A job as the store keeps it. Smaller than [`MAX_VALUE_BYTES`](store::MAX_VALUE_BYTES).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) params: Params,
    pub(crate) item_id: ItemId,
    pub(crate) title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artist: Option<String>,
    pub(crate) manifest: Blob,
    pub(crate) duration_ms: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) needs_ffmpeg: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stems_model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    pub(crate) starter: Starter,
    /// Other accounts that requested the same job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) others: Vec<Owner>,
    /// Unix epoch.
    pub(crate) created_at_ms: u64,
    /// Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at_ms: Option<u64>,
    /// Counts the restarts. Outputs of tasks of earlier generations are rejected.
    #[serde(default)]
    pub(crate) generation: u32,
    /// How often it restarted by itself since it was started.
    #[serde(default)]
    pub(crate) restarts: u32,
    pub(crate) phase: Phase,
    /// In the order of their numbers. Tasks of a step are added when the previous step is done.
    pub(crate) tasks: Vec<Task>,
    /// The items that it made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) result: Vec<ItemId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<FileRecord>,
    /// Why it failed, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl store::Record for Record {
    type Key = JobId;
    const NAMESPACE: Namespace = Namespace::new("jobs");
}

impl Record {
    /// A new job, with the tasks of its first step.
    pub(crate) fn new(new: NewJob, now_ms: u64) -> Self {
        let mut record = Self {
            kind: new.kind,
            params: new.params,
            item_id: new.item_id,
            title: new.title,
            artist: new.artist,
            manifest: new.manifest,
            duration_ms: new.duration_ms,
            needs_ffmpeg: new.needs_ffmpeg,
            stems_model: new.stems_model,
            owner: new.owner,
            starter: new.starter,
            others: Vec::new(),
            created_at_ms: now_ms,
            ended_at_ms: None,
            generation: 0,
            restarts: 0,
            phase: Phase::Open,
            tasks: Vec::new(),
            result: Vec::new(),
            file: None,
            error: None,
        };
        record.tasks = record.first_tasks();
        record
    }

    /// The tasks of the first step.
    pub(super) fn first_tasks(&self) -> Vec<Task> {
        let step = match self.kind {
            Kind::Stems => Step::Decode,
            Kind::Waveform => Step::Measure,
            Kind::Preview => {
                let every_ms = self.duration_ms.div_ceil(MOST_PICTURES).max(LEAST_EVERY_MS);
                Step::Pictures { every_ms }
            }
            Kind::Export => Step::Export,
        };
        vec![step.into()]
    }

    /// Whether it has not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether all tasks are done, and the results can be made.
    pub(crate) fn is_complete(&self) -> bool {
        let is_done = |task: &Task| task.output.is_some();
        let is_last_step = match self.kind {
            Kind::Stems => self.tasks.last().is_some_and(|task| matches!(task.step, Step::Join { .. })),
            Kind::Waveform | Kind::Preview | Kind::Export => true,
        };
        self.is_open() && is_last_step && self.tasks.iter().all(is_done)
    }

    /// How long the store keeps it after its last write; forever while it is open.
    pub(crate) fn lease(&self) -> Option<Duration> {
        match (self.phase, &self.starter) {
            (Phase::Open, _) => None,
            (Phase::Done, Starter::Server) => Some(KEEP_OWN),
            _ => Some(KEEP),
        }
    }

    /// Whether it is the same run of the job: not restarted, nor created again after its record was removed.
    pub(crate) fn is_same_run(&self, other: &Self) -> bool {
        (self.created_at_ms, self.generation) == (other.created_at_ms, other.generation)
    }

    /// The account that started it.
    pub(crate) fn account(&self) -> Option<&Owner> {
        self.starter.account()
    }

    /// The accounts that requested it.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Owner> {
        self.account().into_iter().chain(&self.others)
    }

    /// The output of the task that joined a stem.
    pub(crate) fn stem_output(&self, stem: Stem) -> Option<&protocol::job::Output> {
        self.tasks.iter().find(|task| task.step == Step::Join { stem })?.output.as_ref()
    }

    /// The output of the only task of a job with one step.
    pub(crate) fn only_output(&self) -> Option<&protocol::job::Output> {
        self.tasks.first()?.output.as_ref()
    }
}
