//! What ingest tells, handed to the egress of every transport.

use std::sync::Arc;

use protocol::StreamId;

use super::{Audience, forward::Forwarding};
use crate::{
    hub::SharedStream,
    ingest::{Arrival, Follower},
};

/// One transport's egress, as ingest sees it. Calls return at once.
pub(crate) trait Carrier: Send + Sync {
    /// A stream is carried from now on.
    fn opened(&self, stream: &SharedStream);
    /// The stream has new chunks. Their segment's record is held until it was forwarded.
    fn arrived(&self, stream: StreamId, forwarding: Option<&Arc<Forwarding>>);
    /// Its state or its path changed.
    fn changed(&self, stream: StreamId);
}

/// The egress of all transports.
pub(crate) struct Fanout {
    pub(crate) audience: Arc<Audience>,
    pub(crate) carriers: Vec<Arc<dyn Carrier>>,
}

impl Follower for Fanout {
    fn opened(&self, stream: &SharedStream) {
        self.carriers.iter().for_each(|carrier| carrier.opened(stream));
    }

    fn arrived(&self, stream: StreamId, arrival: &Arrival) {
        let forwarding = Forwarding::begin(stream, arrival);
        self.carriers.iter().for_each(|carrier| carrier.arrived(stream, forwarding.as_ref()));
    }

    fn state_changed(&self, stream: StreamId) {
        self.carriers.iter().for_each(|carrier| carrier.changed(stream));
    }

    fn appended(&self, stream: StreamId) {
        self.carriers.iter().for_each(|carrier| carrier.arrived(stream, None));
    }

    fn readers(&self, stream: StreamId) -> (u32, u32) {
        self.audience.of(stream)
    }
}
