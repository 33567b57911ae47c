//! Times of millions of deliveries in little room: counts by time, 1.6 % apart at most.
//!
//! Each power of two of microseconds is cut into 64 equal parts, so a percentile is never further off than one part,
//! however long the tail, and histograms of several trials add up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::summary::Percentiles;

/// Parts of a power of two, as a power of two.
const PART_BITS: u32 = 6;

/// Counts by time. Serialised as pairs of a time in microseconds and a count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Histogram(BTreeMap<u64, u64>);

impl Histogram {
    /// Counts one time of `us` microseconds.
    pub fn add(&mut self, us: u64) {
        *self.0.entry(rounded(us)).or_default() += 1;
    }

    /// Counts everything that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (us, count) in &other.0 {
            *self.0.entry(*us).or_default() += count;
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Middle, tail and end in milliseconds; `None` if nothing was counted.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let (last, _) = self.0.last_key_value()?;
        let ms = |us: u64| us as f64 / 1000.0;
        Some(Percentiles { p50: ms(self.rank(0.5)), p99: ms(self.rank(0.99)), max: ms(*last) })
    }

    /// The time that `share` of all are not above.
    fn rank(&self, share: f64) -> u64 {
        let wanted = (self.0.values().sum::<u64>() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = |(us, count): (&u64, &u64)| {
            seen += count;
            (seen >= wanted).then_some(*us)
        };
        self.0.iter().find_map(reached).unwrap_or(0)
    }
}

/// The start of the part that `us` is in.
fn rounded(us: u64) -> u64 {
    let dropped = (u64::BITS - us.leading_zeros()).saturating_sub(PART_BITS + 1);
    us >> dropped << dropped
}

impl From<Vec<(u64, u64)>> for Histogram {
    fn from(counts: Vec<(u64, u64)>) -> Self {
        Self(counts.into_iter().collect())
    }
}

impl From<Histogram> for Vec<(u64, u64)> {
    fn from(histogram: Histogram) -> Self {
        histogram.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_to_one_part_in_64() {
        for us in [0, 1, 63, 127, 128, 1000, 123_456, u64::MAX] {
            assert!(rounded(us) <= us && us - rounded(us) <= us / 64, "{us}: {}", rounded(us));
        }
    }

    #[test]
    fn percentiles_are_those_of_all_trials_together() {
        let mut histogram = Histogram::default();
        (1..=98).for_each(|_| histogram.add(1000));
        let mut other = Histogram::default();
        other.add(64_000);
        other.add(128_000);
        histogram.merge(&other);
        let expected = Percentiles { p50: 1.0, p99: 64.0, max: 128.0 };
        assert_eq!(histogram.percentiles(), Some(expected));
        assert_eq!(Histogram::default().percentiles(), None);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut histogram = Histogram::default();
        histogram.add(5);
        histogram.add(5);
        let json = serde_json::to_string(&histogram).unwrap();
        assert_eq!(json, "[[5,2]]");
        assert_eq!(serde_json::from_str::<Histogram>(&json).unwrap(), histogram);
    }
}
