//! The states of a stream as they are announced: at once when the state changes, at most once a second when only the number of
//! viewers does. Pumps announce to viewers, an [`Announcer`] to the broadcaster.

use std::sync::Arc;

use protocol::{event::StreamStateChanged, stream::StreamState};

use crate::{
    clock::Clock,
    hub::{Closed, Role, SharedStream, Subscriber},
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

/// How a stream is doing.
pub(super) fn state(subscriber: &Subscriber) -> StreamStateChanged {
    let viewers = subscriber.readers().counts().now(Role::Viewer);
    let stream = lock(subscriber.stream());
    StreamStateChanged { stream_id: stream.id(), state: stream.state(), viewers }
}

/// Waits until `subscriber` is woken, or until `due_ms` of the node's time.
pub(super) async fn woken_or_due(subscriber: &Subscriber, clock: &Clock, due_ms: Option<u64>) {
    match due_ms {
        None => subscriber.woken().await,
        Some(due_ms) => {
            // Running out of time is one of the two ways this is meant to end.
            drop(tokio::time::timeout(clock.until(due_ms), subscriber.woken()).await);
        }
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
        let state = state(&subscriber);
        if state.state != StreamState::Created {
            announcements.announces(state, clock.now().ms);
        }
        Self { subscriber, clock, announcements, tell }
    }

    /// Announces until the stream is closed. That a stream is dropped does not concern a broadcaster: it is not over.
    pub(crate) async fn run(mut self) {
        loop {
            let closed = lock(self.subscriber.stream()).closed();
            let state = state(&self.subscriber);
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
