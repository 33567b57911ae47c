//! What one node has to do with a stream, as its last heartbeat said.

use protocol::{node::CarriedStream, stream::StreamState};

/// A node that carries a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carrier {
    /// How the stream is doing there.
    pub(crate) state: StreamState,
    /// Viewers there; other nodes that pull the stream from this one are none.
    pub(crate) viewers: u32,
    /// Hostnames of the nodes it comes through, origin first.
    pub(crate) path: Vec<String>,
    /// Other nodes that pull it from this one.
    pub(crate) relays: u32,
}

impl Carrier {
    /// Whether the broadcaster sends to it, and not another node.
    pub(crate) fn is_origin(&self) -> bool {
        self.path.is_empty()
    }

    /// Whether it has the stream live.
    pub(crate) fn is_live(&self) -> bool {
        self.state == StreamState::Live
    }

    /// Takes over what the node reports. True if viewers see a difference.
    pub(super) fn take_over(&mut self, row: &CarriedStream) -> bool {
        let changed = self.state != row.state || self.viewers != row.viewers;
        (self.state, self.viewers, self.relays) = (row.state, row.viewers, row.relays);
        if self.path != row.path {
            self.path.clone_from(&row.path);
        }
        changed
    }
}

impl From<&CarriedStream> for Carrier {
    fn from(row: &CarriedStream) -> Self {
        Self { state: row.state, viewers: row.viewers, path: row.path.clone(), relays: row.relays }
    }
}
