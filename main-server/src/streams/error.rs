//! Why a request for a stream was refused.

use placement::Refusal;
use protocol::ErrorCode;

use crate::{api, cluster::partition::CutOff, state::catalogue};

/// See the [module](self).
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    /// The stream is unknown, or there are too many.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// No node can take it.
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
            Error::Catalogue(error) => Self::new(code(&error), error.to_string()),
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

fn code(error: &catalogue::Error) -> ErrorCode {
    match error {
        catalogue::Error::UnknownStream(_) => ErrorCode::UnknownStream,
        catalogue::Error::TooManyStreams(_)
        | catalogue::Error::TooManyOfAddress
        | catalogue::Error::TooManyWaiting(_)
        | catalogue::Error::TooManyPictures => ErrorCode::LimitReached,
    }
}
