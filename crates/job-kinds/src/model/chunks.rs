//! Chunks that overlap by half, faded into each other.
//!
//! ```text
//! song      |-----------------------------------------
//! chunks   [----'----]    [----'----]                    each begins at a multiple of half its length, the first one before the song
//!               [----'----]    [----'----]
//! weights  /\/\/\  two at each sample, whose sum is 1
//! ```

use stems::Stereo;

use crate::{Failed, Report};

/// Separates a mix, whose first sample is sample `start` of its song, in chunks of `chunk` samples. Chunks that reach beyond the mix
/// are filled up with silence. Each sample of the result depends on less than a chunk before and after it.
pub(super) fn overlap_add(
    mix: &Stereo,
    start: u64,
    chunk: usize,
    report: &dyn Report,
    separate: impl Fn(&[Vec<f32>; 2]) -> Result<[Vec<f32>; 2], String>,
) -> Result<Stereo, Failed> {
    let (hop, length) = (chunk / 2, mix.len());
    let mut vocals = [vec![0.0; length], vec![0.0; length]];
    // The place of the first chunk that reaches into the mix, counted from the start of the mix.
    let into = usize::try_from(start % hop as u64).unwrap_or(0);
    let first = -(into as i64) - hop as i64;
    let count = (length + into).div_ceil(hop) + 1;
    for n in 0..count {
        let at = first + (n * hop) as i64;
        report.progress(n as f32 / count as f32)?;
        let part = separate(&[&mix.left, &mix.right].map(|channel| cut(channel, at, chunk)));
        let part = part.map_err(|reason| Failed::for_good(format!("the model failed: {reason}")))?;
        for (vocals, part) in vocals.iter_mut().zip(&part) {
            for (place, sample) in part.iter().enumerate() {
                let target = usize::try_from(at + place as i64).ok().and_then(|at| vocals.get_mut(at));
                if let Some(target) = target {
                    *target += sample * weight(place, hop);
                }
            }
        }
    }
    let [left, right] = vocals;
    Ok(Stereo { left, right })
}

/// `count` samples from `at` on, filled up with silence.
fn cut(samples: &[f32], at: i64, count: usize) -> Vec<f32> {
    let sample = |place: usize| usize::try_from(at + place as i64).ok().and_then(|at| samples.get(at));
    (0..count).map(|place| sample(place).copied().unwrap_or(0.0)).collect()
}

/// A triangle: the weights of a sample in its two chunks sum up to 1.
fn weight(place: usize, hop: usize) -> f32 {
    let rising = |place: usize| (place as f32 + 0.5) / hop as f32;
    if place < hop { rising(place) } else { 1.0 - rising(place - hop) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cancelled;

    struct Quiet;

    impl Report for Quiet {
        fn progress(&self, _: f32) -> Result<(), Cancelled> {
            Ok(())
        }
    }

    fn song(length: usize) -> Stereo {
        let tone = |step: f32| (0..length).map(|n| (n as f32 * step).sin()).collect();
        Stereo { left: tone(0.1), right: tone(0.37) }
    }

    /// Subtracts the mean of the chunk, so that each sample depends on all of it.
    fn separate(chunk: &[Vec<f32>; 2]) -> Result<[Vec<f32>; 2], String> {
        Ok([0, 1].map(|at| {
            let mean = chunk[at].iter().sum::<f32>() / chunk[at].len() as f32;
            chunk[at].iter().map(|sample| sample - mean).collect()
        }))
    }

    #[test]
    fn a_model_that_changes_nothing_gives_the_mix() {
        let song = song(1000);
        let same = overlap_add(&song, 0, 64, &Quiet, |chunk| Ok(chunk.clone())).unwrap();
        let apart = |(a, b): (&f32, &f32)| (a - b).abs();
        let most = song.left.iter().zip(&same.left).map(apart).fold(0.0, f32::max);
        assert!(most < 1e-6 && same.len() == 1000, "{most}");
    }

    #[test]
    fn a_piece_is_the_same_samples_as_the_whole() {
        let song = song(3000);
        let whole = overlap_add(&song, 0, 128, &Quiet, separate).unwrap();
        for (from, to) in [(0, 1000), (500, 1700), (333, 2999), (2000, 3000)] {
            let piece = overlap_add(&song.slice(from..to), from as u64, 128, &Quiet, separate).unwrap();
            // Within the song, less than a chunk at the edges of a piece depends on samples outside of the piece.
            let keep_from = if from == 0 { 0 } else { from + 127 };
            let keep_to = if to == 3000 { 3000 } else { to - 127 };
            let kept = piece.slice(keep_from - from..keep_to - from);
            assert_eq!(kept, whole.slice(keep_from..keep_to), "{from} to {to}");
        }
    }

    #[test]
    fn a_cancelled_task_stops_between_chunks() {
        struct Never;
        impl Report for Never {
            fn progress(&self, _: f32) -> Result<(), Cancelled> {
                Err(Cancelled)
            }
        }
        let cancelled = overlap_add(&song(100), 0, 64, &Never, separate).unwrap_err();
        assert_eq!(cancelled.failure, protocol::job::Failure::HandedBack);
    }
}
