//! How long to wait between failed attempts: longer each time, never the same for two callers.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Waits double with each failed attempt, from `first` to at most `last`, with up to half of it taken off, so that
/// nodes that failed together do not come back together. `attempt` counts from 0.
pub fn retry_after(attempt: usize, first: Duration, last: Duration) -> Duration {
    let doublings = u32::try_from(attempt).unwrap_or(u32::MAX).min(10);
    first.saturating_mul(1 << doublings).min(last).mul_f64(1.0 - jitter() / 2.0)
}

/// A number from 0 to 1 that differs from call to call; no secret depends on it.
fn jitter() -> f64 {
    // A random state is seeded by the system, and no two are alike.
    (RandomState::new().hash_one(0) % 1000) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_grow_to_a_bound() {
        let (first, last) = (Duration::from_millis(200), Duration::from_secs(2));
        assert!(retry_after(0, first, last) <= first);
        for attempt in [5, 10, usize::MAX] {
            let wait = retry_after(attempt, first, last);
            assert!(wait >= last / 2 && wait <= last, "{attempt}: {wait:?}");
        }
    }
}
