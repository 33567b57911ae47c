//! Median, 99th percentile and maximum of some values.

/// The percentiles of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The maximum.
    pub max: f64,
}

impl Percentiles {
    /// The percentiles of `values`, by the nearest-rank method; `None` if there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let rank = |share: f64| ((values.len() as f64 * share).ceil() as usize).max(1) - 1;
        let max = *values.last()?;
        Some(Self { p50: values[rank(0.5)], p99: values[rank(0.99)], max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(Percentiles::of(values), Some(Percentiles { p50: 100.0, p99: 198.0, max: 200.0 }));
        assert_eq!(Percentiles::of(vec![3.0]), Some(Percentiles { p50: 3.0, p99: 3.0, max: 3.0 }));
        assert_eq!(Percentiles::of(vec![]), None);
    }
}
