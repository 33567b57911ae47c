//! Joins the takes of an item: gaps between them become silence, and where two overlap, the first one is heard.

use super::{placer::SILENCE, shape::Shape};
use crate::Failed;

/// Passes on the samples of takes, in order and exactly as many as the item has.
pub(super) struct Output<'a> {
    shape: Shape,
    /// Samples of each channel that were passed on.
    written: u64,
    /// How many samples at the start of the take are still to be left out, because they overlap the previous take.
    skipped: u64,
    /// Where the take ends. Its samples after that are left out.
    end: u64,
    sink: &'a mut dyn FnMut(&[f32]) -> Result<(), Failed>,
}

impl<'a> Output<'a> {
    pub(super) fn new(shape: Shape, sink: &'a mut dyn FnMut(&[f32]) -> Result<(), Failed>) -> Self {
        Self { shape, written: 0, skipped: 0, end: 0, sink }
    }

    /// Begins a take that lasts from sample `start` to `end`, after silence if there is a gap before it.
    pub(super) fn begin(&mut self, start: u64, end: u64) -> Result<(), Failed> {
        self.silence_until(start)?;
        self.skipped = self.written.saturating_sub(start);
        self.end = end.min(self.shape.samples);
        Ok(())
    }

    /// Adds interleaved samples of the take.
    pub(super) fn push(&mut self, samples: &[f32]) -> Result<(), Failed> {
        let channels = self.shape.channels as usize;
        let skipped = self.skipped.min((samples.len() / channels) as u64);
        self.skipped -= skipped;
        let samples = &samples[skipped as usize * channels..];
        let count = (samples.len() / channels).min(self.end.saturating_sub(self.written) as usize);
        self.written += count as u64;
        if count > 0 { (self.sink)(&samples[..count * channels]) } else { Ok(()) }
    }

    /// Whether the take has given all its samples.
    pub(super) fn is_full(&self) -> bool {
        self.written >= self.end
    }

    /// The form that samples have to have.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// Adds silence up to a sample.
    pub(super) fn silence_until(&mut self, sample: u64) -> Result<(), Failed> {
        let channels = self.shape.channels as usize;
        let end = sample.min(self.shape.samples);
        while self.written < end {
            let count = (end - self.written).min((SILENCE.len() / channels) as u64);
            (self.sink)(&SILENCE[..count as usize * channels])?;
            self.written += count;
        }
        Ok(())
    }
}
