//! Keeps the node's clock on the main server's, by the times in its answers to registrations and heartbeats.
//!
//! ```text
//!   node     asked ──────────────────── answered        the server's time lies between the two: half the round trip
//!   server            server_time_ms                     is how wrong the middle can be
//! ```
//!
//! Of the newest answers the one with the least round trip is believed. A small error is corrected slowly, so that
//! latencies stay right while it is; a large one at once. Two honest answers differ by no more than what both can be
//! wrong by: if they do, a clock was set or the server is another one, and the older answers are forgotten.

use std::{
    collections::VecDeque,
    sync::{Mutex, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

use super::node_clock::{Clock, Now, system_us};
use crate::lock::lock;

/// Number of answers to compare; one arrives each second.
const KEPT: usize = 32;
/// How far two clocks may drift apart while an answer is kept.
const DRIFT_US: i64 = 20_000;
/// A larger error is corrected at once.
const STEP_US: i64 = 50_000;
/// So is every error while the node is new: its first answers have the longest round trips.
const SETTLING: u32 = 8;
/// Fastest slow correction, in microseconds per second: too little to be seen in a latency.
const SLEW_US_PER_S: i64 = 500;
/// The system's clock is reported when it is off by so much, and again when that changes by so much.
const REPORT_US: i64 = 500_000;

/// The Unix time at the node's start, by one answer.
#[derive(Clone, Copy, Debug)]
struct Sample {
    epoch_us: i64,
    /// How wrong that can be.
    uncertainty_us: i64,
}

/// The newest answers.
#[derive(Debug, Default)]
struct Estimate {
    samples: VecDeque<Sample>,
    /// Answers so far, up to [`SETTLING`].
    seen: u32,
    last_us: i64,
}

impl Estimate {
    /// The epoch that the clock should have now; `epoch_us` is the one it has, `at_us` the time since its start.
    fn add(&mut self, sample: Sample, at_us: i64, epoch_us: i64) -> i64 {
        let contradicts = |best: &Sample| {
            let apart_us = (sample.epoch_us - best.epoch_us).abs();
            apart_us > sample.uncertainty_us + best.uncertainty_us + DRIFT_US
        };
        if self.best().as_ref().is_some_and(contradicts) {
            self.samples.clear();
        }
        self.samples.push_back(sample);
        if self.samples.len() > KEPT {
            self.samples.pop_front();
        }
        let most_us = (at_us - self.last_us).max(0) / 1_000 * SLEW_US_PER_S / 1_000;
        self.last_us = at_us;
        let is_new = self.seen < SETTLING;
        self.seen = (self.seen + 1).min(SETTLING);
        let best = self.best().unwrap_or(sample);
        let error_us = best.epoch_us - epoch_us;
        match error_us.abs() {
            error if error <= best.uncertainty_us => epoch_us,
            error if error > STEP_US || is_new => best.epoch_us,
            _ => epoch_us + error_us.clamp(-most_us, most_us),
        }
    }

    fn best(&self) -> Option<Sample> {
        self.samples.iter().copied().min_by_key(|sample| sample.uncertainty_us)
    }
}

/// See the [module](self).
pub(crate) struct ClockSync {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    main_server: String,
    estimate: Estimate,
    report: Report,
}

impl ClockSync {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// A reading of the node's clock.
    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// As [`Clock::last_tick`].
    pub(crate) fn last_tick(&self, period: Duration, within: Duration) -> Instant {
        self.clock.last_tick(period, within)
    }

    /// The moment at which a main server is asked, for [`Self::learn`].
    pub(crate) fn asked_us(&self) -> i64 {
        self.clock.elapsed_us()
    }

    /// How far the machine's clock is ahead of the main server's; none before its first answer with a time.
    pub(crate) fn machine_offset_ms(&self) -> Option<i64> {
        lock(&self.state).estimate.best()?;
        let own_us = self.clock.epoch_us.load(Relaxed).saturating_add(self.clock.elapsed_us());
        Some(system_us().saturating_sub(own_us) / 1_000)
    }

    /// Corrects the clock by an answer that just arrived; older main servers send no time.
    pub(crate) fn learn(&self, main_server: &str, asked_us: i64, server_time_ms: Option<u64>) {
        let Some(server_us) = server_time_ms.and_then(|ms| i64::try_from(ms).ok()?.checked_mul(1_000)) else {
            return;
        };
        let at_us = self.clock.elapsed_us();
        let half_us = (at_us - asked_us) / 2;
        // The server's time is cut to whole milliseconds: half of one is added, and may be wrong.
        let epoch_us = server_us.saturating_add(500).saturating_sub(asked_us + half_us);
        let sample = Sample { epoch_us, uncertainty_us: half_us + 500 };
        let mut state = lock(&self.state);
        if state.main_server != main_server {
            main_server.clone_into(&mut state.main_server);
            state.estimate.samples.clear();
        }
        let epoch_us = state.estimate.add(sample, at_us, self.clock.epoch_us.load(Relaxed));
        self.clock.epoch_us.store(epoch_us, Relaxed);
        let ahead_us = system_us().saturating_sub(epoch_us.saturating_add(at_us));
        match state.report.update(ahead_us) {
            Some(Line::Differs) => tracing::warn!(
                ahead_ms = ahead_us / 1_000,
                "this machine's clock is {:.1} s {} that of the main server at {main_server}: the node uses the main server's",
                ahead_us.unsigned_abs() as f64 / 1e6,
                if ahead_us > 0 { "ahead of" } else { "behind" },
            ),
            Some(Line::Agrees) => {
                tracing::info!(
                    "this machine's clock agrees with that of the main server at {main_server} again"
                );
            }
            None => {}
        }
    }
}

/// What to log about the system's clock.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Differs,
    Agrees,
}

/// What was logged last: one line for each change.
#[derive(Debug, Default)]
struct Report {
    told_us: Option<i64>,
}

impl Report {
    /// The system's clock is ahead by `ahead_us`: whether that is worth a line.
    fn update(&mut self, ahead_us: i64) -> Option<Line> {
        let known_us = self.told_us.unwrap_or(0);
        if ahead_us.saturating_sub(known_us).saturating_abs() < REPORT_US {
            return None;
        }
        let differs = ahead_us.saturating_abs() >= REPORT_US;
        self.told_us = differs.then_some(ahead_us);
        Some(if differs { Line::Differs } else { Line::Agrees })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;

    /// A node whose clock is at `epoch_us` and which asks a server once a second.
    struct Asking {
        estimate: Estimate,
        epoch_us: i64,
        at_us: i64,
    }

    impl Asking {
        fn new() -> Self {
            Self { estimate: Estimate::default(), epoch_us: 0, at_us: 0 }
        }

        /// The server's clock was at `true_us` when the node started; the round trip takes `trip_us`, of which
        /// `there_us` is the way there.
        fn ask(&mut self, true_us: i64, trip_us: i64, there_us: i64) -> i64 {
            self.at_us += SECOND_US;
            let epoch_us = true_us + there_us - trip_us / 2;
            let sample = Sample { epoch_us, uncertainty_us: trip_us / 2 };
            self.epoch_us = self.estimate.add(sample, self.at_us, self.epoch_us);
            self.epoch_us
        }
    }

    #[test]
    fn the_first_answer_corrects_a_clock_at_once() {
        for wrong_us in [5 * SECOND_US, -1200 * SECOND_US, 300_000] {
            assert_eq!(Asking::new().ask(wrong_us, 2_000, 1_000), wrong_us);
        }
    }

    #[test]
    fn the_answer_with_the_least_round_trip_is_believed() {
        let mut asking = Asking::new();
        asking.ask(5 * SECOND_US, 400_000, 390_000);
        assert_eq!(asking.ask(5 * SECOND_US, 2_000, 1_000), 5 * SECOND_US);
        for _ in 0..10 {
            assert_eq!(asking.ask(5 * SECOND_US, 900_000, 890_000), 5 * SECOND_US);
        }
    }

    #[test]
    fn drift_is_followed_more_slowly_than_a_latency_shows() {
        let mut asking = Asking::new();
        for second in 0..600 {
            let (before, drifted) = (asking.epoch_us, second * 100);
            let now = asking.ask(drifted, 2_000, 1_000);
            assert!((now - before).abs() <= SLEW_US_PER_S, "{second}: {before} to {now}");
            assert!((now - drifted).abs() < 6_000, "{second}: {now} is not {drifted}");
        }
    }

    #[test]
    fn a_clock_that_is_set_is_followed_at_once_and_what_was_known_before_is_forgotten() {
        let mut asking = Asking::new();
        for _ in 0..60 {
            asking.ask(0, 2_000, 1_000);
        }
        for _ in 0..3 {
            assert_eq!(asking.ask(3600 * SECOND_US, 8_000, 4_000), 3600 * SECOND_US);
        }
        assert_eq!(asking.ask(-SECOND_US, 20_000, 10_000), -SECOND_US);
    }

    #[test]
    fn an_answer_that_took_long_changes_nothing_that_is_known_better() {
        let mut asking = Asking::new();
        asking.ask(0, 2_000, 1_000);
        assert_eq!(asking.ask(0, 10 * SECOND_US, 0), 0);
        assert_eq!(asking.ask(0, 10 * SECOND_US, 10 * SECOND_US), 0);
    }

    #[test]
    fn a_clock_follows_the_server_and_not_the_system() {
        let clock = Clock::start();
        let sync = ClockSync::new(clock.clone());
        let server_ms = 1_700_000_000_000;
        sync.learn("http://main", sync.asked_us(), Some(server_ms));
        let now = clock.now();
        assert!(now.unix_ms.abs_diff(1_700_000_000_000) < 1_000, "{now:?}");
        sync.learn("http://main", sync.asked_us(), None);
        sync.learn("http://main", sync.asked_us(), Some(u64::MAX));
        assert!(
            clock.now().unix_ms.abs_diff(now.unix_ms) < 1_000,
            "an answer without a time changes nothing"
        );
        assert_eq!(clock.now().unix_s(), 1_700_000_000);
        let other = sync.asked_us();
        sync.learn("http://another", other, Some(server_ms + 60_000));
        assert!(
            clock.now().unix_ms.abs_diff(1_700_000_060_000) < 1_000,
            "the node goes by the server it is with"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn hours_without_an_answer_the_clock_goes_on_from_the_last_one() {
        let clock = Clock::start();
        let sync = ClockSync::new(clock.clone());
        assert_eq!(sync.machine_offset_ms(), None);
        let server_ms = 1_700_000_000_000;
        sync.learn("http://main", sync.asked_us(), Some(server_ms));
        assert!(sync.machine_offset_ms().unwrap() > 1_000_000_000, "the machine's clock is years ahead");
        tokio::time::advance(std::time::Duration::from_secs(30 * 3600)).await;
        assert_eq!(clock.now().unix_s(), server_ms / 1_000 + 30 * 3600);
    }

    #[test]
    fn one_line_is_logged_for_each_change_of_the_systems_clock() {
        let mut report = Report::default();
        let lines = [0, 400_000, 5_000_000, 5_200_000, 4_900_000, 1_200_000_000, 100_000, 0]
            .map(|ahead_us| report.update(ahead_us));
        let (differs, agrees) = (Some(Line::Differs), Some(Line::Agrees));
        assert_eq!(lines, [None, None, differs, None, None, Some(Line::Differs), agrees, None]);
    }
}
