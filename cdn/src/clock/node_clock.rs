//! Readings of the node's clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use protocol::event::{ClockAnswer, ClockRequest};
use tokio::time::{Instant, sleep_until};

/// One reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Milliseconds since the node started; never runs backwards.
    pub(crate) ms: u64,
    /// Milliseconds since the Unix epoch: the server clock that capture times refer to.
    pub(crate) unix_ms: i64,
}

impl Now {
    /// Time since an earlier reading, of which this is [`Now::ms`].
    pub(crate) fn since(self, before_ms: u64) -> Duration {
        Duration::from_millis(self.ms.saturating_sub(before_ms))
    }

    /// Seconds since the Unix epoch, as grants count them.
    pub(crate) fn unix_s(self) -> u64 {
        u64::try_from(self.unix_ms / 1000).unwrap_or(0)
    }
}

/// Counts from when it was made. Clones are the same clock.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub(super) started: Instant,
    /// The Unix time at `started`, in microseconds, as far as it is known.
    pub(super) epoch_us: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that shows the system's time.
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), epoch_us: Arc::new(AtomicI64::new(system_us())) }
    }

    pub(crate) fn now(&self) -> Now {
        let elapsed_us = self.elapsed_us();
        let unix_us = self.epoch_us.load(Relaxed).saturating_add(elapsed_us);
        Now { ms: u64::try_from(elapsed_us / 1000).unwrap_or(0), unix_ms: unix_us.div_euclid(1000) }
    }

    /// Answers a clock exchange that arrived at `arrived`.
    pub(crate) fn answer(&self, request: ClockRequest, arrived: Now) -> ClockAnswer {
        ClockAnswer { t0_ms: request.t0_ms, t1_ms: arrived.unix_ms, t2_ms: self.now().unix_ms }
    }

    /// Time until the node's clock shows `at_ms`; zero if it does.
    pub(crate) fn until(&self, at_ms: u64) -> Duration {
        Duration::from_millis(at_ms.saturating_sub(self.now().ms))
    }

    /// The last tick that is at most `within` from now. Ticks are whole numbers of `period`s after the node started, so tasks with one
    /// period wake up the process once for all of them.
    pub(crate) fn last_tick(&self, period: Duration, within: Duration) -> Instant {
        let end = self.started.elapsed() + within;
        let over_ns = end.as_nanos() % period.as_nanos().max(1);
        self.started + (end - Duration::from_nanos(u64::try_from(over_ns).unwrap_or(0)))
    }

    /// Waits for the next tick of `period`, or the one after it if that is in less than half of a period.
    pub(crate) async fn tick(&self, period: Duration) {
        sleep_until(self.last_tick(period, period + period / 2)).await;
    }

    /// Microseconds since the node started.
    pub(crate) fn elapsed_us(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

/// A duration in whole milliseconds, as times of the node are counted.
pub(crate) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The system's clock, in microseconds since the Unix epoch.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub(super) fn system_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tasks_with_one_period_wake_up_together() {
        const PERIOD: Duration = Duration::from_secs(1);
        let clock = Clock::start();
        let ticks = async |late_ms| {
            sleep(Duration::from_millis(late_ms)).await;
            clock.tick(PERIOD).await;
            let first_ms = clock.now().ms;
            clock.tick(PERIOD).await;
            (first_ms, clock.now().ms)
        };
        let [a, b, c] = [ticks(0), ticks(400), ticks(700)];
        assert_eq!(tokio::join!(a, b, c), ((1_000, 2_000), (1_000, 2_000), (2_000, 3_000)));
        advance(Duration::from_millis(2_600)).await;
        clock.tick(PERIOD).await;
        assert_eq!(clock.now().ms, 7_000, "what comes late keeps a distance");
    }
}
