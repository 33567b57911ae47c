//! Stores the times of millions of deliveries compactly, as counts per time with a resolution below 1 %.

use serde::{Deserialize, Serialize};

use crate::percentiles::Percentiles;

/// Decimal digits of precision.
const DIGITS: u8 = 2;

/// Counts by time. Serialised as pairs of a time in microseconds and a count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Histogram(hdrhistogram::Histogram<u64>);

impl Default for Histogram {
    fn default() -> Self {
        Self(hdrhistogram::Histogram::new(DIGITS).expect("2 is a valid number of digits"))
    }
}

impl Histogram {
    /// Counts one time of `us` microseconds.
    pub fn add(&mut self, us: u64) {
        self.add_many(us, 1);
    }

    fn add_many(&mut self, us: u64, count: u64) {
        self.0.record_n(us, count).expect("it grows to hold any time");
    }

    /// Counts everything that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("it grows to hold any time");
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Median, 99th percentile and maximum in milliseconds; `None` if nothing was counted.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let ms = |us: u64| self.0.lowest_equivalent(us) as f64 / 1000.0;
        let at = |share: f64| ms(self.0.value_at_quantile(share));
        (!self.is_empty()).then(|| Percentiles { p50: at(0.5), p99: at(0.99), max: ms(self.0.max()) })
    }
}

impl From<Vec<(u64, u64)>> for Histogram {
    fn from(counts: Vec<(u64, u64)>) -> Self {
        let mut histogram = Self::default();
        counts.into_iter().for_each(|(us, count)| histogram.add_many(us, count));
        histogram
    }
}

impl From<Histogram> for Vec<(u64, u64)> {
    fn from(Histogram(counts): Histogram) -> Self {
        let pair = |step: hdrhistogram::iterators::IterationValue<u64>| {
            (counts.lowest_equivalent(step.value_iterated_to()), step.count_at_value())
        };
        counts.iter_recorded().map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_to_one_percent_and_all_are_kept() {
        for us in [0, 1, 63, 127, 128, 1000, 123_456, u64::MAX] {
            let mut histogram = Histogram::default();
            histogram.add(us);
            let [(kept, 1)] = Vec::from(histogram)[..] else { panic!("one time, once") };
            assert!(kept <= us && us - kept <= us / 100, "{us}: {kept}");
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
        let earlier = serde_json::from_str::<Histogram>("[[1008,3],[64000,1]]").unwrap();
        assert_eq!(Vec::from(earlier), [(1008, 3), (64_000, 1)], "as earlier versions wrote it");
    }
}
