//! Why a request of a node was refused.

use placement::Refusal;
use protocol::{ErrorCode, StreamId};

use crate::{api, cluster::partition::CutOff, state::registry};

/// See the [module](self).
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    /// The node is unknown, or was not accepted.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The stream is over, or never existed.
    #[error("stream {0} is over or unknown")]
    UnknownStream(StreamId),
    /// No node has the stream, or none may take more.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store did not take a change that has to last, or not in time.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Other main servers may know better.
    #[error(transparent)]
    CutOff(#[from] CutOff),
    /// The system gave no random bytes; says why.
    #[error("the system's random generator failed: {0}")]
    Random(String),
}

impl From<Error> for api::error::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Registry(error) => Self::new(code(&error), error.to_string()),
            Error::UnknownStream(_) => Self::new(ErrorCode::UnknownStream, error.to_string()),
            Error::Refused(refusal) => refusal.into(),
            Error::Store(error) => error.into(),
            Error::CutOff(error) => error.into(),
            Error::Random(_) => {
                tracing::error!("{error}");
                Self::internal()
            }
        }
    }
}

fn code(error: &registry::Error) -> ErrorCode {
    match error {
        registry::Error::HostnameTaken(_) => ErrorCode::HostnameTaken,
        registry::Error::UnknownNode(_) => ErrorCode::UnknownNode,
        registry::Error::Invalid(_) => ErrorCode::InvalidRequest,
        registry::Error::Full(_) => ErrorCode::LimitReached,
    }
}
