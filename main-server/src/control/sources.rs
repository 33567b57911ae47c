//! Where an edge may pull a stream from.

use protocol::{
    NodeId, StreamId,
    stream::{NodeAddress, Visibility},
};

use super::{ControlPlane, Error, State};
use crate::{catalogue::Carrier, clock::Now, registry::Node};

/// Most nodes that are named.
const MAX_SOURCES: usize = 4;

impl ControlPlane {
    /// The nodes that `asking` may pull the stream from: they have it live, and not by way of `asking`; the nearest to the
    /// origin first, avoided ones last.
    ///
    /// # Errors
    /// [`Error::Registry`] if the asking node is unknown, [`Error::Catalogue`] if the stream is unknown or over,
    /// [`Error::NoNodeAvailable`] if nobody has it.
    pub(crate) fn sources(
        &self,
        asking: &NodeId,
        stream_id: StreamId,
        avoid: &[String],
        now: Now,
    ) -> Result<(Visibility, Vec<NodeAddress>), Error> {
        self.change(|state| {
            let hostname = &state.registry.get(asking)?.hostname;
            let visibility = state.catalogue.running(stream_id)?.visibility();
            let mut sources = state.carriers_above(hostname, stream_id, now);
            sources.sort_by_key(|(node, carrier)| {
                (avoid.contains(&node.public_url), carrier.path.len(), carrier.relays, node.hostname.as_str())
            });
            let address = |(node, _): &(&Node, _)| NodeAddress { public_url: node.public_url.clone() };
            let nodes: Vec<NodeAddress> = sources.iter().take(MAX_SOURCES).map(address).collect();
            if nodes.is_empty() { Err(Error::NoNodeAvailable) } else { Ok((visibility, nodes)) }
        })
    }
}

impl State {
    /// The live nodes that have the stream live and do not get it from `hostname`.
    fn carriers_above(&self, hostname: &str, stream_id: StreamId, now: Now) -> Vec<(&Node, &Carrier)> {
        let stream = self.catalogue.running(stream_id).ok();
        let carriers = stream.into_iter().flat_map(|stream| stream.carriers());
        let above = |(id, carrier): (&NodeId, _)| Some((self.registry.get(id).ok()?, carrier));
        let from_there = |carrier: &Carrier| carrier.path.iter().any(|upstream| upstream == hostname);
        carriers
            .filter_map(above)
            .filter(|(node, carrier): &(&Node, &Carrier)| {
                carrier.is_live()
                    && node.is_live(now.instant)
                    && node.hostname != hostname
                    && !from_there(carrier)
            })
            .collect()
    }
}
