//! Request bodies with a minimum rate, and responses during which a connection does not count as idle.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body as AnyBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    Limits,
    places::{Http, Phase},
    reader::Taken,
};

/// Most bytes that are given to HTTP/2 at once: it holds them all until the client has room.
const PART_BYTES: usize = 16 << 10;

/// Why a body was aborted.
#[derive(Debug)]
pub(crate) struct TooSlow;

impl std::fmt::Display for TooSlow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request body stopped arriving, or arrives too slowly")
    }
}

impl std::error::Error for TooSlow {}

/// A request's body, until it is complete or too slow.
pub(crate) struct Arriving<B = Incoming> {
    body: B,
    http: Arc<Http>,
    pace: Pace,
    timer: Option<Pin<Box<Sleep>>>,
}

/// How much of a body has arrived, and the deadline for more. Only the time counts in which the handler waits for the client: a
/// handler may take long to write down what it has, and the client can do nothing about that.
struct Pace {
    pause: Duration,
    bytes_per_s: u64,
    /// When the handler began to wait for the first byte, later by all the time since in which it did not wait.
    began: Option<Instant>,
    /// When the handler got something last, until it waits for more.
    handed_over: Option<Instant>,
    /// When the handler began to wait for the next bytes.
    waits_since: Option<Instant>,
    bytes: u64,
}

impl Pace {
    fn new(limits: &Limits) -> Self {
        let (pause, bytes_per_s) = (limits.body_pause, limits.body_bytes_per_s);
        Self { pause, bytes_per_s, began: None, handed_over: None, waits_since: None, bytes: 0 }
    }

    /// The handler waits for the client.
    fn wait(&mut self, now: Instant) {
        if let Some(handed_over) = self.handed_over.take() {
            self.began = self.began.map(|began| began + now.duration_since(handed_over));
        }
        self.began.get_or_insert(now);
        self.waits_since.get_or_insert(now);
    }

    /// The handler has these bytes.
    fn progress(&mut self, bytes: usize, now: Instant) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.handed_over = Some(now);
        self.waits_since = None;
    }

    /// Until when more has to arrive, for a handler that waits.
    fn deadline(&self, now: Instant) -> Instant {
        let (began, waits_since) = (self.began.unwrap_or(now), self.waits_since.unwrap_or(now));
        let earned = Duration::from_secs(self.bytes / self.bytes_per_s.max(1));
        let by_rate = began.checked_add(self.pause + earned).unwrap_or(began + self.pause);
        by_rate.min(waits_since + self.pause)
    }
}

impl<B> Arriving<B> {
    pub(crate) fn new(body: B, http: Arc<Http>, limits: &Limits) -> Self {
        Self { body, http, pace: Pace::new(limits), timer: None }
    }
}

impl<B: Body<Data = Bytes, Error: Into<axum::BoxError>> + Unpin> Body for Arriving<B> {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        this.pace.wait(Instant::now());
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref().map(Bytes::len));
            this.pace.progress(bytes.unwrap_or_default(), Instant::now());
            this.timer = None;
            if frame.is_none() || this.body.is_end_stream() {
                this.http.received();
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = this.pace.deadline(Instant::now());
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Marks the connection as waiting for the next request when dropped.
pub(crate) struct Busy(pub(crate) Arc<Http>);

impl Busy {
    /// A request has begun.
    pub(crate) fn new(http: Arc<Http>, phase: Phase) -> Self {
        http.begin(phase);
        Self(http)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.answered();
    }
}

pin_project_lite::pin_project! {
    /// An answer's body.
    pub(crate) struct Answer {
        #[pin]
        pub(crate) body: AnyBody,
        pub(crate) busy: Busy,
        // For HTTP/2.
        pub(crate) taken: Option<Taken>,
        // What was not taken of the body's last frame.
        pub(crate) rest: Bytes,
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.project();
        let Some(taken) = this.taken else { return this.body.poll_frame(cx) };
        taken.all();
        if this.rest.is_empty() {
            match ready!(this.body.poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => *this.rest = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        taken.nothing_yet();
        let part = this.rest.split_to(this.rest.len().min(PART_BYTES));
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(start: Instant) -> Pace {
        let limits = Limits {
            body_pause: Duration::from_secs(30),
            body_bytes_per_s: 500,
            ..Limits::for_open_files(64)
        };
        let mut pace = Pace::new(&limits);
        pace.wait(start);
        pace
    }

    /// The handler gets bytes, and waits for more at once.
    fn arrive(pace: &mut Pace, bytes: usize, now: Instant) {
        pace.progress(bytes, now);
        pace.wait(now);
    }

    #[test]
    fn a_body_may_pause_and_be_slow_but_not_for_ever() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace = pace(start);
        assert_eq!(pace.deadline(at(0)), at(30));
        arrive(&mut pace, 1, at(29));
        assert_eq!(pace.deadline(at(29)), at(30), "a byte now and then is not enough");
        arrive(&mut pace, 10_000, at(29));
        assert_eq!(pace.deadline(at(29)), at(50));
        arrive(&mut pace, 1_000_000, at(40));
        assert_eq!(pace.deadline(at(41)), at(70), "after much it may pause as long as any");
        arrive(&mut pace, usize::MAX, at(60));
        assert_eq!(pace.deadline(at(60)), at(90));
    }

    #[test]
    fn time_in_which_the_handler_does_not_wait_is_not_the_clients() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace = pace(start);
        arrive(&mut pace, 1, at(10));
        pace.progress(1, at(20));
        pace.wait(at(320));
        assert_eq!(pace.deadline(at(320)), at(330), "ten seconds of the first thirty are left");
        arrive(&mut pace, 1_000_000, at(329));
        pace.progress(1, at(330));
        pace.wait(at(900));
        assert_eq!(pace.deadline(at(900)), at(930));
    }
}
