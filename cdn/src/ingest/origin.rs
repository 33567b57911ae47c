//! When timestamp 0 of a take was captured, estimated from what the broadcaster says about each segment.
//!
//! A segment's capture time minus its newest timestamp is the origin plus the time the recorder sat on that frame, so
//! the smallest recent value is the best. Values older than one to two [`SPAN_MS`] are forgotten: the two clocks drift
//! apart, and one wrong value must not stay for good.

/// How long a value counts at least.
const SPAN_MS: u64 = 30_000;

#[derive(Debug, Default)]
pub(super) struct Origin {
    current: Option<Span>,
    previous_ms: Option<i64>,
}

#[derive(Debug)]
struct Span {
    began_ms: u64,
    least_ms: i64,
}

impl Origin {
    /// A frame with timestamp `pts_ms` was captured at `captured_at_ms`; it arrived at `now_ms`.
    pub(super) fn observe(&mut self, captured_at_ms: i64, pts_ms: u64, now_ms: u64) {
        let origin_ms = captured_at_ms.saturating_sub_unsigned(pts_ms);
        match &mut self.current {
            Some(span) if now_ms < span.began_ms + SPAN_MS => span.least_ms = span.least_ms.min(origin_ms),
            current => {
                self.previous_ms = current.take().map(|span| span.least_ms);
                self.current = Some(Span { began_ms: now_ms, least_ms: origin_ms });
            }
        }
    }

    /// The estimate, Unix epoch; none while nothing was observed.
    pub(super) fn estimate_ms(&self) -> Option<i64> {
        let current_ms = self.current.as_ref()?.least_ms;
        Some(self.previous_ms.map_or(current_ms, |previous_ms| previous_ms.min(current_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_delayed_segment_decides() {
        let mut origin = Origin::default();
        assert_eq!(origin.estimate_ms(), None);
        for (pts_ms, delay_ms) in [(0, 80), (100, 5), (200, 40)] {
            origin.observe(1_000_000 + pts_ms + delay_ms, pts_ms as u64, pts_ms as u64);
        }
        assert_eq!(origin.estimate_ms(), Some(1_000_005));
    }

    #[test]
    fn a_wrong_value_is_forgotten_after_a_while() {
        let mut origin = Origin::default();
        origin.observe(0, 0, 0);
        for second in 1..=90 {
            origin.observe(1_000_000 + second * 1000, second as u64 * 1000, second as u64 * 1000);
        }
        assert_eq!(origin.estimate_ms(), Some(1_000_000));
    }

    #[test]
    fn absurd_times_do_not_overflow() {
        let mut origin = Origin::default();
        origin.observe(i64::MIN, u64::MAX, 0);
        assert_eq!(origin.estimate_ms(), Some(i64::MIN));
    }
}
