//! What the listeners of `GET /api/events` are told.
//!
//! A message is written once and shared. A listener that reads too slowly misses messages, is told so by its
//! receiver, and starts over with a snapshot: nobody waits for it and nothing piles up.

use std::sync::Arc;

use protocol::{StreamId, stream::StreamInfo};
use serde::Serialize;
use tokio::sync::broadcast;

use crate::catalogue::News;

/// Messages a listener may be behind before it starts over.
const BACKLOG: usize = 1024;

/// One event: a name and a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// `snapshot`, `stream_started`, `stream_changed` or `stream_ended`.
    pub(crate) name: &'static str,
    /// Its payload.
    pub(crate) data: Arc<str>,
}

#[derive(Serialize)]
struct Ended {
    stream_id: StreamId,
}

impl Message {
    fn new(name: &'static str, payload: &impl Serialize) -> Self {
        let data = serde_json::to_string(payload).expect("ids, texts and numbers are always JSON");
        Self { name, data: data.into() }
    }

    /// The whole list.
    pub(crate) fn snapshot(streams: &[StreamInfo]) -> Self {
        Self::new("snapshot", &streams)
    }

    /// A stream that looks different.
    pub(crate) fn changed(stream: &StreamInfo) -> Self {
        Self::new("stream_changed", stream)
    }
}

impl From<&News> for Message {
    fn from(news: &News) -> Self {
        match news {
            News::Started(stream) => Self::new("stream_started", stream),
            News::Ended(stream_id) => Self::new("stream_ended", &Ended { stream_id: *stream_id }),
        }
    }
}

/// Hands messages to whoever listens.
#[derive(Debug)]
pub(crate) struct Feed {
    sender: broadcast::Sender<Message>,
}

impl Feed {
    /// A feed nobody listens to yet.
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG) }
    }

    /// Every message from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Message> {
        self.sender.subscribe()
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Tells everybody. Does not wait; that nobody listens is no error.
    pub(crate) fn tell(&self, message: Message) {
        drop(self.sender.send(message));
    }
}
