//! Streams that begin here while somebody waits for them: a viewer may have the link before the broadcaster has sent
//! anything.

use protocol::StreamId;
use tokio::sync::{Notify, futures::Notified};

use crate::{
    hub::SharedStream,
    ingest::{Arrival, Follower},
};

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Arrivals(Notify);

impl Arrivals {
    /// The next stream that begins here after this call.
    pub(super) fn next(&self) -> Notified<'_> {
        self.0.notified()
    }
}

impl Follower for Arrivals {
    fn opened(&self, _: &SharedStream) {
        self.0.notify_waiters();
    }

    fn arrived(&self, _: StreamId, _: &Arrival) {}

    fn state_changed(&self, _: StreamId) {}

    fn appended(&self, _: StreamId) {}
}
