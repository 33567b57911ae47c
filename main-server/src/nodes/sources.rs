//! Where an edge may pull a stream from.

use placement::Refusal;
use protocol::{
    NodeId, StreamId,
    node::{Access, SourceAddress},
};

use super::{Error, Nodes};
use crate::clock::Now;

/// Most nodes that are named.
const MAX_SOURCES: usize = 4;

impl Nodes {
    /// The nodes that `asking` may pull the stream from: they have it live, not by way of `asking`, and room for a relay;
    /// near the origin and little loaded ones first, avoided ones last.
    ///
    /// # Errors
    /// [`Error::Registry`] if the asking node is unknown, [`Error::UnknownStream`] if the stream is unknown or over,
    /// [`Error::Refused`] if no node has it or none of those has room, and [`Error::CutOff`] if what is unknown here may be
    /// known elsewhere: the asking node would take the stream for ended.
    pub(crate) fn sources(
        &self,
        asking: &NodeId,
        stream_id: StreamId,
        avoid: &[String],
        now: Now,
    ) -> Result<(Access, Vec<SourceAddress>), Error> {
        let found = self.state.nodes(|registry, fleet, streams| {
            let hostname = &registry.get(asking)?.hostname;
            let (access, is_certain) = streams.source(stream_id).ok_or(Error::UnknownStream(stream_id))?;
            if !is_certain {
                return Err(Refusal::NoNode.into());
            }
            let nodes = fleet.sources(stream_id, hostname, avoid, MAX_SOURCES, now.instant)?;
            Ok((access, nodes))
        });
        if let Err(Error::Registry(_) | Error::UnknownStream(_)) = found {
            self.partition.knows_all()?;
        }
        found
    }
}
