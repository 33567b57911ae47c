//! `GET /api/events`: the list of streams, and then what changes, as Server-Sent Events.
//!
//! What is sent is prepared once for all listeners, see [`crate::events`].

use std::sync::Arc;

use axum::{extract::State, response::IntoResponse};
use bytes::Bytes;
use per_address::Share;
use protocol::ErrorCode;
use serving::Forwarded;

use super::api::Api;
use crate::{
    api::{error::Error, extract::Client},
    events::{reader::Reader, sse},
};

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
    let closing = api.closing.clone();
    let reader = Reader::new(&api.feed, forwarded.prefix().clone());
    Ok(sse::answer(Listener { reader, api, _share: share }, closing))
}

impl sse::Listener for Listener {
    /// `None` for a listener that is too slow.
    async fn next(&mut self) -> Option<Bytes> {
        self.reader.next(&self.api.feed).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{body::Body, http::Request};
    use futures_util::StreamExt;
    use tower::ServiceExt;

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
