//! The epoch of a take: when its timestamp 0 was captured, estimated from the capture times that come with segments.
//!
//! A segment's capture time minus its newest timestamp is the take's epoch plus the time the recorder sat on that frame, so
//! the smallest recent value is the best. Values older than one to two [`SPAN_MS`] are forgotten: the two clocks drift
//! apart, and one wrong value must not stay for good.
//!
//! Values that all lie far above the estimate mean that the epoch has moved: a clock was set, or the recorder's time stood
//! still during a pause. There is no estimate until that is sure, which is better than a wrong one; then a new one begins.

/// How long a value counts at least.
const SPAN_MS: u64 = 30_000;
/// So far above the estimate a value may not be explained by the time a recorder sat on a frame.
const MOVED_MS: i64 = 500;
/// How long, and for how many segments, values have to lie there before the epoch has moved.
const SURE_MS: u64 = 1_000;
const SURE_SEGMENTS: u32 = 5;

#[derive(Debug, Default)]
pub(super) struct CaptureClock {
    current: Option<Span>,
    previous_ms: Option<i64>,
    moving: Option<Moving>,
}

#[derive(Debug)]
struct Span {
    began_ms: u64,
    least_ms: i64,
}

/// Values far above the estimate, and none other since the first of them.
#[derive(Debug)]
struct Moving {
    span: Span,
    segments: u32,
}

impl CaptureClock {
    /// A frame with timestamp `pts_ms` was captured at `captured_at_ms`; it arrived at `now_ms`.
    pub(super) fn observe(&mut self, captured_at_ms: i64, pts_ms: u64, now_ms: u64) {
        let epoch_ms = captured_at_ms.saturating_sub_unsigned(pts_ms);
        if self.least_ms().is_some_and(|least_ms| epoch_ms.saturating_sub(least_ms) > MOVED_MS) {
            self.moved(epoch_ms, now_ms);
            return;
        }
        self.moving = None;
        match &mut self.current {
            Some(span) if now_ms < span.began_ms.saturating_add(SPAN_MS) => {
                span.least_ms = span.least_ms.min(epoch_ms)
            }
            current => {
                self.previous_ms = current.take().map(|span| span.least_ms);
                self.current = Some(Span { began_ms: now_ms, least_ms: epoch_ms });
            }
        }
    }

    fn moved(&mut self, epoch_ms: i64, now_ms: u64) {
        let span = Span { began_ms: now_ms, least_ms: epoch_ms };
        let moving = self.moving.get_or_insert(Moving { span, segments: 0 });
        moving.span.least_ms = moving.span.least_ms.min(epoch_ms);
        moving.segments = moving.segments.saturating_add(1);
        if now_ms >= moving.span.began_ms.saturating_add(SURE_MS) && moving.segments >= SURE_SEGMENTS {
            self.current = self.moving.take().map(|moving| moving.span);
            self.previous_ms = None;
        }
    }

    /// The estimate, Unix epoch; none while nothing was observed, or the epoch may be moving.
    pub(super) fn epoch_ms(&self) -> Option<i64> {
        if self.moving.is_some() { None } else { self.least_ms() }
    }

    fn least_ms(&self) -> Option<i64> {
        let current_ms = self.current.as_ref()?.least_ms;
        Some(self.previous_ms.map_or(current_ms, |previous_ms| previous_ms.min(current_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_delayed_segment_decides() {
        let mut clock = CaptureClock::default();
        assert_eq!(clock.epoch_ms(), None);
        for (pts_ms, delay_ms) in [(0, 80), (100, 5), (200, 40)] {
            clock.observe(1_000_000 + pts_ms + delay_ms, pts_ms as u64, pts_ms as u64);
        }
        assert_eq!(clock.epoch_ms(), Some(1_000_005));
    }

    #[test]
    fn a_wrong_value_is_forgotten_after_a_while() {
        let mut clock = CaptureClock::default();
        clock.observe(999_700, 0, 0);
        for second in 1..=90 {
            clock.observe(1_000_000 + second * 1000, second as u64 * 1000, second as u64 * 1000);
        }
        assert_eq!(clock.epoch_ms(), Some(1_000_000));
    }

    /// A segment every 100 ms for `seconds`, from second `from` on, with the epoch at `epoch_ms`.
    fn run(clock: &mut CaptureClock, epoch_ms: i64, from: u64, seconds: u64) -> Vec<Option<i64>> {
        let each = |n: u64| {
            let now_ms = from * 1000 + n * 100;
            clock.observe(epoch_ms + now_ms as i64, now_ms, now_ms);
            clock.epoch_ms()
        };
        (0..seconds * 10).map(each).collect()
    }

    #[test]
    fn after_a_step_of_a_clock_or_a_pause_there_is_no_estimate_for_a_second_and_then_the_right_one() {
        for jump_ms in [5_000, 20_000, 3_600_000] {
            let mut clock = CaptureClock::default();
            run(&mut clock, 1_000_000, 0, 60);
            let after = run(&mut clock, 1_000_000 + jump_ms, 60, 3);
            let right = Some(1_000_000 + jump_ms);
            assert!(after.iter().all(|estimate| estimate.is_none() || *estimate == right), "{after:?}");
            assert!(after[..10].iter().all(Option::is_none) && after[11..].iter().all(Option::is_some));
        }
    }

    #[test]
    fn a_step_back_is_followed_at_once() {
        let mut clock = CaptureClock::default();
        run(&mut clock, 1_000_000, 0, 60);
        assert!(run(&mut clock, 995_000, 60, 2).iter().all(|estimate| *estimate == Some(995_000)));
    }

    #[test]
    fn segments_that_are_late_together_move_nothing() {
        let mut clock = CaptureClock::default();
        run(&mut clock, 1_000_000, 0, 60);
        for n in 0..20 {
            clock.observe(1_063_000, 60_000 + n * 100, 63_000);
        }
        assert_eq!(run(&mut clock, 1_000_000, 63, 1).last(), Some(&Some(1_000_000)));
    }

    #[test]
    fn absurd_times_do_not_overflow() {
        let mut clock = CaptureClock::default();
        clock.observe(i64::MIN, u64::MAX, 0);
        assert_eq!(clock.epoch_ms(), Some(i64::MIN));
        clock.observe(i64::MAX, 0, u64::MAX);
        assert_eq!(clock.epoch_ms(), None);
    }
}
