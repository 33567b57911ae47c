//! Streams that begin here while a viewer waits for them: it may have the link before the broadcaster has sent anything.

use tokio::sync::{Notify, futures::Notified};

use crate::ingest::StreamObserver;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct OpenedStreams(Notify);

impl OpenedStreams {
    /// The next stream that begins here after this call.
    pub(crate) fn next(&self) -> Notified<'_> {
        self.0.notified()
    }
}

impl StreamObserver for OpenedStreams {
    fn opened(&self) {
        self.0.notify_waiters();
    }
}
