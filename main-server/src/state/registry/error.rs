//! Why a node is refused.

/// Why a node was not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    /// The hostname belongs to a live node.
    #[error(
        "hostname {0:?} belongs to another live node: choose another name or wait for its lease to expire"
    )]
    HostnameTaken(String),
    /// Not registered, or replaced, or forgotten.
    #[error("no node has the id {0:?}: register again")]
    UnknownNode(String),
    /// A name or address no node can have; says why.
    #[error("{0}")]
    Invalid(&'static str),
    /// [`Settings::max_nodes`](super::Settings::max_nodes) is reached.
    #[error("the limit of {0} nodes (max_nodes) is reached")]
    Full(usize),
}
