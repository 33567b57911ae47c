//! The states of a stream as they are announced: at once when the state changes, at most once a second when only the number of
//! viewers does. Pumps announce to viewers, an [`Announcer`] to the broadcaster.

use std::sync::Arc;

use protocol::{event::StreamStateChanged, stream::StreamState};

use super::wake::{state, woken_or_due};
use crate::{
    clock::Clock,
    hub::{Closed, SharedStream, Subscriber},
    lock::lock,
};

/// Shortest time between two announcements that only change the number of viewers, and longest time between two looks at it.
const COUNT_INTERVAL_MS: u64 = 1000;

/// What was announced so far.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    last: Option<(StreamStateChanged, u64)>,
    /// How many there were.
    pub(super) count: u64,
}

impl Announcements {
    /// Whether `state` is announced at `now_ms`, and when to look again, in node time.
    pub(super) fn announces(&mut self, state: StreamStateChanged, now_ms: u64) -> (bool, u64) {
        let next_ms = now_ms.saturating_add(COUNT_INTERVAL_MS);
        if let Some((last, at_ms)) = self.last {
            let due_ms = at_ms.saturating_add(COUNT_INTERVAL_MS);
            if last == state {
                return (false, next_ms);
            }
            if last.state == state.state && now_ms < due_ms {
                return (false, due_ms);
            }
        }
        self.last = Some((state, now_ms));
        self.count += 1;
        (true, next_ms)
    }
}

/// Tells a stream's broadcaster how it is doing, until the stream is closed.
pub(crate) struct Announcer<F> {
    subscriber: Subscriber,
    clock: Clock,
    announcements: Announcements,
    tell: F,
}

impl<F: Fn(&StreamStateChanged)> Announcer<F> {
    /// An announcer of the changes from now on.
    pub(crate) fn new(stream: &SharedStream, clock: Clock, tell: F) -> Self {
        let subscriber = Subscriber::new(stream, Arc::default());
        subscriber.want_media(false);
        let mut announcements = Announcements::default();
        let state = state(&lock(stream));
        if state.state != StreamState::Created {
            announcements.announces(state, clock.now().ms);
        }
        Self { subscriber, clock, announcements, tell }
    }

    /// Announces until the stream is closed. That a stream is dropped does not concern a broadcaster: it is not over.
    pub(crate) async fn run(mut self) {
        loop {
            let (state, closed) = {
                let stream = lock(self.subscriber.stream());
                (state(&stream), stream.closed())
            };
            if let Some(closed) = closed {
                if closed == Closed::Ended {
                    (self.tell)(&state);
                }
                return;
            }
            let mut due_ms = None;
            if state.state != StreamState::Created {
                let (announces, next_ms) = self.announcements.announces(state, self.clock.now().ms);
                if announces {
                    (self.tell)(&state);
                }
                due_ms = Some(next_ms);
            }
            woken_or_due(&self.subscriber, &self.clock, due_ms).await;
        }
    }
}
