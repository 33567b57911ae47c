//! A bound on bytes, or on segments, per second that allows bursts: a bucket that refills at the rate and holds four seconds of it.
//!
//! Elements of a few bytes cost more than their bytes, so what is read counts too: a stream of ordinary media is charged
//! under a hundredth more than its bytes, one of the smallest elements some ten times them.

use std::time::Duration;

/// How many seconds of the rate may come at once.
const BURST_S: u64 = 4;

/// Bytes that one step of reading counts as.
const STEP_BYTES: u64 = 64;

#[derive(Debug)]
pub(super) struct Rate {
    bytes_per_s: u64,
    left_bytes: u64,
    /// What was read beyond what was left; paid off before anything more is allowed.
    owed_bytes: u64,
    refilled_ms: u64,
}

impl Rate {
    pub(super) fn new(bytes_per_s: u64, now_ms: u64) -> Self {
        let left_bytes = bytes_per_s.saturating_mul(BURST_S);
        Self { bytes_per_s, left_bytes, owed_bytes: 0, refilled_ms: now_ms }
    }

    /// Whether `bytes` may come now; they count only if so.
    ///
    /// # Errors
    /// After how long they may.
    pub(super) fn allow(&mut self, bytes: usize, now_ms: u64) -> Result<(), Duration> {
        let elapsed_ms = now_ms.saturating_sub(self.refilled_ms);
        let refill = self.bytes_per_s.saturating_mul(elapsed_ms) / 1000;
        if refill > 0 {
            let most = self.bytes_per_s.saturating_mul(BURST_S);
            self.left_bytes =
                self.left_bytes.saturating_add(refill.saturating_sub(self.owed_bytes)).min(most);
            self.owed_bytes = self.owed_bytes.saturating_sub(refill);
            self.refilled_ms = now_ms;
        }
        let bytes = bytes as u64;
        match self.left_bytes.checked_sub(bytes).filter(|_| self.owed_bytes == 0) {
            Some(left) => {
                self.left_bytes = left;
                Ok(())
            }
            None => Err(self.wait(bytes)),
        }
    }

    /// How long it takes until `bytes` may come, if ever.
    fn wait(&self, bytes: u64) -> Duration {
        let missing = bytes.saturating_sub(self.left_bytes).saturating_add(self.owed_bytes);
        Duration::from_millis(missing.saturating_mul(1000) / self.bytes_per_s.max(1))
    }

    /// Counts what reading the bytes that were allowed took.
    pub(super) fn charge(&mut self, steps: u64) {
        let cost = steps.saturating_mul(STEP_BYTES);
        let paid = cost.min(self.left_bytes);
        let most = self.bytes_per_s.saturating_mul(BURST_S);
        self.left_bytes -= paid;
        self.owed_bytes = self.owed_bytes.saturating_add(cost - paid).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_paid_off_first() {
        let mut rate = Rate::new(1000, 0);
        assert!(rate.allow(3000, 0).is_ok());
        rate.charge(3000 / STEP_BYTES);
        assert!(rate.allow(0, 1000).is_err(), "two seconds are owed");
        assert!(rate.allow(1100, 3000).is_err());
        assert!(rate.allow(900, 3000).is_ok());
        rate.charge(u64::MAX);
        assert!(rate.allow(1000, 8000).is_ok(), "no more than a burst is ever owed");
    }

    #[test]
    fn a_refusal_says_when_there_is_room_again() {
        let mut rate = Rate::new(1000, 0);
        assert_eq!(rate.allow(4000, 0), Ok(()));
        assert_eq!(rate.allow(1500, 0), Err(Duration::from_millis(1500)));
        assert_eq!(rate.allow(1500, 1500), Ok(()));
        rate.charge(2000 / STEP_BYTES);
        let wait = rate.allow(500, 1500).unwrap_err();
        assert!(rate.allow(500, 1500 + u64::try_from(wait.as_millis()).unwrap() + 1).is_ok(), "{wait:?}");
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut rate = Rate::new(1000, 0);
        assert!(rate.allow(4000, 0).is_ok());
        assert!(rate.allow(1, 0).is_err());
        assert!(rate.allow(500, 500).is_ok());
        assert!(rate.allow(1, 500).is_err());
        assert!(rate.allow(5000, 1_000_000).is_err(), "never more than a burst at once");
        assert!(rate.allow(4000, 1_000_000).is_ok());
    }
}
