//! Admission control: a node that is full refuses new viewers at once, so that those it has do not suffer and the new one goes
//! on to the next node.
//!
//! A node is full when it has as many viewers as it may have, sends as many bytes as its operator allows, or has used as much
//! of its processors as it may for some seconds. Readings come once a second, and many viewers may come in between: each one
//! that came since the last reading is expected to send as much as each of those before. The *learned* limit of egress is for
//! placement alone; here the processors themselves are looked at.
//!
//! A viewer that resumes after a last chunk comes from a node that died or refused it. It is admitted up to an eighth above
//! the limits (the processors' excepted: a moment's overload is better than a lost viewer).

use std::sync::{Arc, Mutex};

use protocol::{ErrorCode, WireError};

use super::meter::{Meter, Reading};
use crate::{config::Limits, failure::RETRY_AFTER, lock::lock};

/// The part of a limit that is kept for viewers that resume: one over this.
const RESERVE: u64 = 8;
/// Fewest viewers from whose cost to infer that of the next.
const LEAST_VIEWERS: u32 = 16;

/// What a viewer that asks to be admitted did before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Newcomer {
    /// It begins to watch.
    New,
    /// It watched at another node until now.
    Resuming,
}

/// See the [module](self).
pub(crate) struct AdmissionControl {
    limits: Limits,
    meter: Arc<Meter>,
    arrivals: Mutex<Arrivals>,
}

/// The viewers that were admitted since a reading.
#[derive(Clone, Copy, Default)]
struct Arrivals {
    reading: u64,
    count: u32,
}

impl AdmissionControl {
    pub(crate) fn new(limits: Limits, meter: Arc<Meter>) -> Self {
        Self { limits, meter, arrivals: Mutex::default() }
    }

    /// The limits, with the reserve for viewers that resume counted in: what holds after [`AdmissionControl::check`].
    pub(crate) fn limits_with_reserve(&self) -> Limits {
        let viewers = with_reserve(self.limits.viewers.into()).try_into().unwrap_or(u32::MAX);
        // A node for fewer than ten has no tenth to spare, and its reserve is for any address.
        let share = match self.limits.viewers / 10 {
            0 => viewers,
            tenth => self.limits.viewers - tenth,
        };
        let per_address = self.limits.viewers_per_address.unwrap_or(share);
        Limits { viewers, viewers_per_address: Some(per_address), ..self.limits.clone() }
    }

    /// Admits one more viewer to a node that has `viewers`, and counts it.
    ///
    /// # Errors
    /// `no_capacity`.
    pub(crate) fn check(&self, newcomer: Newcomer, viewers: u32) -> Result<(), WireError> {
        let reading = self.meter.reading();
        let mut arrivals = lock(&self.arrivals);
        if arrivals.reading != reading.number {
            *arrivals = Arrivals { reading: reading.number, count: 0 };
        }
        let full = is_full(&self.limits, &reading, newcomer, viewers, arrivals.count);
        if full {
            let message = "this node is at its limit and accepts no more viewers now; try the next node";
            return Err(WireError::new(ErrorCode::NoCapacity, message).after(RETRY_AFTER));
        }
        arrivals.count = arrivals.count.saturating_add(1);
        Ok(())
    }
}

fn is_full(limits: &Limits, reading: &Reading, newcomer: Newcomer, viewers: u32, arrivals: u32) -> bool {
    let most = |limit: u64| if newcomer == Newcomer::Resuming { with_reserve(limit) } else { limit };
    let before = viewers.saturating_sub(arrivals);
    // The value of `now` once the viewers admitted since then cost as much as the others.
    let expected = |now: u64| match before >= LEAST_VIEWERS {
        true => now.saturating_mul(u64::from(viewers) + 1) / u64::from(before),
        false => now,
    };
    u64::from(viewers) >= most(limits.viewers.into())
        || limits.egress_bytes_per_s.is_some_and(|limit| expected(reading.egress_bytes_per_s) > most(limit))
        || (newcomer == Newcomer::New
            && limits.cpu_permille < 1000
            && reading.cpu_permille > limits.cpu_permille)
}

fn with_reserve(limit: u64) -> u64 {
    limit.saturating_add(limit.div_ceil(RESERVE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn limits() -> Limits {
        Limits { viewers: 100, egress_bytes_per_s: Some(1_000_000), cpu_permille: 900, ..Limits::default() }
    }

    fn full(reading: Reading, newcomer: Newcomer, viewers: u32, arrivals: u32) -> bool {
        is_full(&limits(), &reading, newcomer, viewers, arrivals)
    }

    #[test]
    fn limit_of_viewers_leaves_an_eighth_for_viewers_that_resume() {
        let idle = Reading::default();
        assert!(!full(idle, Newcomer::New, 99, 0) && full(idle, Newcomer::New, 100, 0));
        assert!(!full(idle, Newcomer::Resuming, 112, 0) && full(idle, Newcomer::Resuming, 113, 0));
    }

    #[test]
    fn past_its_egress_limit_a_node_admits_only_viewers_that_resume() {
        let busy = Reading { egress_bytes_per_s: 1_000_001, ..Reading::default() };
        assert!(full(busy, Newcomer::New, 1, 0) && !full(busy, Newcomer::Resuming, 1, 0));
        let drowned = Reading { egress_bytes_per_s: 1_200_000, ..Reading::default() };
        assert!(full(drowned, Newcomer::Resuming, 1, 0));
    }

    #[test]
    fn past_its_share_of_the_processors_a_node_admits_only_viewers_that_resume() {
        let busy = Reading { cpu_permille: 901, ..Reading::default() };
        assert!(full(busy, Newcomer::New, 1, 0) && !full(busy, Newcomer::Resuming, 1, 0));
        let never = Limits { cpu_permille: 1000, ..limits() };
        assert!(!is_full(&never, &Reading { cpu_permille: 1000, ..busy }, Newcomer::New, 50, 25));
    }

    #[test]
    fn viewers_between_two_readings_are_counted_in() {
        let half = Reading { egress_bytes_per_s: 500_000, cpu_permille: 100, ..Reading::default() };
        assert!(!full(half, Newcomer::New, 38, 18), "20 cost half of the limit, so there is room for 40");
        assert!(full(half, Newcomer::New, 40, 20));
    }

    #[test]
    fn a_reading_counts_anew() {
        let meter = Arc::new(Meter::new(Arc::default(), None, Clock::start()));
        let admission = AdmissionControl::new(Limits { viewers: 2, ..limits() }, meter.clone());
        assert!(admission.check(Newcomer::New, 0).is_ok() && admission.check(Newcomer::New, 1).is_ok());
        assert_eq!(admission.check(Newcomer::New, 2).unwrap_err().code, ErrorCode::NoCapacity);
        assert_eq!(admission.limits_with_reserve().viewers, 3);
    }
}
