//! What a task may use, and how it fails.

use std::path::Path;

use bytes::Bytes;
use protocol::{item::Blob, job::Failure};
use stems::Stereo;

/// The object store.
pub trait Blobs: Sync {
    /// The bytes of a blob. `InputGone` if there is no such blob, `HandedBack` if the store cannot be reached.
    fn get(&self, blob: &Blob) -> Result<Bytes, Failed>;
    /// Stores bytes. Storing the same bytes again is harmless. `HandedBack` if the store cannot be reached.
    fn put(&self, bytes: Bytes) -> Result<Blob, Failed>;
}

/// Receives the progress of a task. Tasks call it several times a second; the implementation decides what is passed on.
pub trait Report: Sync {
    /// Reports which part of the task is done, 0 to 1. An error tells the task to stop at once.
    fn progress(&self, part: f32) -> Result<(), Cancelled>;
}

/// The task was lost to another worker, its job was cancelled, or the worker stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

/// A model that separates vocals, instead of the built-in separator.
pub trait VocalsModel: Send + Sync {
    /// Identifies the model: BLAKE3 of its file, as 64 hex digits.
    fn hash(&self) -> &str;
    /// The vocals of a mix with `rate` samples a second, which begins with sample `start` of its song. The result is as long as the mix.
    /// Each of its samples depends only on samples of the mix less than [`CONTEXT_S`](stems::CONTEXT_S) away.
    fn vocals(&self, mix: &Stereo, rate: u32, start: u64, report: &dyn Report) -> Result<Stereo, Failed>;
}

/// What a task may use.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// The object store.
    pub blobs: &'a dyn Blobs,
    /// Receives progress, and tells the task to stop.
    pub report: &'a dyn Report,
    /// The program `ffmpeg`, if the worker has it.
    pub ffmpeg: Option<&'a Path>,
    /// Separates vocals, if the operator gave a model.
    pub model: Option<&'a dyn VocalsModel>,
    /// An empty folder for this task alone. The worker removes it afterwards.
    pub scratch: &'a Path,
}

/// Why a task has no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Whether the task is tried again.
    pub failure: Failure,
    /// Why, for people.
    pub reason: String,
}

impl Failed {
    /// Another attempt may succeed.
    pub fn again(reason: impl Into<String>) -> Self {
        Self { failure: Failure::Again, reason: reason.into() }
    }

    /// No attempt can succeed: the input is damaged or not supported.
    pub fn for_good(reason: impl Into<String>) -> Self {
        Self { failure: Failure::ForGood, reason: reason.into() }
    }
}

impl From<Cancelled> for Failed {
    fn from(Cancelled: Cancelled) -> Self {
        Self { failure: Failure::HandedBack, reason: "cancelled".into() }
    }
}
