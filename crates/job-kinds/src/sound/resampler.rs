//! Changes the sample rate of sound.
//!
//! Each output sample is a weighted sum of the input around its time. The weights are a sinc, a low-pass filter at the lower of both rates,
//! under a Kaiser window. They are interpolated linearly from a table. No library gives the same bits on all machines: `rubato` uses the
//! instructions that a processor has, and rounds accordingly.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side.
const CROSSINGS: usize = 32;

/// Entries of the table from one zero crossing to the next.
const STEPS: usize = 1024;

/// The shape of the window: side lobes are about 100 dB down.
const KAISER_BETA: f64 = 10.0;

/// The pass band, as a part of the lower rate's band. The rest is the transition band of the filter.
const PASSED: f64 = 0.95;

/// Changes the rate of interleaved samples as they are pushed. The output is in time with the input and has its length. Only the filter's
/// reach of input is held.
pub(crate) struct Resampler {
    from: u64,
    to: u64,
    channels: usize,
    weights: Weights,
    /// The input from sample `first` on.
    input: Vec<f32>,
    /// It is negative at first: silence comes before the start.
    first: i64,
    /// Samples of each channel that were pushed.
    taken: u64,
    /// Samples of each channel that were returned.
    given: u64,
    output: Vec<f32>,
}

impl Resampler {
    /// `from` and `to` are in samples a second and not 0; `channels` is 1 or 2.
    pub(crate) fn new(from: u32, to: u32, channels: usize) -> Self {
        let weights = Weights::new(from, to);
        let reach = weights.reach;
        Self {
            from: from.into(),
            to: to.into(),
            channels,
            weights,
            input: vec![0.0; reach * channels],
            first: -(reach as i64),
            taken: 0,
            given: 0,
            output: Vec::new(),
        }
    }

    /// Adds input, and returns the output that depends on no later input.
    pub(crate) fn push(&mut self, samples: &[f32]) -> &[f32] {
        self.output.clear();
        self.input.extend_from_slice(samples);
        self.taken += (samples.len() / self.channels) as u64;
        self.advance(u64::MAX);
        &self.output
    }

    /// Returns the rest of the output.
    pub(crate) fn finish(&mut self) -> &[f32] {
        self.output.clear();
        let reach = self.weights.reach + 1;
        self.input.resize(self.input.len() + reach * self.channels, 0.0);
        self.advance((self.taken * self.to).div_ceil(self.from));
        &self.output
    }

    /// Computes output as far as there is input for it, up to sample `end`.
    fn advance(&mut self, end: u64) {
        let reach = self.weights.reach;
        while self.given < end {
            let (whole, part) = (self.given * self.from / self.to, self.given * self.from % self.to);
            let start = whole as i64 - reach as i64 + 1;
            let place = (start - self.first) as usize * self.channels;
            let Some(around) = self.input.get(place..place + 2 * reach * self.channels) else { break };
            let weights = self.weights.at(part as f64 / self.to as f64, self.given);
            self.output.extend_from_slice(&weighted(around, weights, self.channels)[..self.channels]);
            self.given += 1;
        }
        self.drop_used(reach as i64);
    }

    /// Drops input that no later output depends on.
    fn drop_used(&mut self, reach: i64) {
        let needed = (self.given * self.from / self.to) as i64 - reach + 1;
        let used = ((needed - self.first).max(0) as usize * self.channels).min(self.input.len());
        self.input.drain(..used);
        self.first += (used / self.channels) as i64;
    }
}

/// The sum of interleaved samples, weighted.
fn weighted(samples: &[f32], weights: &[f32], channels: usize) -> [f32; 2] {
    let mut sums = [0.0; 2];
    if channels == 1 {
        samples.iter().zip(weights).for_each(|(sample, weight)| sums[0] += weight * sample);
    } else {
        for (frame, weight) in samples.chunks_exact(2).zip(weights) {
            sums[0] += weight * frame[0];
            sums[1] += weight * frame[1];
        }
    }
    sums
}

/// The weights of the input around a sample of the output.
struct Weights {
    /// Samples of the input on each side that a sample of the output depends on.
    reach: usize,
    /// Zero crossings in a sample of the input.
    density: f64,
    /// One side of the filter.
    table: Vec<f32>,
    /// After how many output samples their positions between input samples repeat, if that is not more than [`MAX_PERIOD`].
    period: Option<u64>,
    /// The weights of each sample of the period; without a period, those of the newest sample.
    rows: Vec<f32>,
}

/// The longest period whose weights are all kept. The usual rates have 147 or 160.
const MAX_PERIOD: u64 = 640;

impl Weights {
    fn new(from: u32, to: u32) -> Self {
        let density = PASSED * (f64::from(to) / f64::from(from)).min(1.0);
        let reach = (CROSSINGS as f64 / density).ceil() as usize;
        let period = u64::from(to / gcd(from, to));
        let period = Some(period).filter(|&period| period <= MAX_PERIOD);
        Self { reach, density, table: filter(density), period, rows: Vec::new() }
    }

    /// The weights of output sample `number`, which lies a fraction `time` of an input sample after an input sample.
    fn at(&mut self, time: f64, number: u64) -> &[f32] {
        let length = 2 * self.reach;
        let row = match self.period {
            Some(period) => (number % period) as usize,
            None => {
                self.rows.clear();
                0
            }
        };
        // Output samples, and so rows, are computed in order.
        if self.rows.len() < (row + 1) * length {
            self.add_row(time);
        }
        &self.rows[row * length..(row + 1) * length]
    }

    fn add_row(&mut self, time: f64) {
        let scale = self.density * STEPS as f64;
        for n in 0..2 * self.reach {
            let distance = (n as f64 - (self.reach - 1) as f64 - time).abs() * scale;
            let (entry, part) = (distance as usize, distance.fract() as f32);
            let weight = match self.table.get(entry..entry + 2) {
                Some(&[weight, next]) => weight + (next - weight) * part,
                _ => 0.0,
            };
            self.rows.push(weight);
        }
    }
}

/// The greatest common divisor.
pub(crate) fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One side of the windowed sinc, followed by a 0.
fn filter(density: f64) -> Vec<f32> {
    let weight = |n: usize| {
        let crossings = n as f64 / STEPS as f64;
        let sinc = if n == 0 { 1.0 } else { (PI * crossings).sin() / (PI * crossings) };
        let edge = (1.0 - (crossings / CROSSINGS as f64).powi(2)).max(0.0).sqrt();
        (density * sinc * bessel(KAISER_BETA * edge) / bessel(KAISER_BETA)) as f32
    };
    (0..CROSSINGS * STEPS).map(weight).chain([0.0]).collect()
}

/// The modified Bessel function of the first kind, order 0, by its power series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..60 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hz: f64, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (2.0 * PI * hz * n as f64 / f64::from(rate)).sin() as f32).collect()
    }

    fn resampled(from: u32, to: u32, input: &[f32], piece: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to, 1);
        let mut out: Vec<f32> = Vec::new();
        input.chunks(piece).for_each(|piece| out.extend_from_slice(resampler.push(piece)));
        out.extend_from_slice(resampler.finish());
        out
    }

    #[test]
    fn a_tone_keeps_its_pitch_time_and_level() {
        for (from, to) in
            [(44_100, 48_000), (48_000, 44_100), (96_000, 48_000), (8_000, 48_000), (22_254, 24_000)]
        {
            let out = resampled(from, to, &tone(from, 1_000.0, from as usize), 1_000);
            assert_eq!(out.len(), to as usize, "{from} to {to}");
            let (wanted, edge) = (tone(to, 1_000.0, out.len()), out.len() / 20);
            let errors =
                out.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).skip(edge).take(out.len() - 2 * edge);
            let largest = errors.fold(0.0, f32::max);
            assert!(largest < 2e-5, "{from} to {to}: {largest}");
        }
    }

    #[test]
    fn tones_above_the_band_of_the_lower_rate_are_removed() {
        let out = resampled(48_000, 16_000, &tone(48_000, 9_000.0, 48_000), 4_096);
        let largest =
            out.iter().skip(800).take(14_000).fold(0.0_f32, |largest, value| largest.max(value.abs()));
        assert!(largest < 1e-4, "{largest}");
    }

    #[test]
    fn the_cutting_of_the_input_changes_nothing() {
        let input = tone(44_100, 440.0, 10_000);
        assert_eq!(resampled(44_100, 48_000, &input, 1), resampled(44_100, 48_000, &input, 10_000));
    }
}
