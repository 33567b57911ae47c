//! How long the decisions took, in real time.

use std::time::Instant;

use super::record::DecisionTimes;

/// Times of one kind of decision.
pub(super) struct Stopwatch {
    kind: &'static str,
    ns: Vec<u32>,
}

impl Stopwatch {
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, ns: Vec::new() }
    }

    /// Does `decide` and remembers how long it took.
    pub(super) fn time<T>(&mut self, decide: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let decided = decide();
        self.ns.push(u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX));
        decided
    }

    pub(super) fn times(mut self) -> DecisionTimes {
        self.ns.sort_unstable();
        let us = |ns: f64| ns / 1_000.0;
        let at = |share: f64| {
            let place = (share * self.ns.len() as f64) as usize;
            us(self.ns.get(place.min(self.ns.len().saturating_sub(1))).copied().unwrap_or(0).into())
        };
        let sum: f64 = self.ns.iter().map(|&ns| f64::from(ns)).sum();
        DecisionTimes {
            kind: self.kind.into(),
            count: self.ns.len() as u64,
            mean_us: us(sum / self.ns.len().max(1) as f64),
            p50_us: at(0.5),
            p99_us: at(0.99),
        }
    }
}
