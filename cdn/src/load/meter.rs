//! Reads the node's load once a second.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{limit::EgressLimit, processors::Processors};
use crate::{clock::Clock, lock::lock, metrics::Metrics};

/// Time between two readings.
const INTERVAL: Duration = Duration::from_secs(1);
/// Readings in a row over which processors have to be busy to count as busy: joins come in bursts, each of which may take
/// all there is for a moment, and are over as soon.
const SUSTAINED: usize = 5;

/// What the meter read last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Counts the readings.
    pub(crate) number: u64,
    pub(crate) ingress_bytes_per_s: u64,
    pub(crate) egress_bytes_per_s: u64,
    /// Configured, or learned; none while neither.
    pub(crate) egress_limit_bytes_per_s: Option<u64>,
    /// Share of the processors the process may use that it does use, per mille: the least of the last five seconds, so a
    /// burst counts for nothing. Where several nodes share a process, as in `undead up`, each of them says this of the whole
    /// process: they do share the processors.
    pub(crate) cpu_permille: u16,
}

/// Reads the node's load.
pub(crate) struct Meter {
    metrics: Arc<Metrics>,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    processors: Processors,
    limit: EgressLimit,
    totals: Totals,
    /// The newest shares of the processors, at most [`SUSTAINED`].
    cpu_permille: VecDeque<u16>,
    reading: Reading,
}

/// What the rates are made of.
#[derive(Clone, Copy)]
struct Totals {
    /// Node time.
    at_us: i64,
    ingress_bytes: u64,
    egress_bytes: u64,
    cpu: Duration,
}

impl Meter {
    /// A meter of a node that may send `egress_bytes_per_s`, if that is configured.
    pub(crate) fn new(metrics: Arc<Metrics>, egress_bytes_per_s: Option<u64>, clock: Clock) -> Self {
        let processors = Processors::detect();
        let totals = Totals::now(&metrics, &processors, &clock);
        let limit = EgressLimit::new(egress_bytes_per_s);
        let reading = Reading { egress_limit_bytes_per_s: limit.bytes_per_s(), ..Reading::default() };
        Self {
            metrics,
            clock,
            state: Mutex::new(State { processors, limit, totals, cpu_permille: VecDeque::new(), reading }),
        }
    }

    /// What was read last.
    pub(crate) fn reading(&self) -> Reading {
        lock(&self.state).reading
    }

    /// Reads every second, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.clock.tick(INTERVAL).await;
            self.sample();
        }
    }

    fn sample(&self) {
        let mut state = lock(&self.state);
        let totals = Totals::now(&self.metrics, &state.processors, &self.clock);
        let before = std::mem::replace(&mut state.totals, totals);
        let egress_bytes_per_s = totals.rate(&before, |totals| totals.egress_bytes);
        let cpu_permille = totals.cpu_permille(&before, state.processors.count());
        state.limit.learn(egress_bytes_per_s, cpu_permille);
        state.reading = Reading {
            number: state.reading.number + 1,
            ingress_bytes_per_s: totals.rate(&before, |totals| totals.ingress_bytes),
            egress_bytes_per_s,
            egress_limit_bytes_per_s: state.limit.bytes_per_s(),
            cpu_permille: sustained(&mut state.cpu_permille, cpu_permille),
        };
    }
}

/// Adds `newest`. Gives what was used throughout; nothing while there are too few readings to say.
fn sustained(readings: &mut VecDeque<u16>, newest: u16) -> u16 {
    readings.push_back(newest);
    if readings.len() > SUSTAINED {
        readings.pop_front();
    }
    let least = readings.iter().copied().min().unwrap_or(0);
    if readings.len() < SUSTAINED { 0 } else { least }
}

impl Totals {
    fn now(metrics: &Metrics, processors: &Processors, clock: &Clock) -> Self {
        Self {
            at_us: clock.elapsed_us(),
            ingress_bytes: metrics.ingress_bytes.get(),
            egress_bytes: metrics.egress_bytes.get(),
            cpu: processors.used(),
        }
    }

    fn seconds_since(&self, before: &Self) -> f64 {
        (self.at_us.saturating_sub(before.at_us) as f64 / 1e6).max(0.001)
    }

    /// Bytes per second since `before`.
    fn rate(&self, before: &Self, bytes: impl Fn(&Self) -> u64) -> u64 {
        let seconds = self.seconds_since(before);
        (bytes(self).saturating_sub(bytes(before)) as f64 / seconds) as u64
    }

    fn cpu_permille(&self, before: &Self, processors: f64) -> u16 {
        let available_s = self.seconds_since(before) * processors;
        (self.cpu.saturating_sub(before.cpu).as_secs_f64() / available_s * 1000.0).clamp(0.0, 1000.0) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_and_shares_of_the_processors_allowed() {
        let before =
            Totals { at_us: 0, ingress_bytes: 0, egress_bytes: 1000, cpu: Duration::from_millis(100) };
        let after = Totals {
            at_us: 2_000_000,
            ingress_bytes: 500,
            egress_bytes: 5000,
            cpu: Duration::from_millis(600),
        };
        assert_eq!(after.rate(&before, |totals| totals.ingress_bytes), 250);
        assert_eq!(after.rate(&before, |totals| totals.egress_bytes), 2000);
        assert_eq!(after.cpu_permille(&before, 0.5), 500);
        assert_eq!(after.cpu_permille(&before, 0.1), 1000, "never more than all of it");
    }

    #[test]
    fn processors_are_busy_only_when_they_stay_so() {
        let mut readings = VecDeque::new();
        let seen = [1000, 900, 950, 1000, 980, 990, 100, 1000].map(|newest| sustained(&mut readings, newest));
        assert_eq!(seen, [0, 0, 0, 0, 900, 900, 100, 100]);
    }

    #[test]
    fn readings_are_counted_and_know_the_configured_limit_from_the_start() {
        let meter = Meter::new(Arc::default(), Some(7), Clock::start());
        assert_eq!(meter.reading().egress_limit_bytes_per_s, Some(7));
        meter.sample();
        assert_eq!(meter.reading().number, 1);
    }
}
