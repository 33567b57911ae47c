//! A heartbeat as the registry and the catalogue take it over.

use protocol::StreamId;

/// The way of a heartbeat to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// From the node: this main server saves what follows from it.
    Directly,
    /// From another main server, which saves it.
    Forwarded,
}

/// What the catalogue makes of the streams in a heartbeat.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Streams the node has to end: they are over.
    pub(crate) over: Vec<StreamId>,
    /// Streams that are not known here. Perhaps they were created a moment ago elsewhere: the store knows.
    pub(crate) unknown: Vec<StreamId>,
}
