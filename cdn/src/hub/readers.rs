//! The readers of a stream: how many there are, and how they are woken when there is something to read.
//!
//! The producer wakes, a [`Subscriber`] waits. Waking costs one notification for each subscriber that wants media: a pump
//! that serves hundreds of viewers is one subscriber, and one that serves none is not woken for media.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
};

use tokio::sync::Notify;

use super::{Cursor, Next, SharedStream};
use crate::lock::lock;

/// What a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A client that watches.
    Viewer,
    /// Another node that serves the stream onwards.
    Relay,
}

/// Follows what came with a segment until every reader has read it.
pub trait Trace: Send + Sync {
    /// A subscriber read it and handed it to `viewers` viewers; the connections of `behind` others had no room.
    fn read(&self, viewers: u32, behind: u32);
}

/// How many readers there are, by role.
#[derive(Debug, Default)]
pub struct Counts {
    viewers: AtomicU32,
    relays: AtomicU32,
}

impl Counts {
    /// How many readers of this role there are.
    pub fn now(&self, role: Role) -> u32 {
        self.of(role).load(Relaxed)
    }

    /// The counter of a role.
    pub(crate) fn of(&self, role: Role) -> &AtomicU32 {
        match role {
            Role::Viewer => &self.viewers,
            Role::Relay => &self.relays,
        }
    }
}

/// The readers of a stream: their number, and those to wake.
#[derive(Default)]
pub struct Readers {
    counts: Counts,
    subscribers: Mutex<Vec<Arc<Place>>>,
}

/// Where one subscriber waits.
struct Place {
    wake: Arc<Notify>,
    wants_media: AtomicBool,
    traces: Mutex<Vec<Arc<dyn Trace>>>,
}

impl Readers {
    /// How many readers there are.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// There is new media. `trace` is held by each subscriber that is woken until it has read it.
    pub fn media(&self, trace: Option<&Arc<dyn Trace>>) {
        for place in lock(&self.subscribers).iter().filter(|place| place.wants_media.load(Relaxed)) {
            if let Some(trace) = trace {
                lock(&place.traces).push(trace.clone());
            }
            place.wake.notify_one();
        }
    }

    /// The state or the path changed, or the stream was closed.
    pub fn changed(&self) {
        lock(&self.subscribers).iter().for_each(|place| place.wake.notify_one());
    }
}

/// Reads one stream, at as many cursors as its owner keeps: a pump has one for each viewer, a recorder has one.
pub struct Subscriber {
    stream: SharedStream,
    readers: Arc<Readers>,
    place: Arc<Place>,
}

impl Subscriber {
    /// A subscriber that wants media and is woken by `wake`.
    pub fn new(stream: &SharedStream, wake: Arc<Notify>) -> Self {
        let readers = lock(stream).readers().clone();
        let place = Arc::new(Place { wake, wants_media: AtomicBool::new(true), traces: Mutex::default() });
        lock(&readers.subscribers).push(place.clone());
        Self { stream: stream.clone(), readers, place }
    }

    /// The stream.
    pub fn stream(&self) -> &SharedStream {
        &self.stream
    }

    /// How many readers the stream has.
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Whether it is woken for new media from now on; without that only for changes of the state or the path.
    pub fn want_media(&self, wants: bool) {
        self.place.wants_media.store(wants, Relaxed);
    }

    /// Waits until it was woken since the last call.
    pub async fn woken(&self) {
        self.place.wake.notified().await;
    }

    /// What came since the last call, if that is traced.
    pub fn take_traces(&self) -> Vec<Arc<dyn Trace>> {
        std::mem::take(&mut *lock(&self.place.traces))
    }

    /// What `cursor` gives next, if that is here.
    pub fn try_next(&self, cursor: &mut Cursor) -> Option<Next> {
        cursor.next(lock(&self.stream).ring())
    }

    /// What `cursor` gives next, as soon as it is here; none once the stream is closed and all of it was read.
    pub async fn next(&self, cursor: &mut Cursor) -> Option<Next> {
        loop {
            let closed = lock(&self.stream).closed().is_some();
            if let Some(next) = self.try_next(cursor) {
                return Some(next);
            }
            if closed {
                return None;
            }
            self.woken().await;
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        lock(&self.readers.subscribers).retain(|place| !Arc::ptr_eq(place, &self.place));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use protocol::{StreamId, stream::Visibility};

    use super::*;
    use crate::hub::{Closed, Hub, HubLimits, RingLimits};

    fn stream() -> SharedStream {
        let ring = RingLimits { window_ms: 1000, group_bytes: 1000 };
        let mut hub = Hub::new(HubLimits { ring, budget_bytes: 1 << 20, streams: 1 }, |_, _| {});
        hub.open(StreamId::new("a", 1), Visibility::Public).unwrap()
    }

    fn was_woken(subscriber: &Subscriber) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        pin!(subscriber.woken()).poll(&mut cx).is_ready()
    }

    #[test]
    fn only_subscribers_that_want_media_are_woken_for_it() {
        let stream = stream();
        let readers = lock(&stream).readers().clone();
        let [reads, idle] = [(); 2].map(|()| Subscriber::new(&stream, Arc::default()));
        idle.want_media(false);
        readers.media(None);
        assert_eq!([&reads, &idle].map(was_woken), [true, false]);
        readers.changed();
        assert_eq!([&reads, &idle].map(was_woken), [true, true]);
        drop(reads);
        assert_eq!(lock(&readers.subscribers).len(), 1, "one that is gone is not woken");
    }

    #[test]
    fn a_reader_waits_until_the_stream_is_closed() {
        let stream = stream();
        let (subscriber, mut cursor) = (Subscriber::new(&stream, Arc::default()), Cursor::newest());
        let mut cx = Context::from_waker(Waker::noop());
        let mut next = pin!(subscriber.next(&mut cursor));
        assert!(next.as_mut().poll(&mut cx).is_pending());
        lock(&stream).close(Closed::Ended);
        subscriber.readers().changed();
        assert!(matches!(next.as_mut().poll(&mut cx), Poll::Ready(None)));
    }
}
