//! How long to wait before another node is started, after one ended that should not have.

use std::time::{Duration, Instant};

/// Waits double from the first to the second.
const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(30);
/// A node that served for so long was well: what happened before it counts no more.
const WELL: Duration = Duration::from_secs(60);

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Patience {
    failures: u32,
    until: Option<Instant>,
}

impl Patience {
    /// A node ended unasked after it had served for `served`, or could not be started. Gives how long to wait now;
    /// `jitter`, from 0 to 1, takes up to half of it off.
    pub(crate) fn failed(&mut self, served: Duration, jitter: f64, now: Instant) -> Duration {
        if served >= WELL {
            self.failures = 0;
        }
        let longest = FIRST.saturating_mul(1 << self.failures.min(10)).min(LAST);
        let wait = longest.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + wait);
        wait
    }

    /// Whether a node may be started.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_bound_and_begin_anew_after_a_node_was_well() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        let brief = Duration::from_secs(1);
        let waits: Vec<_> = (0..3).map(|_| patience.failed(brief, 0.0, now).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000]);
        for _ in 0..1000 {
            patience.failed(brief, 0.0, now);
        }
        assert_eq!(patience.failed(brief, 0.0, now), LAST);
        assert_eq!(patience.failed(brief, 1.0, now), LAST / 2);
        assert_eq!(patience.failed(WELL, 0.0, now), FIRST);
    }

    #[test]
    fn nothing_starts_before_the_wait_is_over() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        assert!(patience.is_over(now));
        let wait = patience.failed(Duration::ZERO, 0.5, now);
        assert!(!patience.is_over(now));
        assert!(patience.is_over(now + wait));
    }
}
