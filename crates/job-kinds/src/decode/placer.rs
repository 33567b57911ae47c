//! Puts decoded samples at their place in the take, by the times of packets.
//!
//! The first packet, and one after a hole, begins at the sample that its time says. In between, samples follow one another without
//! regard to times, because containers round them.

use crate::Failed;

/// How far the time of a packet may differ from the end of the previous one, in µs, before it counts as a hole or an overlap. Containers
/// round times to milliseconds, and the clocks of recorders jitter.
const TOLERANCE_US: i64 = 50_000;

/// A piece of silence; longer silence is given in several pieces.
pub(super) static SILENCE: [f32; 8192] = [0.0; 8192];

/// See the [module](self).
pub(super) struct Placer {
    rate: i64,
    channels: usize,
    /// Added to the times of packets, so that the take starts at 0.
    shift_us: i64,
    /// Samples of the take. Later ones are left out.
    length: i64,
    /// The place of the next sample; `None` before the first packet. It is negative before the start of the take.
    position: Option<i64>,
}

/// Receives interleaved samples.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[f32]) -> Result<(), Failed>;

impl Placer {
    pub(super) fn new(rate: u32, channels: usize, shift_us: i64, length: u64) -> Self {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        Self { rate: rate.into(), channels, shift_us, length, position: None }
    }

    /// Gives the interleaved samples of a packet to `sink`, after silence if there is a hole before them. Samples outside of the take, and
    /// those that overlap earlier ones, are left out.
    pub(super) fn place(
        &mut self,
        time_us: Option<i64>,
        samples: &[f32],
        sink: Sink<'_>,
    ) -> Result<(), Failed> {
        if samples.is_empty() {
            return Ok(());
        }
        let told = time_us.map(|time_us| self.sample_at(time_us));
        let position = self.position.unwrap_or_else(|| told.unwrap_or(0).min(0));
        let tolerance = self.position.map_or(0, |_| self.rate * TOLERANCE_US / 1_000_000);
        let at = told.filter(|told| (told - position).abs() > tolerance).unwrap_or(position);
        self.silence(position.max(0), at, sink)?;
        let count = (samples.len() / self.channels) as i64;
        let row = (position.max(0) - at).clamp(0, count)..(self.length - at).clamp(0, count);
        self.position = Some(position.max(at + count));
        if row.is_empty() {
            return Ok(());
        }
        sink(&samples[row.start as usize * self.channels..row.end as usize * self.channels])
    }

    fn silence(&self, from: i64, to: i64, sink: Sink<'_>) -> Result<(), Failed> {
        let mut missing = to.min(self.length).saturating_sub(from).max(0) as usize * self.channels;
        while missing > 0 {
            let count = missing.min(SILENCE.len());
            sink(&SILENCE[..count])?;
            missing -= count;
        }
        Ok(())
    }

    /// The sample nearest to the time of a packet, clamped so that sums with it cannot overflow.
    fn sample_at(&self, time_us: i64) -> i64 {
        const MAX: i128 = 1 << 40;
        let time_us = i128::from(time_us) + i128::from(self.shift_us);
        let sample = (time_us * i128::from(self.rate) + 500_000).div_euclid(1_000_000);
        sample.clamp(-MAX, MAX) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places packets of `(time in ms, count of samples)`. All samples of the first packet are 1, those of the second 2, and so on.
    fn placed(shift_ms: i64, length: u64, packets: &[(Option<i64>, usize)]) -> Vec<f32> {
        let mut placer = Placer::new(1000, 1, shift_ms * 1000, length);
        let mut out = Vec::new();
        for (number, &(time_ms, count)) in packets.iter().enumerate() {
            let samples = vec![number as f32 + 1.0; count];
            let mut sink = |row: &[f32]| {
                out.extend_from_slice(row);
                Ok(())
            };
            placer.place(time_ms.map(|ms| ms * 1000), &samples, &mut sink).unwrap();
        }
        out
    }

    fn row(values: &[(f32, usize)]) -> Vec<f32> {
        values.iter().flat_map(|&(value, count)| vec![value; count]).collect()
    }

    #[test]
    fn packets_whose_times_are_rounded_follow_one_another() {
        let packets = [(Some(0), 20), (Some(21), 20), (Some(39), 20), (None, 20)];
        assert_eq!(placed(0, 80, &packets), row(&[(1.0, 20), (2.0, 20), (3.0, 20), (4.0, 20)]));
    }

    #[test]
    fn holes_become_silence_and_overlaps_are_left_out() {
        let packets = [(Some(0), 100), (Some(200), 100), (Some(240), 100), (Some(5_000), 100)];
        let wanted = row(&[(1.0, 100), (0.0, 100), (2.0, 100), (3.0, 40), (0.0, 60)]);
        assert_eq!(placed(0, 400, &packets), wanted);
    }

    #[test]
    fn the_first_packet_begins_at_the_sample_of_its_time() {
        assert_eq!(placed(0, 40, &[(Some(7), 20)]), row(&[(0.0, 7), (1.0, 20)]));
        assert_eq!(placed(-7, 40, &[(Some(0), 20), (Some(20), 20)]), row(&[(1.0, 13), (2.0, 20)]));
        assert_eq!(placed(-30, 9, &[(Some(0), 20), (Some(20), 20)]), row(&[(2.0, 9)]));
    }

    #[test]
    fn a_time_of_centuries_gives_no_more_silence_than_the_take_is_long() {
        assert_eq!(
            placed(0, 9, &[(Some(i64::MAX / 1000), 20), (Some(i64::MIN / 1000), 20)]),
            row(&[(0.0, 9)])
        );
    }
}
