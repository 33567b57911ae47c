//! Progress of a task that decodes an item, by its fragments.

use crate::{Failed, Report};

/// Counts the fragments that were decoded.
pub(super) struct Progress<'a> {
    report: &'a dyn Report,
    done: usize,
    all: usize,
}

impl<'a> Progress<'a> {
    /// `all` is the number of fragments of the item.
    pub(super) fn new(report: &'a dyn Report, all: usize) -> Self {
        Self { report, done: 0, all }
    }

    /// Counts one more fragment, and fails if the task was cancelled.
    pub(super) fn step(&mut self) -> Result<(), Failed> {
        self.done += 1;
        Ok(self.report.progress(self.done as f32 / self.all.max(1) as f32)?)
    }
}
