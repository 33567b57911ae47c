//! Errors about the library, and the code of each.

use protocol::ErrorCode;

use crate::{api::error::Error as ApiError, auth::token, cluster::partition::CutOff};

/// Why a request about an item failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No item has this id, it is deleted, or the caller may not see it: the answer does not say which.
    #[error("no item has this id, or you may not see it")]
    Unknown,
    /// The item has no media yet; contains the reason.
    #[error("{0}")]
    NotReady(String),
    /// The library, or the account's part of it, is full; names the option.
    #[error("{0}")]
    Full(String),
    /// A field is out of range; names it.
    #[error("{0}")]
    Invalid(String),
    /// The take has another type or init segment than at its beginning.
    #[error("take {0} was begun with another type or init segment")]
    OtherTake(u64),
    /// The system gave no random bytes.
    #[error(transparent)]
    Random(#[from] token::Error),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Other main servers may know better.
    #[error(transparent)]
    CutOff(#[from] CutOff),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unknown => Self::new(ErrorCode::UnknownItem, error.to_string()),
            Error::NotReady(_) => Self::new(ErrorCode::ItemNotReady, error.to_string()),
            Error::Full(_) => Self::new(ErrorCode::QuotaExceeded, error.to_string()),
            Error::Invalid(_) | Error::OtherTake(_) => Self::invalid(error.to_string()),
            Error::Store(error) => error.into(),
            Error::CutOff(error) => error.into(),
            Error::Random(error) => {
                tracing::error!("{error}");
                Self::internal()
            }
        }
    }
}
