//! Why a link to another node ended, or could not be made.

use protocol::{ErrorCode, WireError};

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The connection could not be made.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It answered with an error.
    #[error("it refuses: {0}")]
    Refused(WireError),
    /// It does not carry the stream any more, which is not over.
    #[error("it dropped the stream")]
    Dropped,
    /// It sent what no node sends.
    #[error("it sends malformed messages: {0}")]
    Malformed(String),
    /// Nothing came, or nothing new.
    #[error("it is silent")]
    Silent,
    /// The connection closed.
    #[error("the connection closed")]
    Closed,
    /// Its path to the origin got too long; so many hops.
    #[error("it is too far from the origin: {0} hops")]
    TooFar(usize),
    /// It gets the stream from this node.
    #[error("it gets the stream from this node itself")]
    Loop,
}

impl LinkError {
    /// Whether the address is at fault, as far as can be seen: nothing answers there, or the node that asks.
    pub(super) fn is_about_address(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused(error) => error.code == ErrorCode::RelayLoop,
            _ => false,
        }
    }
}
