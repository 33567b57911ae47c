//! Where an edge may pull a stream from.

use protocol::{NodeId, StreamId, node::SourceAddress, stream::Visibility};

use crate::{
    clock::Now,
    control::{ControlPlane, Error},
};

/// Most nodes that are named.
const MAX_SOURCES: usize = 4;

impl ControlPlane {
    /// The nodes that `asking` may pull the stream from: they have it live, not by way of `asking`, and room for a relay;
    /// near the origin and little loaded ones first, avoided ones last.
    ///
    /// # Errors
    /// [`Error::Registry`] if the asking node is unknown, [`Error::Catalogue`] if the stream is unknown or over,
    /// [`Error::NoNodeAvailable`] if no node has it, [`Error::NoCapacity`] if none of those has room, and [`Error::CutOff`] if what is
    /// unknown here may be known elsewhere: the asking node would take the stream for ended.
    pub(crate) fn sources(
        &self,
        asking: &NodeId,
        stream_id: StreamId,
        avoid: &[String],
        now: Now,
    ) -> Result<(Visibility, Vec<SourceAddress>), Error> {
        let found = self.change(|state| {
            let hostname = &state.registry.get(asking)?.hostname;
            let stream = state.catalogue.running(stream_id)?;
            if stream.is_in_doubt() {
                return Err(Error::NoNodeAvailable);
            }
            let visibility = stream.visibility();
            let nodes = state.fleet.sources(stream_id, hostname, avoid, MAX_SOURCES, now.instant)?;
            Ok((visibility, nodes))
        });
        match found {
            Err(unknown @ (Error::Registry(_) | Error::Catalogue(_))) => {
                Err(self.knows_all().err().unwrap_or(unknown))
            }
            found => found,
        }
    }
}
