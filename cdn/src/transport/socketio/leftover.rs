//! Connections that have nothing left to do once a stream has ended are closed: whoever ended it, no client holds a socket
//! for it.
//!
//! A connection that begins with another stream within [`CLOSE_AFTER`] stays. So does that of a broadcaster that ended its stream
//! itself: it may create the next one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use protocol::StreamId;
use socketioxide_core::Sid;

use super::connection::Connection;
use crate::lock::lock;

/// Time for the last packets, for a client that closes by itself, and for one that begins with another stream.
const CLOSE_AFTER: Duration = Duration::from_secs(1);

/// The connections of a node.
#[derive(Clone, Default)]
pub(super) struct OpenConnections(Arc<Mutex<HashMap<Sid, Weak<Connection>>>>);

impl OpenConnections {
    pub(super) fn add(&self, connection: &Arc<Connection>) {
        lock(&self.0).insert(connection.recipient.sid, Arc::downgrade(connection));
    }

    pub(super) fn remove(&self, sid: Sid) {
        lock(&self.0).remove(&sid);
    }

    /// A stream that the connection watched ended.
    pub(super) fn watched_stream_ended(&self, sid: Sid) {
        let connection = lock(&self.0).get(&sid).cloned();
        if let Some(connection) = connection.and_then(|connection| connection.upgrade()) {
            connection.close_if_left_over();
        }
    }

    /// A stream that the connection published ended.
    pub(super) fn published_stream_ended(&self, sid: Sid, stream: StreamId) {
        let connection = lock(&self.0).get(&sid).cloned();
        if let Some(connection) = connection.and_then(|connection| connection.upgrade())
            && *lock(&connection.ended_itself) != Some(stream)
        {
            connection.close_if_left_over();
        }
    }
}

impl Connection {
    /// Closes it after a moment if it neither watches nor publishes then.
    fn close_if_left_over(&self) {
        let me = self.me.clone();
        self.server.context.spawn("end of a connection", async move {
            tokio::time::sleep(CLOSE_AFTER).await;
            if let Some(connection) = me.upgrade().filter(|connection| connection.is_left_over()) {
                connection.recipient.disconnect();
            }
        });
    }

    fn is_left_over(&self) -> bool {
        lock(&self.watched).is_empty() && self.server.context.ingest.publishes_nothing(self.id)
    }
}
