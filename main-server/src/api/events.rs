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

/// How often a silent connection carries a comment.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
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
    let taken =
        |_| Error::new(ErrorCode::LimitReached, "as many listeners as this server accepts: try again later");
    let seat = Arc::clone(&api.event_seats).try_acquire_owned().map_err(taken)?;
    let (streams, messages) = api.control.listen();
    let listener = Listener { api, snapshot: Some(Message::snapshot(&streams)), messages, _seat: seat };
    let events = stream::unfold(listener, Listener::step);
    // Proxies that buffer would hold the news back.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))))
}

impl Listener {
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
