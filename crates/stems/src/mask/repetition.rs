//! Accompaniments repeat: a frame's background is what it has in common with the frames that are most like it (REPET-SIM: Rafii
//! and Pardo, ISMIR 2012), of those within [`CONTEXT_S`].

use super::Magnitudes;
use crate::{CONTEXT_S, median};

/// How many like frames are compared.
const LIKE: usize = 14;
/// Least time between two of them, in seconds, and between one and the frame itself.
const APART_S: f64 = 0.25;
/// Bands by which frames are compared.
const BANDS: usize = 48;
/// The lowest and the highest frequency by which frames are compared, in Hz.
const BAND_EDGES_HZ: (f64, f64) = (60.0, 12_000.0);

/// Frames from one call of `go_on` to the next.
const FRAMES_A_STEP: usize = 64;

/// The magnitudes of what repeats, at most those of the mix. `None` if `go_on` returns `false`.
pub(super) fn background(
    magnitudes: &Magnitudes,
    frames_per_s: f64,
    rate: f64,
    go_on: &mut dyn FnMut(f32) -> bool,
) -> Option<Vec<f32>> {
    let features = features(magnitudes, rate);
    let reach = (CONTEXT_S * frames_per_s) as usize;
    let apart = (APART_S * frames_per_s).ceil() as usize;
    let mut background = vec![0.0; magnitudes.values.len()];
    let mut column = Vec::with_capacity(LIKE + 1);
    for (k, background) in background.chunks_exact_mut(magnitudes.bins).enumerate() {
        if k % FRAMES_A_STEP == 0 && !go_on(k as f32 / features.len() as f32) {
            return None;
        }
        let like = like(&features, k, reach, apart);
        let frames: Vec<&[f32]> = like.iter().map(|&k| magnitudes.frame(k)).collect();
        for (bin, background) in background.iter_mut().enumerate() {
            column.clear();
            column.extend(frames.iter().map(|frame| frame[bin]));
            *background = median::of(&mut column).min(magnitudes.frame(k)[bin]);
        }
    }
    Some(background)
}

/// The frames most like `k`, apart from each other.
fn like(features: &[[f32; BANDS]], k: usize, reach: usize, apart: usize) -> Vec<usize> {
    let around = k.saturating_sub(reach)..features.len().min(k + reach + 1);
    let mut others: Vec<(f32, usize)> = around
        .filter(|other| other.abs_diff(k) >= apart)
        .map(|other| (features[other].iter().zip(&features[k]).map(|(a, b)| a * b).sum(), other))
        .collect();
    others.sort_unstable_by(|(a, at), (b, bt)| b.total_cmp(a).then(at.cmp(bt)));
    let mut like: Vec<usize> = Vec::with_capacity(LIKE);
    for (_, other) in others {
        if like.len() == LIKE {
            break;
        }
        if like.iter().all(|known| known.abs_diff(other) >= apart) {
            like.push(other);
        }
    }
    like
}

/// What frames are compared by: levels of [`BANDS`] bands, of length 1 as a vector.
fn features(magnitudes: &Magnitudes, rate: f64) -> Vec<[f32; BANDS]> {
    let edges = edges(magnitudes.bins, rate);
    let feature = |k: usize| {
        let frame = magnitudes.frame(k);
        let mut levels = [0.0_f32; BANDS];
        for (level, edge) in levels.iter_mut().zip(edges.windows(2)) {
            let band = &frame[edge[0]..edge[1].max(edge[0] + 1)];
            *level = (band.iter().map(|value| value * value).sum::<f32>() / band.len() as f32).sqrt().sqrt();
        }
        let length = levels.iter().map(|level| level * level).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        levels.map(|level| level / length)
    };
    (0..magnitudes.frames()).map(feature).collect()
}

/// The first frequency of each band and the one after the last, equal steps of pitch apart.
fn edges(bins: usize, rate: f64) -> Vec<usize> {
    let (lowest, highest) = BAND_EDGES_HZ;
    let highest = highest.min(rate / 2.2);
    let hz = |band: usize| lowest * (highest / lowest).powf(band as f64 / BANDS as f64);
    (0..=BANDS).map(|band| ((hz(band) / rate * (2 * (bins - 1)) as f64) as usize).min(bins - 1)).collect()
}
