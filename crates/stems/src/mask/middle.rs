//! Singers are in the middle: both channels have the same of them.
//!
//! Each channel is taken as the middle plus something of its own. The correlation of the channels is then the power of the
//! middle, and a Wiener filter of their mean gives it.

use realfft::num_complex::Complex32;

use crate::spectrum::Frames;

/// Frames before and after, and frequencies below and above, over which the powers are averaged.
const REACH: (usize, usize) = (1, 2);

/// For each frequency of each frame, the share of the channels' mean that is in the middle, from 0 to 1.
pub(super) fn shares(left: &Frames, right: &Frames) -> Vec<f32> {
    let bins = left.bins();
    let powers = |of: fn(Complex32, Complex32) -> f32| {
        let values: Vec<f32> =
            left.values().iter().zip(right.values()).map(|(left, right)| of(*left, *right)).collect();
        averaged(&values, bins)
    };
    let both = powers(|left, right| left.re * right.re + left.im * right.im);
    let mean = powers(|left, right| (left.norm_sqr() + right.norm_sqr()) / 2.0);
    both.into_iter().zip(mean).map(|(both, mean)| share(both, mean)).collect()
}

fn share(both: f32, mean: f32) -> f32 {
    let middle = both.clamp(0.0, mean);
    let side = mean - middle;
    let of_mean = 2.0 * middle + side;
    if of_mean > 0.0 { 2.0 * middle / of_mean } else { 0.0 }
}

/// Means over [`REACH`], with fewer values at the edges.
fn averaged(values: &[f32], bins: usize) -> Vec<f32> {
    let (frames, reach) = (values.len() / bins, REACH);
    let mut across = vec![0.0; values.len()];
    for (frame, across) in values.chunks_exact(bins).zip(across.chunks_exact_mut(bins)) {
        for (bin, mean) in across.iter_mut().enumerate() {
            let around = &frame[bin.saturating_sub(reach.1)..bins.min(bin + reach.1 + 1)];
            *mean = around.iter().sum::<f32>() / around.len() as f32;
        }
    }
    let mut means = vec![0.0; values.len()];
    for (k, means) in means.chunks_exact_mut(bins).enumerate() {
        let around = k.saturating_sub(reach.0)..frames.min(k + reach.0 + 1);
        let count = around.len() as f32;
        for frame in around.map(|k| &across[k * bins..(k + 1) * bins]) {
            means.iter_mut().zip(frame).for_each(|(mean, value)| *mean += value / count);
        }
    }
    means
}
