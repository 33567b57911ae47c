//! The end of a connection that has nothing left to do once a stream has ended.
//!
//! A connection that begins with another stream within [`CLOSE_AFTER`] stays. So does that of a broadcaster that ended its stream
//! itself: it may create the next one.

use std::time::Duration;

use protocol::StreamId;

use super::{connection::Connection, open_connections::OnStreamEnd};
use crate::lock::lock;

/// Time for the last packets, for a client that closes by itself, and for one that begins with another stream.
const CLOSE_AFTER: Duration = Duration::from_secs(1);

impl OnStreamEnd for Connection {
    fn watched_stream_ended(&self) {
        self.close_if_unused();
    }

    fn published_stream_ended(&self, stream: StreamId) {
        if *lock(&self.ended_itself) != Some(stream) {
            self.close_if_unused();
        }
    }
}

impl Connection {
    /// Closes it after a moment if it neither watches nor publishes then.
    fn close_if_unused(&self) {
        let me = self.me.clone();
        self.server.context.spawn("end of a connection", async move {
            tokio::time::sleep(CLOSE_AFTER).await;
            if let Some(connection) = me.upgrade().filter(|connection| connection.is_unused()) {
                connection.recipient.disconnect();
            }
        });
    }

    fn is_unused(&self) -> bool {
        lock(&self.watched).is_empty() && self.server.context.ingest.publishes_nothing(self.id)
    }
}
