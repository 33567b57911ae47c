//! What the streams of a connection did, as far as [closing](super::closing) it depends on that.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use protocol::StreamId;

use crate::lock::lock;

/// See the [module](self).
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

    /// A stream of the connection ended. Gives a number for [`Self::is_last`].
    pub(super) fn ended(&self) -> u64 {
        self.next()
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

    /// Whether the broadcaster ended `stream` itself; says so once.
    pub(super) fn take_ended_itself(&self, stream: StreamId) -> bool {
        lock(&self.ended_itself).remove(&stream)
    }

    /// Whether no stream began or ended since [`Self::ended`] gave this number.
    pub(super) fn is_last(&self, number: u64) -> bool {
        self.count.load(Relaxed) == number
    }

    fn next(&self) -> u64 {
        self.count.fetch_add(1, Relaxed) + 1
    }
}
