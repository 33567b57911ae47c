//! What reads a stream: it is woken when there is something to read, and reads it with cursors.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio::sync::Notify;

use super::{
    cursor::{Cursor, Next},
    readers::{Listener, Readers, Trace},
    stream::SharedStream,
};
use crate::lock::lock;

/// Reads one stream, at as many cursors as its owner keeps: a pump has one for each viewer, a recorder has one.
pub struct Subscriber {
    stream: SharedStream,
    readers: Arc<Readers>,
    listener: Arc<Listener>,
}

impl Subscriber {
    /// A subscriber that wants media and is woken by `wake`.
    pub fn new(stream: &SharedStream, wake: Arc<Notify>) -> Self {
        Self::with_traces(stream, wake, None)
    }

    /// As [`Self::new`], for one that forwards media: it also gets the traces of runs, and has to [take](Self::take_traces) them.
    pub fn traced(stream: &SharedStream, wake: Arc<Notify>) -> Self {
        Self::with_traces(stream, wake, Some(Mutex::default()))
    }

    fn with_traces(
        stream: &SharedStream,
        wake: Arc<Notify>,
        traces: Option<Mutex<Vec<Arc<dyn Trace>>>>,
    ) -> Self {
        let readers = lock(stream).readers().clone();
        let listener = Arc::new(Listener { wake, wants_media: AtomicBool::new(true), traces });
        readers.add(listener.clone());
        Self { stream: stream.clone(), readers, listener }
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
        self.listener.wants_media.store(wants, Relaxed);
    }

    /// Waits until it was woken since the last call.
    pub async fn woken(&self) {
        self.listener.wake.notified().await;
    }

    /// The traces of runs since the last call, if they are traced.
    pub fn take_traces(&self) -> Vec<Arc<dyn Trace>> {
        let traces = self.listener.traces.as_ref();
        traces.map(|traces| std::mem::take(&mut *lock(traces))).unwrap_or_default()
    }

    /// The next item at `cursor`, if there is one now.
    pub fn try_next(&self, cursor: &mut Cursor) -> Option<Next> {
        cursor.next(lock(&self.stream).ring())
    }

    /// The next item at `cursor`, as soon as there is one; `None` once the stream is closed and all of it was read.
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
        self.readers.remove(&self.listener);
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
        assert_eq!(readers.listeners(), 1, "one that is gone is not woken");
    }

    #[test]
    fn only_subscribers_that_forward_media_hold_its_trace() {
        struct Unread;
        impl Trace for Unread {
            fn read(&self, _viewers: u32, _behind: u32) {}
        }
        let stream = stream();
        let readers = lock(&stream).readers().clone();
        let recorder = Subscriber::new(&stream, Arc::default());
        let pump = Subscriber::traced(&stream, Arc::default());
        let trace: Arc<dyn Trace> = Arc::new(Unread);
        readers.media(Some(&trace));
        assert!(was_woken(&recorder) && was_woken(&pump));
        assert_eq!((recorder.take_traces().len(), pump.take_traces().len()), (0, 1));
        assert_eq!(Arc::strong_count(&trace), 1);
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
