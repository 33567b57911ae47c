//! How many bytes a second the node can send: as configured, or else estimated from its use of processors.
//!
//! Sending costs processor time in proportion to bytes, nearly. So while the node sends enough to tell, what it would
//! send with [`FULL_PERMILLE`] of its processors is `egress × FULL_PERMILLE / share`. Each reading moves the estimate by
//! one [`SMOOTHING`]th, so that one odd second does not count for much. The work that does not grow with viewers
//! (repackaging, and in `undead up` everything else in the process) makes the estimate too low at first; it grows as load
//! does. Below [`LEAST_PERMILLE`] or [`LEAST_BYTES_PER_S`] nothing is learned and what was learned stays.

/// The share of the processors that may be used: a node that uses all of them delays every client.
const FULL_PERMILLE: u64 = 850;
/// Smallest share from which to extrapolate. With less, what does not grow with viewers (joins, repackaging) would weigh too much.
const LEAST_PERMILLE: u16 = 400;
/// Smallest egress from which to extrapolate.
const LEAST_BYTES_PER_S: u64 = 1 << 20;
/// How many readings it takes to move most of the way.
const SMOOTHING: i128 = 16;

pub(super) struct EgressLimit {
    configured: Option<u64>,
    learned: Option<u64>,
}

impl EgressLimit {
    pub(super) fn new(configured: Option<u64>) -> Self {
        Self { configured, learned: None }
    }

    pub(super) fn bytes_per_s(&self) -> Option<u64> {
        self.configured.or(self.learned)
    }

    pub(super) fn learn(&mut self, egress_bytes_per_s: u64, cpu_permille: u16) {
        if cpu_permille < LEAST_PERMILLE || egress_bytes_per_s < LEAST_BYTES_PER_S {
            return;
        }
        let whole = egress_bytes_per_s.saturating_mul(FULL_PERMILLE) / u64::from(cpu_permille);
        self.learned = Some(match self.learned {
            None => whole,
            Some(before) => {
                let step = (i128::from(whole) - i128::from(before)) / SMOOTHING;
                u64::try_from(i128::from(before) + step).unwrap_or(whole)
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn half_the_processor_means_room_for_nearly_twice_as_much() {
        let mut limit = EgressLimit::new(None);
        limit.learn(100 * MB, 500);
        assert_eq!(limit.bytes_per_s(), Some(170 * MB));
    }

    #[test]
    fn idle_node_learns_nothing_and_forgets_nothing() {
        let mut limit = EgressLimit::new(None);
        limit.learn(100 * MB, LEAST_PERMILLE - 1);
        limit.learn(1000, 900);
        assert_eq!(limit.bytes_per_s(), None);
        limit.learn(100 * MB, 850);
        limit.learn(0, 0);
        assert_eq!(limit.bytes_per_s(), Some(100 * MB));
    }

    #[test]
    fn one_odd_second_counts_for_little_and_many_for_all() {
        let mut limit = EgressLimit::new(None);
        limit.learn(100 * MB, 850);
        limit.learn(200 * MB, 850);
        assert_eq!(limit.bytes_per_s(), Some(106_250_000));
        (0..200).for_each(|_| limit.learn(200 * MB, 850));
        assert!(limit.bytes_per_s().unwrap() > 199 * MB);
    }

    #[test]
    fn what_the_operator_says_counts() {
        let mut limit = EgressLimit::new(Some(5 * MB));
        limit.learn(100 * MB, 500);
        assert_eq!(limit.bytes_per_s(), Some(5 * MB));
    }
}
