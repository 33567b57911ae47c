//! Voices are neither as steady as a chord nor as short as a drum: medians along the time keep what is steady, and medians along
//! the frequency what is percussive (Fitzgerald, DAFx 2010).

use super::Magnitudes;
use crate::median;

/// Half of the time, in seconds, in which a tone is steady.
const STEADY_S: f64 = 1.6;
/// Half of the frequencies over which a drum is even.
const EVEN_BINS: usize = 17;

/// Raises `background` to what is steady in `magnitudes`.
pub(super) fn raise_to_steady(magnitudes: &Magnitudes, frames_per_s: f64, background: &mut [f32]) {
    let (bins, frames) = (magnitudes.bins, magnitudes.frames());
    let reach = (STEADY_S * frames_per_s) as usize;
    let (mut column, mut steady) = (vec![0.0; frames], vec![0.0; frames]);
    for bin in 0..bins {
        let of_bin = magnitudes.values[bin..].iter().step_by(bins);
        column.iter_mut().zip(of_bin).for_each(|(to, from)| *to = *from);
        median::around(&column, reach, &mut steady);
        let of_bin = background[bin..].iter_mut().step_by(bins);
        of_bin.zip(&steady).for_each(|(background, steady)| *background = background.max(*steady));
    }
}

/// Raises `background` to what is percussive in `magnitudes`.
pub(super) fn raise_to_percussive(magnitudes: &Magnitudes, background: &mut [f32]) {
    let mut percussive = vec![0.0; magnitudes.bins];
    for (k, background) in background.chunks_exact_mut(magnitudes.bins).enumerate() {
        median::around(magnitudes.frame(k), EVEN_BINS, &mut percussive);
        background
            .iter_mut()
            .zip(&percussive)
            .for_each(|(background, drum)| *background = background.max(*drum));
    }
}
