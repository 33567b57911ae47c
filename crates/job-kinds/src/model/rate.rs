//! Converts a mix to the sample rate of the model, and its vocals back.
//!
//! Samples of two rates coincide at regular places: every 160th sample at 48,000 Hz with every 147th at 44,100 Hz. A piece is converted
//! from such a place on, so that its samples are the same as those of the whole song.

use stems::Stereo;

use crate::{
    Failed,
    sound::{Resampler, gcd},
};

/// Calls `separate` with the mix at the rate `to`, and converts its result back. `start` is the place of the mix in the song, in samples;
/// `separate` gets that place at the rate `to`. Vocals before the first place where samples of both rates coincide, at most a second, are
/// silent.
pub(super) fn at(
    to: u32,
    mix: &Stereo,
    from: u32,
    start: u64,
    separate: impl Fn(&Stereo, u64) -> Result<Stereo, Failed>,
) -> Result<Stereo, Failed> {
    if from == to {
        return separate(mix, start);
    }
    let common = gcd(from, to);
    let (step_from, step_to) = (u64::from(from / common), u64::from(to / common));
    let place = start.next_multiple_of(step_from);
    let skipped = usize::try_from(place - start).unwrap_or(usize::MAX).min(mix.len());
    let other = converted(&mix.slice(skipped..mix.len()), from, to);
    let vocals = converted(&separate(&other, place / step_from * step_to)?, to, from);
    let placed = |channel: &[f32]| {
        let mut out = vec![0.0; skipped];
        out.extend_from_slice(channel);
        out.resize(mix.len(), 0.0);
        out
    };
    Ok(Stereo { left: placed(&vocals.left), right: placed(&vocals.right) })
}

/// Changes the sample rate of all of a sound.
fn converted(sound: &Stereo, from: u32, to: u32) -> Stereo {
    let interleaved: Vec<f32> =
        sound.left.iter().zip(&sound.right).flat_map(|(left, right)| [*left, *right]).collect();
    let mut resampler = Resampler::new(from, to, 2);
    let mut out = resampler.push(&interleaved).to_vec();
    out.extend_from_slice(resampler.finish());
    let channel = |at: usize| out.iter().skip(at).step_by(2).copied().collect();
    Stereo { left: channel(0), right: channel(1) }
}
