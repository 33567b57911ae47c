//! What nodes need of streams: their heartbeats say which streams they carry.

use std::collections::HashMap;

use protocol::{NodeId, StreamId, node::CarriedStream, stream::Visibility};

use crate::clock::Now;

/// The way of a heartbeat to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// From the node: this main server saves what follows from it.
    Directly,
    /// From another main server, which saves it.
    FromOthers,
}

/// The answer to a heartbeat.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// Streams the node has to end: they are over.
    pub(crate) over: Vec<StreamId>,
    /// Streams that are not known here. Perhaps they were created a moment ago elsewhere: the store knows.
    pub(crate) unknown: Vec<StreamId>,
}

/// Streams per hostname they are placed on.
pub(crate) type Counts<'a> = HashMap<&'a str, u32>;

/// The streams, as far as nodes are concerned.
pub(crate) trait Carried {
    /// Takes over everything a node carries.
    fn report(
        &mut self,
        node: &NodeId,
        hostname: &str,
        carried: &[CarriedStream],
        heard: Heard,
        now: Now,
    ) -> Orders;

    /// A node is gone, and what it carried with it.
    fn node_lost(&mut self, node: &NodeId, now: Now);

    /// Who may watch a stream that nodes may pull, and whether it is certain that it goes on; `None` if it is over or unknown.
    fn source(&self, stream_id: StreamId) -> Option<(Visibility, bool)>;

    /// Streams that are not over or are being created, and those among them that no media has arrived for.
    fn placed(&self) -> (Counts<'_>, Counts<'_>);
}
