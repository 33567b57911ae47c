//! Songs made of parts that are known: a singer in the middle over an accompaniment, by additive synthesis.

use std::f64::consts::TAU;

use stems::Stereo;

const RATE: f64 = 44_100.0;
/// The song that has nothing but its texture to tell the parts by.
pub(crate) const HARDEST: &str = "an accompaniment in mono that never repeats";

/// The parts of a mix.
pub(crate) struct Song {
    pub(crate) vocals: Stereo,
    pub(crate) accompaniment: Stereo,
}

/// How a singer sings.
struct Singing {
    /// Depth of the vibrato, as a part of the frequency.
    vibrato: f64,
    /// Least length of a note, in seconds, without a quarter.
    note_s: f64,
}

const VIBRATO: Singing = Singing { vibrato: 0.018, note_s: 0.3 };
const STRAIGHT: Singing = Singing { vibrato: 0.0, note_s: 0.4 };
const HELD: Singing = Singing { vibrato: 0.0, note_s: 1.0 };

/// Pseudo-random numbers, the same each time.
struct Noise(u64);

impl Noise {
    /// From −1 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    }
}

impl Song {
    /// One song of each kind, `seconds` long.
    pub(crate) fn all(seconds: u32) -> Vec<(&'static str, Self)> {
        let samples = (f64::from(seconds) * RATE) as usize;
        let song = |singing: &Singing, band: Stereo, level: f64| {
            let vocals = singer(samples, singing);
            let gain = level * (power(&band) / power(&vocals)).sqrt();
            let vocals = Stereo {
                left: vocals.left.iter().map(|value| (f64::from(*value) * gain) as f32).collect(),
                right: vocals.right.iter().map(|value| (f64::from(*value) * gain) as f32).collect(),
            };
            Self { vocals, accompaniment: band }
        };
        vec![
            ("band in stereo", song(&VIBRATO, band(samples, 1.0), 0.8)),
            ("band in stereo, loud singer", song(&VIBRATO, band(samples, 1.0), 1.4)),
            ("band in stereo, low singer", song(&VIBRATO, band(samples, 1.0), 0.5)),
            ("band in mono", song(&VIBRATO, band(samples, 0.0), 1.0)),
            ("chords alone", song(&VIBRATO, chords(samples, 1.0), 1.0)),
            ("straight tones", song(&STRAIGHT, band(samples, 1.0), 1.0)),
            ("straight tones in mono", song(&STRAIGHT, band(samples, 0.0), 1.0)),
            ("held tones", song(&HELD, band(samples, 1.0), 1.0)),
            ("held tones in mono", song(&HELD, band(samples, 0.0), 1.0)),
            ("an accompaniment that never repeats", song(&VIBRATO, wandering(samples, 1.0), 1.0)),
            (HARDEST, song(&VIBRATO, wandering(samples, 0.0), 1.0)),
            ("noise at the sides", song(&VIBRATO, hiss(samples), 1.0)),
            ("drums and bass in mono", song(&VIBRATO, sum(&drums(samples), &bass(samples)), 1.0)),
        ]
    }

    pub(crate) fn mix(&self) -> Stereo {
        sum(&self.vocals, &self.accompaniment)
    }
}

/// Signal-to-distortion ratio of an estimate of `part`, in dB.
pub(crate) fn sdr(part: &Stereo, estimate: &Stereo) -> f64 {
    let error = Stereo {
        left: part.left.iter().zip(&estimate.left).map(|(a, b)| a - b).collect(),
        right: part.right.iter().zip(&estimate.right).map(|(a, b)| a - b).collect(),
    };
    10.0 * (power(part) / power(&error)).log10()
}

fn power(stereo: &Stereo) -> f64 {
    stereo.left.iter().chain(&stereo.right).map(|value| f64::from(*value).powi(2)).sum::<f64>()
        / (2 * stereo.len()) as f64
}

fn sum(a: &Stereo, b: &Stereo) -> Stereo {
    let add = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a + b).collect();
    Stereo { left: add(&a.left, &b.left), right: add(&a.right, &b.right) }
}

/// Sings phrases of notes with vibrato, vowels and breath.
fn singer(samples: usize, singing: &Singing) -> Stereo {
    let mut noise = Noise(7);
    let scale = [0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 11.0, 12.0];
    let vowels = [
        [730.0, 1_090.0, 2_440.0],
        [270.0, 2_290.0, 3_010.0],
        [570.0, 840.0, 2_410.0],
        [530.0, 1_840.0, 2_480.0],
    ];
    let mut voice = vec![0.0_f32; samples];
    let (mut at, mut phase, mut hz) = (0, 0.0_f64, 220.0_f64);
    while at < samples {
        let length = (singing.note_s * (0.8 + 1.2 * noise.next().abs()) * RATE) as usize;
        let rests = noise.next() > 0.55;
        let note = scale[((noise.next().abs() * 7.99) as usize).min(7)];
        let formants = vowels[((noise.next().abs() * 3.99) as usize).min(3)];
        let wanted = 196.0 * 2.0_f64.powf(note / 12.0);
        for n in 0..length.min(samples - at) {
            let t = n as f64 / RATE;
            hz += (wanted - hz) * 0.002;
            let vibrato =
                1.0 + singing.vibrato * (TAU * 5.6 * (at + n) as f64 / RATE).sin() * (t / 0.15).min(1.0);
            phase += hz * vibrato / RATE;
            if rests {
                continue;
            }
            let envelope = (t / 0.03).min(1.0) * ((length - n) as f64 / RATE / 0.05).min(1.0);
            let mut value = 0.0;
            for harmonic in 1..=28_u32 {
                let at_hz = hz * f64::from(harmonic);
                let formant: f64 = formants.iter().map(|f| 1.0 / (1.0 + ((at_hz - f) / 120.0).powi(2))).sum();
                value +=
                    (formant + 0.03) / f64::from(harmonic).sqrt() * (TAU * phase * f64::from(harmonic)).sin();
            }
            voice[at + n] = (0.2 * envelope * (value + 0.02 * noise.next())) as f32;
        }
        at += length;
    }
    Stereo { left: voice.clone(), right: voice }
}

fn band(samples: usize, width: f64) -> Stereo {
    sum(&sum(&drums(samples), &bass(samples)), &chords(samples, width))
}

/// Kick, snare and hi-hat, 120 beats a minute.
fn drums(samples: usize) -> Stereo {
    let mut noise = Noise(3);
    let (mut left, mut right) = (vec![0.0_f32; samples], vec![0.0_f32; samples]);
    for n in 0..samples {
        let t = n as f64 / RATE;
        let (in_bar, in_half) = (t % 1.0, t % 0.25);
        let kick = 0.5
            * (-in_bar * 18.0).exp()
            * (TAU * (55.0 * in_bar + 4.0 * (1.0 - (-in_bar * 30.0).exp()))).sin();
        let since_snare = (t + 0.5) % 1.0;
        let snare = 0.22 * (-since_snare * 22.0).exp() * noise.next();
        let hat = 0.1 * (-in_half * 60.0).exp() * noise.next();
        left[n] = (kick + snare + 0.7 * hat) as f32;
        right[n] = (kick + snare + hat) as f32;
    }
    Stereo { left, right }
}

/// A line of eighths, two seconds long.
fn bass(samples: usize) -> Stereo {
    let notes = [0.0, 0.0, 7.0, 5.0, 3.0, 3.0, 10.0, 7.0];
    let value = |n: usize| {
        let t = n as f64 / RATE;
        let (note, within) = (notes[(t / 0.25) as usize % 8], t % 0.25);
        let hz = 55.0 * 2.0_f64.powf(note / 12.0);
        let envelope = (within / 0.005).min(1.0) * (-within * 6.0).exp();
        let tone: f64 = (1..=6).map(|h| (TAU * hz * f64::from(h) * within).sin() / f64::from(h)).sum();
        (0.25 * envelope * tone) as f32
    };
    let line: Vec<f32> = (0..samples).map(value).collect();
    Stereo { left: line.clone(), right: line }
}

/// Four chords of a second each, over and over, their tones at different places between the loudspeakers.
fn chords(samples: usize, width: f64) -> Stereo {
    let chords = [[0.0, 4.0, 7.0], [9.0, 12.0, 16.0], [5.0, 9.0, 12.0], [7.0, 11.0, 14.0]];
    let (mut left, mut right) = (vec![0.0_f32; samples], vec![0.0_f32; samples]);
    for n in 0..samples {
        let t = n as f64 / RATE;
        let (chord, within) = (chords[t as usize % 4], t % 1.0);
        let envelope = (within / 0.02).min(1.0) * (-within * 1.2).exp();
        for (voice, note) in chord.iter().enumerate() {
            let hz = 220.0 * 2.0_f64.powf(note / 12.0);
            let pan = width * (voice as f64 - 1.0) * 0.9;
            for harmonic in 1..=8_u32 {
                let tone =
                    0.08 * envelope * (TAU * hz * f64::from(harmonic) * within).sin() / f64::from(harmonic);
                left[n] += (tone * (1.0 - pan) / 1.5) as f32;
                right[n] += (tone * (1.0 + pan) / 1.5) as f32;
            }
        }
    }
    Stereo { left, right }
}

/// Tones at random, never the same again, at different places.
fn wandering(samples: usize, width: f64) -> Stereo {
    let mut noise = Noise(11);
    let (mut left, mut right) = (vec![0.0_f32; samples], vec![0.0_f32; samples]);
    for _ in 0..samples / 8_000 {
        let begin = ((noise.next() + 1.0) / 2.0 * samples as f64) as usize;
        let hz = 110.0 * 2.0_f64.powf((noise.next() + 1.0) * 1.5);
        let pan = width * noise.next();
        let length = (RATE * (0.3 + noise.next().abs())) as usize;
        for n in begin..samples.min(begin + length) {
            let t = (n - begin) as f64 / RATE;
            let envelope = (t / 0.01).min(1.0) * (-t * 3.0).exp();
            let tone: f64 = (1..=6).map(|h| (TAU * hz * f64::from(h) * t).sin() / f64::from(h)).sum();
            left[n] += (0.1 * envelope * tone * (1.0 - pan)) as f32;
            right[n] += (0.1 * envelope * tone * (1.0 + pan)) as f32;
        }
    }
    Stereo { left, right }
}

/// Noise that both channels have of their own.
fn hiss(samples: usize) -> Stereo {
    let mut noise = Noise(5);
    let mut channel = || (0..samples).map(|_| (0.1 * noise.next()) as f32).collect();
    Stereo { left: channel(), right: channel() }
}
