//! A generated song: a voice in the middle, chords at the sides, and clicks. The same length gives the same
//! bytes.

use std::f64::consts::TAU;

use crate::random::Random;

const RATE: u32 = 44_100;
/// Bytes of a sample of both channels.
const FRAME_BYTES: u32 = 4;
/// Seconds of a chord.
const BAR_S: f64 = 2.0;
/// Root notes of the chords, Hz.
const ROOTS: [f64; 4] = [220.0, 174.6, 261.6, 196.0];
const SEED: u64 = 1;

/// A WAV file, stereo, 16 bits.
pub(super) fn wav(seconds: u32) -> Vec<u8> {
    let samples = RATE * seconds;
    let mut file = header(samples * FRAME_BYTES);
    let mut noise = Random::new(SEED);
    for at in 0..samples {
        let time = f64::from(at) / f64::from(RATE);
        let root = ROOTS[(time / BAR_S) as usize % ROOTS.len()];
        let middle = voice(time, root) + click(time, noise.unit());
        for side in [[0.5, 1.0], [1.25, 1.5]] {
            let sample = (middle + chord(time, root, side)) * f64::from(i16::MAX);
            file.extend(to_16_bits(sample).to_le_bytes());
        }
    }
    file
}

fn header(bytes: u32) -> Vec<u8> {
    let mut header = b"RIFF".to_vec();
    header.extend((36 + bytes).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    header.extend([1_u16, 2].map(u16::to_le_bytes).concat());
    header.extend([RATE, RATE * FRAME_BYTES].map(u32::to_le_bytes).concat());
    header.extend([FRAME_BYTES as u16, 16].map(u16::to_le_bytes).concat());
    header.extend(b"data");
    header.extend(bytes.to_le_bytes());
    header
}

/// A tone with vibrato that swells and fades in each bar.
fn voice(time: f64, root: f64) -> f64 {
    let vibrato = 3.0 * (TAU * 5.5 * time).sin() / TAU;
    let loudness = 0.3 * (0.5 - 0.5 * (TAU * time / BAR_S).cos());
    loudness * (TAU * (2.0 * root * time + vibrato)).sin()
}

fn chord(time: f64, root: f64, ratios: [f64; 2]) -> f64 {
    ratios.map(|ratio| 0.1 * (TAU * root * ratio * time).sin()).iter().sum()
}

/// A burst of noise that decays, twice a second.
fn click(time: f64, noise: f64) -> f64 {
    0.2 * (2.0 * noise - 1.0) * (-40.0 * (time * 2.0).fract()).exp()
}

fn to_16_bits(sample: f64) -> i16 {
    sample.clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_song_is_as_long_as_its_header_says_and_always_the_same() {
        let song = wav(2);
        assert_eq!(song.len(), 44 + 2 * 44_100 * 4);
        assert_eq!(song[40..44], (2_u32 * 44_100 * 4).to_le_bytes());
        assert_eq!(song, wav(2));
    }

    #[test]
    fn its_sides_differ_and_it_is_not_clipped() {
        let song = wav(4);
        let samples: Vec<i16> =
            song[44..].chunks_exact(2).map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]])).collect();
        assert!(samples.chunks_exact(2).any(|sides| sides[0] != sides[1]));
        assert!(samples.iter().all(|sample| sample.unsigned_abs() < 32_000));
        assert!(samples.iter().any(|sample| sample.unsigned_abs() > 8_000));
    }
}
