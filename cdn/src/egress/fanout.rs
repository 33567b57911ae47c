//! What ingest tells, handed to the egress of every transport.

use std::sync::{Arc, OnceLock};

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
    audience: Arc<Audience>,
    carriers: OnceLock<Vec<Arc<dyn Carrier>>>,
}

impl Fanout {
    pub(crate) fn new(audience: Arc<Audience>) -> Self {
        Self { audience, carriers: OnceLock::new() }
    }

    /// Hands on to these, which are all there are.
    pub(crate) fn serve(&self, carriers: Vec<Arc<dyn Carrier>>) {
        self.carriers.get_or_init(|| carriers);
    }

    fn carriers(&self) -> impl Iterator<Item = &Arc<dyn Carrier>> {
        self.carriers.get().into_iter().flatten()
    }
}

impl Follower for Fanout {
    fn opened(&self, stream: &SharedStream) {
        self.carriers().for_each(|carrier| carrier.opened(stream));
    }

    fn arrived(&self, stream: StreamId, arrival: &Arrival) {
        let forwarding = Forwarding::begin(stream, arrival);
        self.carriers().for_each(|carrier| carrier.arrived(stream, forwarding.as_ref()));
    }

    fn state_changed(&self, stream: StreamId) {
        self.carriers().for_each(|carrier| carrier.changed(stream));
    }

    fn appended(&self, stream: StreamId) {
        self.carriers().for_each(|carrier| carrier.arrived(stream, None));
    }

    fn readers(&self, stream: StreamId) -> (u32, u32) {
        self.audience.of(stream)
    }
}
