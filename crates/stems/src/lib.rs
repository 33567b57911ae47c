//! Separates the vocals of a song from its accompaniment by signal processing.
//!
//! The song is taken apart into frames of a short-time Fourier transform. Three observations tell for each frequency of
//! a frame how much of it is accompaniment: singers are in the middle of the stereo image, accompaniments repeat, and
//! voices are neither as steady as a chord nor as short as a drum. What is left is the vocals; the accompaniment is the mix without
//! them, so both together are the mix.
//!
//! What a frame becomes depends on the [`CONTEXT_S`] seconds around it alone, and on nothing but the arithmetic of IEEE 754. So
//! a song may be separated in [`pieces`](plan::pieces) that overlap by that much, on different machines, any number of times:
//! the samples are the same, bit for bit, as those of the whole.

pub mod plan;

mod mask;
mod median;
mod spectrum;

use crate::spectrum::Transform;

/// Seconds before and after a sample on which its separation depends, without the window of the transform.
pub const CONTEXT_S: f64 = 6.0;

/// Two channels of the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stereo {
    /// Samples of the left channel, full scale −1 to 1.
    pub left: Vec<f32>,
    /// Samples of the right channel.
    pub right: Vec<f32>,
}

impl Stereo {
    /// Samples of each channel.
    pub fn len(&self) -> usize {
        self.left.len().min(self.right.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part of both channels; what is outside of them is left out.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let part = |channel: &[f32]| {
            let end = range.end.min(channel.len());
            channel[range.start.min(end)..end].to_vec()
        };
        Self { left: part(&self.left), right: part(&self.right) }
    }
}

/// The two parts of a mix. Their sum is the mix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stems {
    /// The singers.
    pub vocals: Stereo,
    /// Everything else.
    pub accompaniment: Stereo,
}

/// Separates mixes of one sample rate.
pub struct Separator {
    rate: f64,
    transform: Transform,
}

impl Separator {
    /// For mixes with `rate` samples a second, from 8,000 to 192,000.
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(8_000, 192_000);
        Self { rate: rate.into(), transform: Transform::new(plan::hop(rate)) }
    }

    /// Separates a mix, or a piece of one whose first sample is a multiple of [`plan::hop`] within it.
    pub fn separate(&self, mix: &Stereo) -> Stems {
        self.separate_while(mix, &mut |_| true).unwrap_or_default()
    }

    /// As [`Self::separate`], but calls `go_on` several times a second with the part that is done, 0 to 1. `None` as soon as `go_on`
    /// returns `false`.
    pub fn separate_while(&self, mix: &Stereo, go_on: &mut dyn FnMut(f32) -> bool) -> Option<Stems> {
        let length = mix.len();
        let [left, right] = [&mix.left, &mix.right].map(|channel| self.transform.frames(&channel[..length]));
        let vocals = mask::vocals(&left, &right, self.rate, self.transform.hop(), go_on)?;
        let vocals = self.transform.samples(vocals, length);
        let rest = |channel: &[f32]| channel.iter().zip(&vocals).map(|(mix, vocals)| mix - vocals).collect();
        Some(Stems {
            accompaniment: Stereo { left: rest(&mix.left), right: rest(&mix.right) },
            vocals: Stereo { left: vocals.clone(), right: vocals },
        })
    }
}
