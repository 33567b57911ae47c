//! Mixes sound of any number of channels to one or two, as ITU-R BS.775 does: centre and surround channels 3 dB lower, without LFE.

use symphonia::core::audio::{Channels, Position};

/// Gain of centre and surround channels on a side: −3 dB.
const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// The gains of each input channel, to the left and to the right.
pub(super) struct Mix {
    gains: Vec<[f32; 2]>,
}

impl Mix {
    /// For up to eight channels in the order of Vorbis (RFC 7845, section 5.1.1.2), which Opus has as well.
    pub(super) fn of_vorbis(channels: usize) -> Self {
        const L: [f32; 2] = [1.0, 0.0];
        const R: [f32; 2] = [0.0, 1.0];
        const C: [f32; 2] = [HALF, HALF];
        const SL: [f32; 2] = [HALF, 0.0];
        const SR: [f32; 2] = [0.0, HALF];
        const LFE: [f32; 2] = [0.0, 0.0];
        let gains: &[_] = match channels {
            1 => &[[1.0, 1.0]],
            2 => &[L, R],
            3 => &[L, C, R],
            4 => &[L, R, SL, SR],
            5 => &[L, C, R, SL, SR],
            6 => &[L, C, R, SL, SR, LFE],
            7 => &[L, C, R, SL, SR, C, LFE],
            _ => &[L, C, R, SL, SR, SL, SR, LFE],
        };
        Self::scaled(gains.to_vec())
    }

    /// For the channel layout that a decoder tells. Channels without positions alternate between left and right.
    pub(super) fn of(channels: &Channels) -> Self {
        let count = channels.count();
        match channels {
            _ if count <= 2 => Self::of_vorbis(count),
            Channels::Positioned(places) => Self::scaled(places.iter().map(gains_at).collect()),
            _ => Self::scaled((0..count).map(|n| if n % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] }).collect()),
        }
    }

    /// Scales the gains so that no side exceeds full scale.
    fn scaled(mut gains: Vec<[f32; 2]>) -> Self {
        let [left, right] = [0, 1].map(|side| gains.iter().map(|gain| gain[side]).sum::<f32>());
        let scale = 1.0 / left.max(right).max(1.0);
        gains.iter_mut().flatten().for_each(|gain| *gain *= scale);
        Self { gains }
    }

    /// Mixes interleaved samples to `channels`, 1 or 2, and appends them to `out`.
    pub(super) fn apply(&self, samples: &[f32], channels: u32, out: &mut Vec<f32>) {
        for frame in samples.chunks_exact(self.gains.len().max(1)) {
            let sides = match *frame {
                [both] => [both, both],
                [left, right] => [left, right],
                _ => [0, 1].map(|side| {
                    frame.iter().zip(&self.gains).map(|(sample, gain)| sample * gain[side]).sum()
                }),
            };
            if channels == 1 {
                out.push((sides[0] + sides[1]) / 2.0);
            } else {
                out.extend(sides);
            }
        }
    }
}

/// Gains of a channel by its loudspeaker position; 0 for LFE and height channels.
fn gains_at(place: Position) -> [f32; 2] {
    let left = Position::FRONT_LEFT | Position::FRONT_LEFT_CENTER;
    let right = Position::FRONT_RIGHT | Position::FRONT_RIGHT_CENTER;
    let behind_left = Position::REAR_LEFT | Position::SIDE_LEFT;
    let behind_right = Position::REAR_RIGHT | Position::SIDE_RIGHT;
    match place {
        place if left.contains(place) => [1.0, 0.0],
        place if right.contains(place) => [0.0, 1.0],
        place if behind_left.contains(place) => [HALF, 0.0],
        place if behind_right.contains(place) => [0.0, HALF],
        place if place == Position::FRONT_CENTER || place == Position::REAR_CENTER => [HALF, HALF],
        _ => [0.0, 0.0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_two_channels_stay_and_more_become_two() {
        let mixed = |input: usize, samples: &[f32], channels| {
            let mut out = Vec::new();
            Mix::of_vorbis(input).apply(samples, channels, &mut out);
            out
        };
        assert_eq!(mixed(1, &[0.5], 2), [0.5, 0.5]);
        assert_eq!(mixed(2, &[0.5, -0.25], 2), [0.5, -0.25]);
        assert_eq!(mixed(2, &[0.5, -0.25], 1), [0.125]);
        let all = mixed(6, &[1.0; 6], 2);
        assert!(all.iter().all(|side| (side - 1.0).abs() < 1e-6), "{all:?}");
        assert_eq!(mixed(6, &[0.0, 0.0, 0.0, 0.0, 0.0, 1.0], 2), [0.0, 0.0], "the subwoofer is left out");
    }
}
