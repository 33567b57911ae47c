//! Why something about invitations was refused, and the code of each reason.

use protocol::ErrorCode;

use super::record::Refusal;
use crate::{api::error::Error as ApiError, auth::token};

/// Why something was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A field of a new invitation is out of range; says which.
    #[error("{0}")]
    Invalid(&'static str),
    /// The stream or item has as many invitations as it may.
    #[error("the limit of {0} invitations is reached: revoke some")]
    Full(usize),
    /// There is no such invitation, or it was revoked.
    #[error("there is no such invitation")]
    Unknown,
    /// A viewer is not admitted.
    #[error("{0}")]
    Refused(Refusal),
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
            Error::Invalid(_) => Self::invalid(error.to_string()),
            Error::Full(_) => Self::new(ErrorCode::LimitReached, error.to_string()),
            Error::Unknown => Self::new(ErrorCode::UnknownInvitation, error.to_string()),
            Error::Refused(refusal) => {
                Self::new(ErrorCode::InvitationRefused, error.to_string()).because(refusal.reason())
            }
            Error::Store(error) => error.into(),
            Error::Random(error) => {
                tracing::error!("{error}");
                Self::internal()
            }
        }
    }
}
