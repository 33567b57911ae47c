//! The connections of a node, by the id of their socket. Those that have nothing left to do once a stream has ended are closed:
//! no client holds a socket for a stream that has ended.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
};

use protocol::StreamId;
use socketioxide_core::Sid;

use crate::lock::lock;

/// A connection that is told when a stream ends.
pub(super) trait OnStreamEnd: Send + Sync {
    /// A stream that it watched ended.
    fn watched_stream_ended(&self);

    /// A stream that it published ended.
    fn published_stream_ended(&self, stream: StreamId);
}

/// The connections of a node.
#[derive(Clone, Default)]
pub(super) struct OpenConnections(Arc<Mutex<HashMap<Sid, Weak<dyn OnStreamEnd>>>>);

impl OpenConnections {
    pub(super) fn add(&self, sid: Sid, connection: Weak<dyn OnStreamEnd>) {
        lock(&self.0).insert(sid, connection);
    }

    pub(super) fn remove(&self, sid: Sid) {
        lock(&self.0).remove(&sid);
    }

    /// The connection, if it is still open.
    pub(super) fn get(&self, sid: Sid) -> Option<Arc<dyn OnStreamEnd>> {
        let connection = lock(&self.0).get(&sid).cloned();
        connection.and_then(|connection| connection.upgrade())
    }
}
