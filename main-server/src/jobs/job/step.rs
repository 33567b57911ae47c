//! One task of a job: its work and its state.

use protocol::{
    item::Stem,
    job::{Attempt, Output},
};
use serde::{Deserialize, Serialize};

/// The work of a task. Everything else it needs is in the job and in the outputs of earlier steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub(crate) enum Step {
    /// Decodes the sound.
    Decode,
    /// Separates a piece of it.
    Separate {
        /// First sample that is read.
        read_from: u64,
        /// Sample after the last one.
        read_to: u64,
        /// First sample that is kept.
        keep_from: u64,
        /// Sample after the last one.
        keep_to: u64,
    },
    /// Joins the pieces to a stem.
    Join {
        /// Which one.
        stem: Stem,
    },
    /// Measures peaks and loudness.
    Measure,
    /// Takes pictures.
    Pictures {
        /// Milliseconds from one to the next.
        every_ms: u64,
    },
    /// Writes a file.
    Export,
}

impl Step {
    /// Its name, for people.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Separate { .. } => "separate",
            Self::Join { .. } => "join",
            Self::Measure => "measure",
            Self::Pictures { .. } => "pictures",
            Self::Export => "export",
        }
    }

    /// Tasks of a higher priority are claimed first: short ones that people wait for, and later steps, so
    /// that started jobs finish.
    pub(super) fn priority(&self) -> u8 {
        match self {
            Self::Measure => 3,
            Self::Pictures { .. } | Self::Join { .. } => 2,
            Self::Separate { .. } | Self::Export => 1,
            Self::Decode => 0,
        }
    }

    /// Whether this is the kind of output that the step has.
    pub(super) fn gives(&self, output: &Output) -> bool {
        matches!(
            (self, output),
            (Self::Decode, Output::Sound(_))
                | (Self::Separate { .. }, Output::Piece(_))
                | (Self::Join { .. }, Output::Media { .. })
                | (Self::Measure, Output::Measured { .. })
                | (Self::Pictures { .. }, Output::Pictures { .. })
                | (Self::Export, Output::File { .. })
        )
    }
}

/// A task in the job's record. Its state until it ends is in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Its work.
    #[serde(flatten)]
    pub(crate) step: Step,
    /// Its output, once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Output>,
    /// Whether the job failed because of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_failed: bool,
    /// Number of attempts, once it has ended.
    #[serde(default)]
    pub(crate) attempts: u32,
    /// Its attempts, once it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) log: Vec<Attempt>,
}

impl From<Step> for Task {
    fn from(step: Step) -> Self {
        Self { step, output: None, has_failed: false, attempts: 0, log: Vec::new() }
    }
}
