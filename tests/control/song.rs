//! A song that is made here: tones with vibrato in the middle, chords and clicks at the sides. The same seed gives the same bytes.

use std::f64::consts::TAU;

const RATE: u32 = 44_100;

/// A WAV file, stereo, 16 bits.
pub(crate) fn wav(seconds: u32, seed: u64) -> Vec<u8> {
    let samples = RATE * seconds;
    let bytes = samples * 4;
    let mut file = Vec::with_capacity(44 + bytes as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    for field in [1_u16, 2] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    for field in [RATE, RATE * 4] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    for field in [4_u16, 16] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend_from_slice(b"data");
    file.extend_from_slice(&bytes.to_le_bytes());
    let mut noise = seed | 1;
    for at in 0..samples {
        let time = f64::from(at) / f64::from(RATE);
        let bar = time / 2.0;
        let root = [220.0, 174.6, 261.6, 196.0][bar as usize % 4];
        let voice = (TAU * (2.0 * root * time + 3.0 * (TAU * 5.5 * time).sin() / TAU)).sin();
        let voice = 0.3 * voice * (0.5 - 0.5 * (TAU * bar).cos());
        let chord = |ratio: f64| 0.1 * (TAU * root * ratio * time).sin();
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let click = (noise % 2000) as f64 / 1000.0 - 1.0;
        let click = 0.2 * click * (-40.0 * (time * 2.0).fract()).exp();
        for side in [chord(0.5) + chord(1.0), chord(1.25) + chord(1.5)] {
            let sample = ((voice + side + click) * 32_000.0).clamp(-32_768.0, 32_767.0) as i16;
            file.extend_from_slice(&sample.to_le_bytes());
        }
    }
    file
}
