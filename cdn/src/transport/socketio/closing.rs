//! The end of a connection that has nothing left to do once a stream has ended.
//!
//! A connection that begins with another stream within [`CLOSE_AFTER`] stays; the time is counted from the last end. The connection of a
//! broadcaster that ended its stream itself stays too: the broadcaster may create the next one.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use protocol::StreamId;

use super::{connection::Connection, open_connections::OnStreamEnd};
use crate::lock::lock;

/// Time for the last packets, for a client that closes by itself, and for one that begins with another stream.
const CLOSE_AFTER: Duration = Duration::from_secs(1);

/// What a connection's streams did, as far as closing it depends on that.
#[derive(Default)]
pub(super) struct Turns {
    /// How many streams began or ended.
    count: AtomicU64,
    /// Streams that the broadcaster ended itself and whose end is not announced yet.
    ended_itself: Mutex<HashSet<StreamId>>,
}

impl Turns {
    /// The connection watches or publishes another stream. It is not closed for streams that ended before.
    pub(super) fn begun(&self) {
        self.next();
    }

    /// Ends `stream` with `end`, for its broadcaster.
    pub(super) fn end_itself<E>(
        &self,
        stream: StreamId,
        end: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        // Before the end, which another thread may announce at once.
        let is_new = lock(&self.ended_itself).insert(stream);
        let ended = end();
        if ended.is_err() && is_new {
            lock(&self.ended_itself).remove(&stream);
        }
        ended
    }

    /// A number for what happened last.
    fn next(&self) -> u64 {
        self.count.fetch_add(1, Relaxed) + 1
    }

    fn is_last(&self, number: u64) -> bool {
        self.count.load(Relaxed) == number
    }
}

impl OnStreamEnd for Connection {
    fn watched_stream_ended(&self) {
        self.close_if_unused();
    }

    fn published_stream_ended(&self, stream: StreamId) {
        let ended_itself = lock(&self.turns.ended_itself).remove(&stream);
        if !ended_itself {
            self.close_if_unused();
        }
    }
}

impl Connection {
    /// Closes it after a moment if nothing begins or ends until then, and it neither watches nor publishes.
    fn close_if_unused(&self) {
        let (me, end) = (self.me.clone(), self.turns.next());
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
