//! The end of a connection that has nothing left to do once a stream has ended.
//!
//! A connection that begins with another stream within [`CLOSE_AFTER`] stays; the time is counted from the last end. The connection of a
//! broadcaster that ended its stream itself stays too: the broadcaster may create the next one.

use std::{sync::Arc, time::Duration};

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
        if !self.turns.take_ended_itself(stream) {
            self.close_if_unused();
        }
    }
}

impl Connection {
    /// Closes it after a moment if nothing begins or ends until then, and it neither watches nor publishes.
    fn close_if_unused(&self) {
        let (me, end) = (self.me.clone(), self.turns.ended());
        self.server.context.spawn("end of a connection", async move {
            tokio::time::sleep(CLOSE_AFTER).await;
            let unused = |connection: &Arc<Self>| connection.turns.is_last(end) && connection.is_unused();
            if let Some(connection) = me.upgrade().filter(unused) {
                connection.recipient.disconnect();
            }
        });
    }

    fn is_unused(&self) -> bool {
        lock(&self.watched).is_empty() && self.server.context.ingest.publishes_nothing(self.id)
    }
}
