//! How a link to a source is doing: whether it has everything that was there when it began, and when it counts as stalled.

use std::time::Duration;

use protocol::{event::FrameName, stream::StreamState};

use crate::clock::{Clock, whole_ms};

/// How long a link that has everything may bring nothing before another source is tried.
const STALL: Duration = Duration::from_secs(15);
/// Longer than any viewer waits: the link itself notices when the other side is gone.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a new link may take to bring what was newest when it began.
const CATCH_UP: Duration = Duration::from_secs(3);

/// How one link is doing.
pub(super) struct LinkHealth {
    /// What was newest at the source when the link began; none before the welcome.
    target: Option<Option<FrameName>>,
    /// Whether the path of the stream is known.
    pub(super) has_path: bool,
    caught_up: bool,
    /// Whether a chunk arrived.
    pub(super) brought: bool,
    /// Whether chunks are to be expected.
    live: bool,
    /// When it counts as stalled, in node time.
    deadline_ms: u64,
    clock: Clock,
}

impl LinkHealth {
    pub(super) fn new(clock: Clock) -> Self {
        let (has_path, caught_up, brought, live) = (false, false, false, false);
        let mut health = Self { target: None, has_path, caught_up, brought, live, deadline_ms: 0, clock };
        health.postpone();
        health
    }

    /// Time until it counts as stalled.
    pub(super) fn left(&self) -> Duration {
        self.clock.until(self.deadline_ms)
    }

    /// What was newest at the source when it welcomed this node.
    pub(super) fn welcomed(&mut self, newest: Option<FrameName>) {
        self.target = Some(newest);
    }

    /// A chunk arrived.
    pub(super) fn brought(&mut self) {
        self.brought = true;
        self.postpone();
    }

    /// How the stream is doing at the source.
    pub(super) fn state(&mut self, state: StreamState) {
        self.live = state == StreamState::Live;
        self.postpone();
    }

    /// Bytes arrived: the time until the link counts as stalled restarts.
    pub(super) fn postpone(&mut self) {
        let timeout = match (self.caught_up, self.live) {
            (false, _) => CATCH_UP,
            (true, true) => STALL,
            (true, false) => NEVER,
        };
        let timeout_ms = whole_ms(timeout);
        self.deadline_ms = self.clock.now().ms.saturating_add(timeout_ms);
    }

    /// Whether this node has all chunks that the source had when the link began; `newest` is the newest of them.
    pub(super) fn catches_up(&mut self, newest: impl FnOnce() -> Option<FrameName>) -> bool {
        if !self.caught_up && self.has_path && self.target.is_some_and(|target| newest() >= target) {
            self.caught_up = true;
            self.postpone();
        }
        self.caught_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_link_stalls_when_a_live_stream_brings_nothing_for_long() {
        let mut health = LinkHealth::new(Clock::start());
        assert_eq!(health.left(), CATCH_UP);
        health.state(StreamState::Live);
        health.welcomed(None);
        health.has_path = true;
        assert!(health.catches_up(|| None));
        tokio::time::advance(STALL).await;
        assert_eq!(health.left(), Duration::ZERO, "it is live and brings nothing");
        health.brought();
        assert_eq!(health.left(), STALL);
        health.state(StreamState::Interrupted);
        assert_eq!(health.left(), NEVER, "nothing is to be expected");
    }
}
