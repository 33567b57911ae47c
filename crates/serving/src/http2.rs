//! HTTP/2 under the same bounds as HTTP/1.1.
//!
//! The library bounds heads, streams, windows and resets. What it has no time-out for is watched here: a connection without a
//! running request is closed after the time of a request head, and a response of which the client takes nothing, by flow control,
//! ends after the time for unread data (see `reader`). Bodies of requests have their own pace (see `bodies`).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{rt::Executor, server::conn::http2};
use hyper_util::rt::TokioTimer;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{Limits, places::Http, reader::Reader};

/// Requests at the same time over one connection. Browsers send few; each may hold 16 KiB of a response and a head.
pub const MAX_HTTP2_REQUESTS: u32 = 32;
/// Most bytes of one response that are taken before its client has room for them.
const SEND_BYTES: usize = 16 << 10;
/// Largest request head with HTTP/2, decoded: its names and values, and 32 bytes for each field (RFC 9113, section 6.5.2).
pub const MAX_HTTP2_HEAD_BYTES: u32 = 16 << 10;
/// Bytes of one request's body that a client may send before they are read.
pub const HTTP2_STREAM_WINDOW_BYTES: u32 = 64 << 10;
/// Bytes of the bodies of all requests together that a client may send before they are read.
pub const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 256 << 10;
/// Streams that a client may reset before they were looked at, and with errors of its own, until the connection is closed.
pub const MAX_HTTP2_RESETS: usize = 20;
/// How long a client may take to acknowledge that the connection ends.
pub(crate) const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// The server's settings for HTTP/2.
pub(crate) fn builder(tasks: &Tasks) -> http2::Builder<Tasks> {
    let mut builder = http2::Builder::new(tasks.clone());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_HTTP2_REQUESTS)
        .max_send_buf_size(SEND_BYTES)
        .max_header_list_size(MAX_HTTP2_HEAD_BYTES)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_pending_accept_reset_streams(MAX_HTTP2_RESETS)
        .max_local_error_reset_streams(MAX_HTTP2_RESETS);
    builder
}

/// The requests of a connection. They end with it.
#[derive(Clone)]
pub(crate) struct Tasks {
    tasks: Arc<Mutex<JoinSet<()>>>,
    reader: Arc<Reader>,
}

impl Tasks {
    pub(crate) fn new(reader: Arc<Reader>) -> Self {
        Self { tasks: Arc::default(), reader }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(self.reader.clone().run(future));
    }
}

/// Ends the requests of a connection when dropped: they hold their own list.
pub(crate) struct EndOnDrop(pub(crate) Tasks);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
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
