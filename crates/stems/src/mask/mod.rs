//! How much of each frequency of each frame is vocals.

mod middle;
mod repetition;
mod texture;

use realfft::num_complex::Complex32;

use crate::spectrum::Frames;

/// Lowest frequency of a voice, in Hz.
const LOWEST_HZ: f64 = 90.0;

/// By how much the background is taken to be louder than it seems: medians are below the mean of what they stand for. Between 1
/// and 1.7, the songs of the tests are best separated with this.
const CAUTION: f32 = 1.4;

/// Finding repetitions is this part of the work.
const REPETITION_PART: f32 = 0.6;

/// Magnitudes, frame by frame.
struct Magnitudes {
    values: Vec<f32>,
    bins: usize,
}

impl Magnitudes {
    fn frame(&self, k: usize) -> &[f32] {
        &self.values[k * self.bins..(k + 1) * self.bins]
    }

    fn frames(&self) -> usize {
        self.values.len() / self.bins
    }
}

/// The vocals' frames, the same for both channels, of a mix with `rate` samples a second and `hop` of them between two frames. Calls
/// `go_on` with the part that is done; `None` if it returns `false`.
pub(crate) fn vocals(
    left: &Frames,
    right: &Frames,
    rate: f64,
    hop: usize,
    go_on: &mut dyn FnMut(f32) -> bool,
) -> Option<Frames> {
    let bins = left.bins();
    let middle: Vec<Complex32> =
        left.values().iter().zip(right.values()).map(|(left, right)| (left + right) * 0.5).collect();
    // `norm` would call `hypot` of the C library, and C libraries round differently.
    let magnitude = |value: &Complex32| value.norm_sqr().sqrt();
    let magnitudes = Magnitudes { values: middle.iter().map(magnitude).collect(), bins };
    let frames_per_s = rate / hop as f64;
    let mut background =
        repetition::background(&magnitudes, frames_per_s, rate, &mut |part| go_on(REPETITION_PART * part))?;
    texture::raise_to_steady(&magnitudes, frames_per_s, &mut background);
    go_on((1.0 + REPETITION_PART) / 2.0).then_some(())?;
    texture::raise_to_percussive(&magnitudes, &mut background);
    go_on(1.0).then_some(())?;
    let shares = middle::shares(left, right);
    let lowest = (LOWEST_HZ / rate * (2 * (bins - 1)) as f64).ceil() as usize;
    let masked = |(n, value): (usize, Complex32)| {
        let share = if n % bins < lowest { 0.0 } else { shares[n] };
        value * share * foreground(magnitudes.values[n], background[n])
    };
    Some(Frames::new(middle.into_iter().enumerate().map(masked).collect(), bins))
}

/// What share of a magnitude is not background: a Wiener filter.
fn foreground(magnitude: f32, background: f32) -> f32 {
    let background = background * CAUTION;
    if magnitude <= background { 0.0 } else { 1.0 - (background / magnitude).powi(2) }
}
