//! A bound on bytes per second that allows bursts: a bucket that refills at the rate and holds four seconds of it.

/// How many seconds of the rate may come at once.
const BURST_S: u64 = 4;

#[derive(Debug)]
pub(super) struct Rate {
    bytes_per_s: u64,
    left_bytes: u64,
    refilled_ms: u64,
}

impl Rate {
    pub(super) fn new(bytes_per_s: u64, now_ms: u64) -> Self {
        Self { bytes_per_s, left_bytes: bytes_per_s * BURST_S, refilled_ms: now_ms }
    }

    /// Whether `bytes` may come now; they count only if so.
    pub(super) fn allow(&mut self, bytes: usize, now_ms: u64) -> bool {
        let elapsed_ms = now_ms.saturating_sub(self.refilled_ms);
        let refill = self.bytes_per_s.saturating_mul(elapsed_ms) / 1000;
        if refill > 0 {
            self.left_bytes = self.left_bytes.saturating_add(refill).min(self.bytes_per_s * BURST_S);
            self.refilled_ms = now_ms;
        }
        let left = self.left_bytes.checked_sub(bytes as u64);
        self.left_bytes = left.unwrap_or(self.left_bytes);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut rate = Rate::new(1000, 0);
        assert!(rate.allow(4000, 0));
        assert!(!rate.allow(1, 0));
        assert!(rate.allow(500, 500));
        assert!(!rate.allow(1, 500));
        assert!(!rate.allow(5000, 1_000_000), "never more than a burst at once");
        assert!(rate.allow(4000, 1_000_000));
    }
}
