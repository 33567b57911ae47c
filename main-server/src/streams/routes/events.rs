//! `GET /api/events`: the list of streams, and then what changes, as Server-Sent Events.
//!
//! What is sent is prepared once for all listeners, see [`crate::events`].

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderName, header},
    response::IntoResponse,
};
use bytes::Bytes;
use futures_util::stream;
use per_address::Share;
use protocol::ErrorCode;
use serving::Forwarded;
use tokio::time::timeout;

use super::api::Api;
use crate::{
    api::{error::Error, extract::Client},
    events::reader::Reader,
};

/// How often a silent connection carries a comment. Proxies and load balancers end connections that are silent for as little
/// as 10 s, and `EventSource` would reconnect all the time.
const KEEP_ALIVE: Duration = Duration::from_secs(8);
const COMMENT: &[u8] = b":\n\n";

struct Listener {
    api: Arc<Api>,
    reader: Reader,
    _share: Share,
}

pub(super) async fn listen(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    forwarded: Forwarded,
) -> Result<impl IntoResponse, Error> {
    let full = || Error::new(ErrorCode::LimitReached, "the limit of listeners is reached: try again later");
    let share = api.listeners.take(address).ok_or_else(full)?;
    let listener =
        Listener { reader: Reader::new(&api.feed, forwarded.prefix().clone()), api, _share: share };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // Proxies that buffer would hold the news back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(stream::unfold(listener, Listener::step))))
}

impl Listener {
    async fn step(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let bytes = self.next().await?;
        Some((Ok(bytes), self))
    }

    /// What to send next; none when the server closes, or for a listener that is too slow.
    async fn next(&mut self) -> Option<Bytes> {
        let next = timeout(KEEP_ALIVE, self.reader.next(&self.api.feed));
        let next = self.api.closing.run_until_cancelled(next).await?;
        next.unwrap_or(Some(Bytes::from_static(COMMENT)))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use futures_util::StreamExt;
    use tower::ServiceExt;

    use super::*;
    use crate::{App, Config};

    #[tokio::test]
    async fn a_silent_connection_carries_a_comment_at_least_every_ten_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let app = App::open(Config::new(folder.path())).await.unwrap();
        let request = Request::get("/api/events").body(Body::empty()).unwrap();
        let response = app.router().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut pieces = response.into_body().into_data_stream();
        assert!(pieces.next().await.unwrap().unwrap().starts_with(b"event: snapshot"));
        while pieces.next().await.unwrap().unwrap() != b"\n\n"[..] {}
        // From here on time passes only while everything waits.
        tokio::time::pause();
        for _ in 0..3 {
            let before = tokio::time::Instant::now();
            assert!(pieces.next().await.unwrap().unwrap().starts_with(b":"), "a comment");
            assert!(before.elapsed() <= Duration::from_secs(10), "{:?}", before.elapsed());
        }
    }
}
