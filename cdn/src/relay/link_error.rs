//! Why a link to another node ended, or could not be made.

use protocol::{ErrorCode, WireError};

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The connection could not be made.
    #[error("the source cannot be reached: {0}")]
    Unreachable(String),
    /// The connection could be made, and TLS could not: above all, its certificate is not accepted.
    #[error("TLS to the source failed: {0}")]
    Untrusted(String),
    /// It answered with an error.
    #[error("the source refused: {0}")]
    Refused(WireError),
    /// It does not carry the stream any more, which is not over.
    #[error("the source dropped the stream")]
    Dropped,
    /// It sent what no node sends.
    #[error("the source sends malformed messages: {0}")]
    Malformed(String),
    /// Nothing arrived, or nothing new.
    #[error("the source is silent")]
    Silent,
    /// The connection closed.
    #[error("the connection closed")]
    Closed,
    /// Its path to the origin got too long; so many hops.
    #[error("the source is too far from the origin: {0} hops")]
    TooFar(usize),
    /// It gets the stream from this node.
    #[error("the source gets the stream from this node")]
    Loop,
}

impl LinkError {
    /// Whether the address is at fault, as far as can be seen: nothing answers there, or the node that asks.
    pub(super) fn is_about_address(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Untrusted(_) => true,
            Self::Refused(error) => error.code == ErrorCode::RelayLoop,
            _ => false,
        }
    }
}
