//! What plays when, by the server's clock.

use std::time::{Duration, Instant};

use protocol::{
    event::{ClockAnswer, ClockRequest},
    party::Timeline,
};
use reqwest::Method;

use super::client::{CallError, Client, json_of};

/// Exchanges of which the shortest counts.
const EXCHANGES: usize = 5;

/// The server's clock.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    epoch: Instant,
    /// The server's time at `epoch`, ms.
    at_epoch_ms: f64,
}

impl Clock {
    /// Asks the server.
    ///
    /// # Errors
    /// It does not answer.
    pub(super) async fn read(client: &Client) -> Result<Self, CallError> {
        let epoch = Instant::now();
        let elapsed_ms = || epoch.elapsed().as_secs_f64() * 1000.0;
        let (mut shortest_ms, mut at_epoch_ms) = (f64::INFINITY, 0.0);
        for _ in 0..EXCHANGES {
            let t0_ms = elapsed_ms();
            let request = client.request(Method::POST, "api/clock").json(&ClockRequest { t0_ms });
            let ClockAnswer { t1_ms, t2_ms, .. } = json_of(request).await?;
            let t3_ms = elapsed_ms();
            let (t1_ms, t2_ms) = (t1_ms as f64, t2_ms as f64);
            let trip_ms = t3_ms - t0_ms - (t2_ms - t1_ms);
            if trip_ms < shortest_ms {
                (shortest_ms, at_epoch_ms) = (trip_ms, ((t1_ms - t0_ms) + (t2_ms - t3_ms)) / 2.0);
            }
        }
        Ok(Self { epoch, at_epoch_ms })
    }

    /// The server's time, Unix epoch.
    pub(super) fn now_ms(&self) -> u64 {
        (self.at_epoch_ms + self.epoch.elapsed().as_secs_f64() * 1000.0) as u64
    }

    /// How long it is until a time of the server.
    pub(super) fn until(&self, at_ms: u64) -> Duration {
        Duration::from_millis(at_ms.saturating_sub(self.now_ms()))
    }
}

/// Where a timeline is at a time of the server, ms.
pub(super) fn position_at(timeline: &Timeline, now_ms: u64) -> u64 {
    let since_ms = if timeline.paused { 0 } else { now_ms.saturating_sub(timeline.at_ms) };
    timeline.position_ms.saturating_add(since_ms)
}

/// A timeline is announced ahead: until its time comes, the one before goes on.
#[derive(Default)]
pub(super) struct Schedule {
    /// None until the first one is known.
    pub(super) now: Option<Timeline>,
    pub(super) next: Option<Timeline>,
}

impl Schedule {
    /// The party has this timeline. Gives whether it plays from now on.
    pub(super) fn learn(&mut self, timeline: Timeline, now_ms: u64) -> bool {
        self.settle(now_ms);
        self.next = Some(timeline).filter(|timeline| self.now.as_ref() != Some(timeline));
        self.settle(now_ms)
    }

    /// Gives whether what was announced has begun.
    pub(super) fn settle(&mut self, now_ms: u64) -> bool {
        let begun = self.next.take_if(|next| next.at_ms <= now_ms);
        begun.map(|begun| self.now = Some(begun)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_announced_begins_at_its_time() {
        let at = |at_ms| Timeline { at_ms, ..Timeline::default() };
        let mut schedule = Schedule::default();
        assert!(schedule.learn(at(5), 10) && schedule.now == Some(at(5)) && schedule.next.is_none());
        assert!(!schedule.learn(at(20), 11) && schedule.now == Some(at(5)) && schedule.next == Some(at(20)));
        assert!(!schedule.learn(at(30), 12) && !schedule.settle(29));
        assert!(schedule.settle(30) && schedule.now == Some(at(30)) && !schedule.settle(31));
        assert!(!schedule.learn(at(30), 32), "it plays already");
    }

    #[test]
    fn a_position_moves_from_its_time_on_unless_paused() {
        let timeline = Timeline { position_ms: 7, at_ms: 100, ..Timeline::default() };
        assert_eq!([90, 100, 130].map(|now_ms| position_at(&timeline, now_ms)), [7, 7, 37]);
        let paused = Timeline { paused: true, ..timeline };
        assert_eq!(position_at(&paused, 130), 7);
    }
}
