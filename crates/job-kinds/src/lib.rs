//! Does the tasks of jobs: reads blobs, and writes blobs.
//!
//! ```text
//! Work ── run ──► Output        decode │ separate │ join │ measure │ pictures │ export
//! ```
//!
//! [`run`] blocks its thread and is deterministic: the same work gives the same blobs on every machine, so any number of workers may do
//! a task, any number of times. It keeps no state between tasks. An attempt takes at most [`MAX_TASK_BYTES`] of memory, because every step
//! reads its input piece by piece.

mod blobs;
mod decode;
mod demuxer;
mod export;
mod ffmpeg;
mod item;
mod join;
mod measure;
mod model;
mod pictures;
mod pieces;
mod separate;
mod sound;
mod threads;
mod tools;

use std::panic::{self, AssertUnwindSafe};

use protocol::job::{Output, Work};

pub use model::{Model, ModelError};
pub use tools::{Blobs, Cancelled, Failed, Report, Tools, VocalsModel};

/// The most memory that a task takes, in bytes, whatever the length of the item. A model of the operator and `ffmpeg` come on top.
pub const MAX_TASK_BYTES: usize = 256 << 20;

/// Does a task.
///
/// Input that is damaged or not supported fails for good. Failures of [`Blobs`] are passed on; a cancelled task is handed back.
pub fn run(work: &Work, tools: &Tools<'_>) -> Result<Output, Failed> {
    // Decoders of other projects may panic on hostile input.
    let done = panic::catch_unwind(AssertUnwindSafe(|| run_step(work, tools)));
    done.unwrap_or_else(|_| {
        Err(Failed::for_good(format!("the input is damaged: the step {} panicked on it", work.step())))
    })
}

fn run_step(work: &Work, tools: &Tools<'_>) -> Result<Output, Failed> {
    match work {
        Work::Decode(source) => decode::run(source, tools),
        Work::Separate(piece) => separate::run(piece, tools),
        Work::Join(join) => join::run(join, tools),
        Work::Measure(source) => measure::run(source, tools),
        Work::Pictures(work) => pictures::run(work, tools),
        Work::Export(work) => export::run(work, tools),
    }
}
