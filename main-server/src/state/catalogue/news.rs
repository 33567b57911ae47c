//! What the listeners of `GET /api/events` are told of public streams.

use protocol::{StreamId, stream::StreamInfo};
use serde::Serialize;

use crate::events::Event;

/// A change of the list of public streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A stream went live.
    Started(StreamInfo),
    /// A stream looks different.
    Changed(StreamInfo),
    /// A stream is over.
    Ended(StreamId),
}

#[derive(Serialize)]
struct Ended {
    stream_id: StreamId,
}

impl From<News> for Event {
    /// The stream with the most viewers is listed first, then the newest.
    fn from(news: News) -> Self {
        let put = |name, stream: &StreamInfo| {
            Self::new(name, stream).put(stream.stream_id, (stream.viewers.into(), stream.started_at_ms))
        };
        match news {
            News::Started(stream) => put("stream_started", &stream),
            News::Changed(stream) => put("stream_changed", &stream),
            News::Ended(stream_id) => Self::new("stream_ended", &Ended { stream_id }).remove(stream_id),
        }
    }
}
