//! `GET /api/events`: the list of streams, and then what changes, as Server-Sent Events.
//!
//! A listener is a position in the feed. One that fell behind gets the list again instead of what it missed.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::HeaderName,
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use protocol::ErrorCode;
use tokio::sync::{
    OwnedSemaphorePermit,
    broadcast::{Receiver, error::RecvError},
};

use super::{Api, error::Error};
use crate::feed::Message;

/// How often a silent connection carries a comment. Proxies and load balancers end connections that are silent for as little
/// as 10 s, and `EventSource` would reconnect all the time.
const KEEP_ALIVE: Duration = Duration::from_secs(8);
/// How long a browser waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(1);

struct Listener {
    api: Arc<Api>,
    /// Sent before anything else.
    snapshot: Option<Message>,
    messages: Receiver<Message>,
    _seat: OwnedSemaphorePermit,
}

pub(crate) async fn listen(State(api): State<Arc<Api>>) -> Result<impl IntoResponse, Error> {
    let events = stream::unfold(Listener::seat(api)?, Listener::step);
    // Proxies that buffer would hold the news back.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))))
}

impl Listener {
    fn seat(api: Arc<Api>) -> Result<Self, Error> {
        let full = |_| {
            Error::new(ErrorCode::LimitReached, "as many listeners as this server accepts: try again later")
        };
        let seat = Arc::clone(&api.event_seats).try_acquire_owned().map_err(full)?;
        let (streams, messages) = api.control.listen();
        Ok(Self { api, snapshot: Some(Message::snapshot(&streams)), messages, _seat: seat })
    }

    async fn step(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let message = self.next().await?;
        let event = Event::default().event(message.name).retry(RECONNECT).data(&message.data);
        Some((Ok(event), self))
    }

    /// The next message; none when the server closes.
    async fn next(&mut self) -> Option<Message> {
        if let Some(snapshot) = self.snapshot.take() {
            return Some(snapshot);
        }
        let closing = self.api.closing.clone();
        match closing.run_until_cancelled(self.messages.recv()).await? {
            Ok(message) => Some(message),
            Err(RecvError::Lagged(_)) => {
                let (streams, messages) = self.api.control.listen();
                self.messages = messages;
                Some(Message::snapshot(&streams))
            }
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::StreamExt;
    use protocol::{
        node::{CarriedStream, Heartbeat, Load, RegisterServer},
        stream::{StreamInfo, StreamState, Visibility},
    };
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{App, Config, clock::Now, control::NewStream};

    #[tokio::test]
    async fn a_listener_that_fell_behind_starts_over_with_the_newest_list() {
        let folder = tempfile::tempdir().unwrap();
        let app = App::open(Config::new(folder.path())).await.unwrap();
        let api = Arc::clone(&app.api);
        let shutdown = CancellationToken::new();
        let upkeep = tokio::spawn(app.run(shutdown.clone()));
        let (control, now) = (&api.control, Now::read());
        let request = RegisterServer {
            hostname: "a".into(),
            public_url: "/cdn/a".into(),
            generation: 1,
            capacity: None,
            region: None,
        };
        let node = control.register(request, now).await.unwrap();
        let new = NewStream {
            title: "first".into(),
            visibility: Visibility::Public,
            passphrase_hash: None,
            address: None,
        };
        let stream_id = control.create(new, now).await.unwrap().stream_id;
        let report = async |viewers| {
            let row = CarriedStream {
                stream_id,
                state: StreamState::Live,
                viewers,
                mime: None,
                path: Vec::new(),
                relays: 0,
                bytes_per_s: 0,
            };
            let heartbeat = Heartbeat { load: Load::default(), streams: vec![row] };
            control.heartbeat(&node, &heartbeat, &Bytes::new(), now).await.unwrap();
            control.tell_changes();
        };

        let mut listener = Listener::seat(Arc::clone(&api)).unwrap();
        assert_eq!(&*listener.next().await.unwrap().data, "[]");
        for viewers in 0..3000 {
            report(viewers).await;
        }
        let message = listener.next().await.unwrap();
        let list: Vec<StreamInfo> = serde_json::from_str(&message.data).unwrap();
        assert_eq!((message.name, list[0].viewers), ("snapshot", 2999));
        report(5).await;
        let message = listener.next().await.unwrap();
        let stream: StreamInfo = serde_json::from_str(&message.data).unwrap();
        assert_eq!((message.name, stream.viewers), ("stream_changed", 5));
        shutdown.cancel();
        assert_eq!(listener.next().await, None);
        upkeep.await.unwrap();
    }

    #[tokio::test]
    async fn a_silent_connection_carries_a_comment_at_least_every_ten_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let app = App::open(Config::new(folder.path())).await.unwrap();
        let response = listen(State(Arc::clone(&app.api))).await.unwrap().into_response();
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut pieces = response.into_body().into_data_stream();
        assert!(pieces.next().await.unwrap().unwrap().starts_with(b"event: snapshot"));
        // From here on time passes only while everything waits.
        tokio::time::pause();
        for _ in 0..3 {
            let before = tokio::time::Instant::now();
            assert!(pieces.next().await.unwrap().unwrap().starts_with(b":"), "a comment");
            assert!(before.elapsed() <= Duration::from_secs(10), "{:?}", before.elapsed());
        }
    }
}
