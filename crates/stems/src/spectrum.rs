//! The short-time Fourier transform: samples to frames, and back.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex32};

/// Frames that overlap at each sample.
const OVERLAP: usize = 4;

/// Frames of equal length, one after another.
pub(crate) struct Frames {
    values: Vec<Complex32>,
    bins: usize,
}

impl Frames {
    /// Frames of `bins` values each.
    pub(crate) fn new(values: Vec<Complex32>, bins: usize) -> Self {
        Self { values, bins }
    }

    /// Values of each.
    pub(crate) fn bins(&self) -> usize {
        self.bins
    }

    /// All values, frame by frame.
    pub(crate) fn values(&self) -> &[Complex32] {
        &self.values
    }
}

/// A transform with a window of four hops. The first frame ends after one hop, the last one begins in the last hop, so that four
/// overlap at each sample; outside of the samples is silence.
pub(crate) struct Transform {
    hop: usize,
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl Transform {
    /// With `hop` samples between two frames.
    pub(crate) fn new(hop: usize) -> Self {
        let size = OVERLAP * hop;
        let mut planner = RealFftPlanner::new();
        // The square root of a Hann window, once on each way: the squares of those that overlap add up to 2.
        let window =
            (0..size).map(|n| (std::f64::consts::PI * n as f64 / size as f64).sin() as f32).collect();
        Self { hop, window, forward: planner.plan_fft_forward(size), inverse: planner.plan_fft_inverse(size) }
    }

    /// Samples between two frames.
    pub(crate) fn hop(&self) -> usize {
        self.hop
    }

    /// The frames of `samples`.
    pub(crate) fn frames(&self, samples: &[f32]) -> Frames {
        let (size, bins) = (self.window.len(), self.window.len() / 2 + 1);
        let count = samples.len().div_ceil(self.hop) + OVERLAP - 1;
        let mut values = vec![Complex32::default(); count * bins];
        let mut windowed = self.forward.make_input_vec();
        let mut scratch = self.forward.make_scratch_vec();
        for (k, frame) in values.chunks_exact_mut(bins).enumerate() {
            for (n, (value, window)) in windowed.iter_mut().zip(&self.window).enumerate() {
                let at = (k * self.hop + n).checked_sub(size - self.hop);
                *value = at.and_then(|at| samples.get(at)).map_or(0.0, |sample| sample * window);
            }
            let done = self.forward.process_with_scratch(&mut windowed, frame, &mut scratch);
            debug_assert!(done.is_ok(), "all lengths are those of the plan");
        }
        Frames::new(values, bins)
    }

    /// The first `length` samples of what the frames are of.
    pub(crate) fn samples(&self, frames: Frames, length: usize) -> Vec<f32> {
        let (size, bins) = (self.window.len(), frames.bins);
        let scale = 2.0 / (OVERLAP * size) as f32;
        let mut samples = vec![0.0; length];
        let mut values = frames.values;
        let mut windowed = self.inverse.make_output_vec();
        let mut scratch = self.inverse.make_scratch_vec();
        for (k, frame) in values.chunks_exact_mut(bins).enumerate() {
            // A real signal has no imaginary part there.
            frame[0].im = 0.0;
            frame[bins - 1].im = 0.0;
            let done = self.inverse.process_with_scratch(frame, &mut windowed, &mut scratch);
            debug_assert!(done.is_ok(), "all lengths are those of the plan");
            for (n, (value, window)) in windowed.iter().zip(&self.window).enumerate() {
                let at = (k * self.hop + n).checked_sub(size - self.hop);
                if let Some(sample) = at.and_then(|at| samples.get_mut(at)) {
                    *sample += value * window * scale;
                }
            }
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back_from_their_frames() {
        let samples: Vec<f32> = (0..20_000_u32).map(|n| ((n * n) % 1_001) as f32 / 1_001.0 - 0.5).collect();
        let transform = Transform::new(256);
        let back = transform.samples(transform.frames(&samples), samples.len());
        let largest = samples.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest < 1e-5, "{largest}");
    }
}
