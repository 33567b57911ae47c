//! Why something about stream keys was refused, and the code of each reason.

use protocol::ErrorCode;

use crate::{api::error::Error as ApiError, auth::token};

/// Why something was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The caller has no account, as commands on this machine.
    #[error("a stream key belongs to an account: sign in first")]
    NoAccount,
    /// The account has as many keys as it may.
    #[error("the limit of {0} stream keys (max_stream_keys) of the account is reached: revoke some")]
    Full(usize),
    /// No key has this id, or it belongs to another account.
    #[error("there is no such stream key")]
    Unknown,
    /// The system gave no random bytes.
    #[error(transparent)]
    Random(#[from] token::Error),
    /// The store did not take a change.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::NoAccount => Self::new(ErrorCode::Forbidden, error.to_string()),
            Error::Full(_) => Self::new(ErrorCode::LimitReached, error.to_string()),
            Error::Unknown => Self::new(ErrorCode::UnknownKey, error.to_string()),
            Error::Store(error) => error.into(),
            Error::Random(error) => {
                tracing::error!("{error}");
                Self::internal()
            }
        }
    }
}
