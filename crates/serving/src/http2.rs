//! HTTP/2 under the same bounds as HTTP/1.1.
//!
//! The library bounds heads, streams, windows and resets. What it has no time-out for is watched here: a connection without a
//! running request is closed after the time of a request head, and one that takes nothing of a response, by flow control,
//! after the time for unread data. Bodies of requests have their own pace (see `bodies`).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{rt::Executor, server::conn::http2};
use hyper_util::rt::TokioTimer;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{Limits, bodies::Waiting, places::Http};

/// Requests at the same time. Browsers send few; each may hold [`SEND_BYTES`] and a head.
const MAX_STREAMS: u32 = 32;
/// Most bytes of one response that are taken before its client has room for them.
const SEND_BYTES: usize = 16 << 10;
/// Largest request head, decoded.
const HEAD_BYTES: u32 = 32 << 10;
/// Bytes of one request's body, and of all together, that a client may send before they are read.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 256 << 10;
/// Streams that a client may reset before they were looked at, and with errors of its own, until the connection is closed.
const MAX_RESETS: usize = 20;
/// How long a client may take to acknowledge that the connection ends.
pub(crate) const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);
/// A response is looked after this often within the time for unread data.
const CHECKS: u32 = 4;

/// The server's settings for HTTP/2.
pub(crate) fn builder(tasks: &Tasks) -> http2::Builder<Tasks> {
    let mut builder = http2::Builder::new(tasks.clone());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buf_size(SEND_BYTES)
        .max_header_list_size(HEAD_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS);
    builder
}

/// The requests of a connection. They end with it.
#[derive(Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(future);
    }
}

/// Ends the requests of a connection when dropped: they hold their own list.
pub(crate) struct EndOnDrop(pub(crate) Tasks);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// Waits until the connection has been idle for the time of a request head.
pub(crate) async fn idle(http: &Http, limits: &Limits) {
    loop {
        let now = Instant::now();
        let ends = http.idle_since().unwrap_or(now) + limits.head;
        if ends <= now {
            return;
        }
        sleep_until(ends).await;
    }
}

/// Waits until a response was not taken for the time for unread data.
pub(crate) async fn unread(waiting: &Waiting, limits: &Limits) {
    loop {
        sleep(limits.unread / CHECKS).await;
        if waiting.longest(Instant::now()).is_some_and(|waited| waited >= limits.unread) {
            return;
        }
    }
}
