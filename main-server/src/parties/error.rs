//! Errors about parties, and the code of each.

use std::time::Duration;

use protocol::ErrorCode;

use super::party::Refusal;
use crate::{
    api::error::Error as ApiError, auth::token, cluster::partition::CutOff,
    invitations::Error as InvitationError, library::Error as LibraryError, streams::Error as StreamError,
};

/// Why a request about a party failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No party has this id, it is over, or the caller may not see it: the answer does not say which.
    #[error("no party has this id, or you may not see it")]
    Unknown,
    /// The caller sent no member token.
    #[error("this call needs the token of a member of the party: join it first")]
    UnknownMember,
    /// The party does not allow it now.
    #[error("{0}")]
    Refused(Refusal),
    /// A field is out of range; names it.
    #[error("{0}")]
    Invalid(String),
    /// Members need an account.
    #[error("members of this party need an account: sign in first")]
    NeedsAccount,
    /// The server, or the caller's address, has reached the limit of parties.
    #[error("the limit of parties (parties, parties_per_address) is reached: try again later")]
    Full,
    /// The member has reached the limit of open event streams.
    #[error("this member has too many open event streams: close some")]
    TooManyStreams,
    /// The server has reached the limit of open event streams.
    #[error("the limit of listeners is reached: try again later")]
    NoListener,
    /// The caller sends too many requests; contains when to retry.
    #[error("too many calls of this kind: send fewer, or try again in a moment")]
    TooFast(Duration),
    /// The item cannot be played.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The stream cannot be watched.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The invitation does not admit the caller.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// The system gave no random bytes.
    #[error(transparent)]
    Random(#[from] token::Error),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Other main servers may know better.
    #[error(transparent)]
    CutOff(#[from] CutOff),
    /// A task of this server failed; see its log.
    #[error("the change was not made")]
    Failed,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownParty => Self::Unknown,
            Refusal::UnknownMember => Self::UnknownMember,
            refusal => Self::Refused(refusal),
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Unknown => ErrorCode::UnknownParty,
            Error::UnknownMember => ErrorCode::UnknownMember,
            Error::Refused(ref refusal) => refusal.code(),
            Error::Invalid(_) => ErrorCode::InvalidRequest,
            Error::NeedsAccount => ErrorCode::Unauthorized,
            Error::Full | Error::TooManyStreams | Error::NoListener => ErrorCode::LimitReached,
            Error::TooFast(wait) => {
                return Self::new(ErrorCode::LimitReached, error.to_string()).after(wait);
            }
            Error::Library(error) => return error.into(),
            Error::Stream(error) => return error.into(),
            Error::Invitation(error) => return error.into(),
            Error::Store(error) => return error.into(),
            Error::CutOff(error) => return error.into(),
            Error::Random(error) => {
                tracing::error!("{error}");
                return Self::internal();
            }
            Error::Failed => return Self::internal(),
        };
        Self::new(code, error.to_string())
    }
}
