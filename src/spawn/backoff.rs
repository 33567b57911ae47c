//! How long to wait before the next start after a node failed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Bounds of the wait, which doubles with each failure.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// A node that served for this long was well: the next failure counts as the first.
const HEALTHY: Duration = Duration::from_secs(60);

/// The failures so far.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// Notes that a node failed after it had served for `served`, or could not be started. Returns the wait. `jitter`
    /// (0 to 1) shortens it by up to half.
    pub(super) fn failed(&mut self, served: Duration, jitter: f64, now: Instant) -> Duration {
        if served >= HEALTHY {
            self.failures = 0;
        }
        let longest = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        let wait = longest.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + wait);
        wait
    }

    /// Whether a node may be started.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }
}

/// From 0 to 1: the clock's last digits, which differ enough between machines that start together.
pub(super) fn jitter() -> f64 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    f64::from(clock.subsec_micros() % 1000) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_bound_and_start_over_after_a_node_was_well() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        let brief = Duration::from_secs(1);
        let waits: Vec<_> = (0..3).map(|_| backoff.failed(brief, 0.0, now).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000]);
        for _ in 0..1000 {
            backoff.failed(brief, 0.0, now);
        }
        assert_eq!(backoff.failed(brief, 0.0, now), LONGEST);
        assert_eq!(backoff.failed(brief, 1.0, now), LONGEST / 2);
        assert_eq!(backoff.failed(HEALTHY, 0.0, now), FIRST);
    }

    #[test]
    fn nothing_starts_before_the_wait_is_over() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert!(backoff.is_over(now));
        let wait = backoff.failed(Duration::ZERO, 0.5, now);
        assert!(!backoff.is_over(now));
        assert!(backoff.is_over(now + wait));
    }
}
