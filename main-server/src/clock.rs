//! The time, read once per request or tick and handed down as a value, so that everything below is testable.
//!
//! The Unix time is that of the system's clock, made steady: when an operator or a time daemon sets that clock by some seconds,
//! this one follows so slowly that nothing shows it. Nodes go by it, and the latencies that viewers see with them.

use std::{
    ops::Add,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How much faster or slower than the system's clock this one may go to follow it. Nodes follow by 500 millionths.
const SLEW: f64 = 300e-6;
/// A clock that is off by more was wrong, or this machine was suspended: it is followed at once.
const STEP: Duration = Duration::from_secs(60);

/// The smallest difference that is logged.
const LOGGED_DIFFERENCE: Duration = Duration::from_millis(500);

/// One moment on two clocks: leases and deadlines count on the one that never jumps, what people and other
/// programs read is in Unix time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For deadlines.
    pub(crate) instant: Instant,
    /// Since the Unix epoch.
    pub(crate) unix: Duration,
}

impl Now {
    /// Reads both clocks. A system clock set before 1970 counts as 1970.
    pub(crate) fn read() -> Self {
        static CLOCK: Mutex<Option<SteadyClock>> = Mutex::new(None);
        let mut clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let instant = Instant::now();
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let clock = clock.get_or_insert(SteadyClock { instant, unix: system, differs: false });
        match clock.follow(instant, system) {
            Some(SystemClock::Stepped(by)) => {
                let by_s = by.as_secs();
                tracing::warn!(
                    by_s,
                    "the system's clock was set by {by_s} s, or this machine was suspended: this server follows it at once"
                );
            }
            Some(SystemClock::Differs(by)) => {
                let by_s = by.as_secs_f64();
                tracing::warn!(
                    by_s,
                    "the system's clock was set by {by_s:.1} s: this server follows it slowly, so that latencies stay right"
                );
            }
            None => {}
        }
        Self { instant, unix: clock.unix }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn unix_ms(&self) -> u64 {
        u64::try_from(self.unix.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Add<Duration> for Now {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self { instant: self.instant + later, unix: self.unix + later }
    }
}

/// What the system's clock did.
#[derive(Debug, PartialEq, Eq)]
enum SystemClock {
    /// It was set by so much, and is followed at once.
    Stepped(Duration),
    /// It was set by so much, and is followed slowly.
    Differs(Duration),
}

/// A clock that follows the system's without its steps. Holds its last reading.
#[derive(Debug)]
struct SteadyClock {
    instant: Instant,
    unix: Duration,
    /// Whether the difference of the system's clock was logged.
    differs: bool,
}

impl SteadyClock {
    /// Goes on to `instant`, at which the system's clock shows `system`.
    fn follow(&mut self, instant: Instant, system: Duration) -> Option<SystemClock> {
        let elapsed = instant.saturating_duration_since(self.instant);
        let steady = self.unix + elapsed;
        let apart = system.abs_diff(steady);
        self.instant = instant;
        if apart > STEP {
            (self.unix, self.differs) = (system, false);
            return Some(SystemClock::Stepped(apart));
        }
        let correction = apart.min(elapsed.mul_f64(SLEW));
        self.unix = if system > steady { steady + correction } else { steady.saturating_sub(correction) };
        let differs = apart >= if self.differs { LOGGED_DIFFERENCE / 2 } else { LOGGED_DIFFERENCE };
        let was_told = std::mem::replace(&mut self.differs, differs);
        (differs && !was_told).then_some(SystemClock::Differs(apart))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_700_000_000);

    /// What the clock shows each second for so long when the system's is `ahead_s` seconds ahead all the time.
    fn readings(ahead_s: i64, seconds: u64) -> Vec<Duration> {
        let begun = Instant::now();
        let mut clock = SteadyClock { instant: begun, unix: START, differs: false };
        let each = |second| {
            let real = START + Duration::from_secs(second);
            let system = Duration::from_secs(real.as_secs().checked_add_signed(ahead_s).unwrap());
            clock.follow(begun + Duration::from_secs(second), system);
            clock.unix
        };
        (1..=seconds).map(each).collect()
    }

    #[test]
    fn a_clock_that_is_set_by_some_seconds_is_followed_so_slowly_that_no_latency_shows_it() {
        for ahead_s in [5, -5, 59] {
            let mut before = START;
            for now in readings(ahead_s, 600) {
                assert!((now - before).abs_diff(Duration::from_secs(1)) <= Duration::from_micros(300));
                before = now;
            }
            let right = START + Duration::from_secs(600);
            assert_eq!(before > right, ahead_s > 0, "{ahead_s}");
        }
    }

    #[test]
    fn it_gets_there_in_the_end_and_stays() {
        let last = *readings(5, 24 * 3600).last().unwrap();
        assert_eq!(last, START + Duration::from_secs(24 * 3600 + 5));
    }

    #[test]
    fn a_clock_that_was_wrong_by_minutes_is_followed_at_once() {
        for ahead_s in [3600, -3600, 61] {
            let system = START.as_secs().checked_add_signed(ahead_s).unwrap() + 1;
            assert_eq!(readings(ahead_s, 1), [Duration::from_secs(system)]);
        }
    }

    #[test]
    fn each_change_of_the_systems_clock_is_told_once() {
        let begun = Instant::now();
        let mut clock = SteadyClock { instant: begun, unix: START, differs: false };
        let mut told = Vec::new();
        for (second, ahead_ms) in
            [0, 400, 5_000, 5_000, 5_000, 0, 0, 5_000, 7_200_000, 7_200_000].iter().enumerate()
        {
            let now = Duration::from_secs(second as u64);
            told.push(clock.follow(begun + now, START + now + Duration::from_millis(*ahead_ms)));
        }
        let told: Vec<_> = told
            .iter()
            .map(|change| match change {
                None => 0,
                Some(SystemClock::Differs(_)) => 1,
                Some(SystemClock::Stepped(_)) => 2,
            })
            .collect();
        assert_eq!(told, [0, 0, 1, 0, 0, 0, 0, 1, 2, 0]);
    }
}
