//! Answers that are a stream of Server-Sent Events.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::{HeaderName, header},
    response::IntoResponse,
};
use bytes::Bytes;
use futures_util::stream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How often a silent stream carries a comment. Proxies and load balancers end connections that are silent for as little
/// as 10 s, and `EventSource` would reconnect all the time.
const KEEP_ALIVE: Duration = Duration::from_secs(8);
const COMMENT: &[u8] = b":\n\n";

/// What gives the events of one answer. It is dropped when the client leaves.
pub(crate) trait Listener: Send + 'static {
    /// The next events; `None` ends the answer. The call may be dropped while it waits, and is made again.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>> + Send;
}

/// An answer with everything that the listener gives, until `closing`.
pub(crate) fn answer(listener: impl Listener, closing: CancellationToken) -> impl IntoResponse {
    let pieces = stream::unfold((listener, closing), |(mut listener, closing)| async move {
        let next = closing.run_until_cancelled(timeout(KEEP_ALIVE, listener.next())).await?;
        let bytes = next.unwrap_or(Some(Bytes::from_static(COMMENT)))?;
        Some((Ok::<_, Infallible>(bytes), (listener, closing)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // Proxies that buffer would hold the news back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(pieces))
}
