//! Measures how long decisions take, in real time.

use std::time::Instant;

use hdrhistogram::Histogram;

use super::record::DecisionTimes;

/// Decimal digits of precision.
const DIGITS: u8 = 3;

/// Times of one kind of decision.
pub(super) struct Stopwatch {
    kind: &'static str,
    ns: Histogram<u64>,
}

impl Stopwatch {
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, ns: Histogram::new(DIGITS).expect("3 is a valid number of digits") }
    }

    /// Runs `decide` and records its duration.
    pub(super) fn time<T>(&mut self, decide: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let decided = decide();
        let ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.ns.record(ns).expect("it grows to hold any time");
        decided
    }

    pub(super) fn times(self) -> DecisionTimes {
        let us = |ns: f64| ns / 1_000.0;
        let at = |share: f64| us(self.ns.value_at_quantile(share) as f64);
        DecisionTimes {
            kind: self.kind.into(),
            count: self.ns.len(),
            mean_us: us(self.ns.mean()),
            p50_us: at(0.5),
            p99_us: at(0.99),
        }
    }
}
