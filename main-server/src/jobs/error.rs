//! Errors about jobs, and the code of each.

use protocol::ErrorCode;
use store::queue::Error as QueueError;

use super::job::Refused;
use crate::{api::error::Error as ApiError, cluster::partition::CutOff, library::Error as LibraryError};

/// Why a request about a job failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No job has this id, or the caller may not see it: the answer does not say which.
    #[error("no job has this id, or you may not see it")]
    Unknown,
    /// The caller may not start jobs on this item.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// A field is out of range, or the item does not allow the job; contains the reason.
    #[error("{0}")]
    Invalid(String),
    /// The limit of unfinished jobs is reached; names the option.
    #[error("{0}")]
    Full(String),
    /// The job is done, so there is nothing to retry.
    #[error("the job is done")]
    Done,
    /// All places for event streams are taken.
    #[error("the limit of listeners is reached: try again later")]
    NoListener,
    /// The job made no file, or its file is gone.
    #[error("the job has no file")]
    NoFile,
    /// The worker no longer has the task.
    #[error("the task was cancelled, or another worker has it")]
    Lost,
    /// The output does not fit the task.
    #[error(transparent)]
    Refused(Refused),
    /// The item cannot be used, or the result cannot be made.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The object store failed.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Other main servers may know better.
    #[error(transparent)]
    CutOff(#[from] CutOff),
}

impl From<QueueError> for Error {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Store(error) => error.into(),
            QueueError::Full(_) => Self::Full(error.to_string()),
            _ => Self::Lost,
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Over => Self::Lost,
            Refused::Wrong => Self::Refused(refused),
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Unknown => ErrorCode::UnknownJob,
            Error::NotAllowed(_) => ErrorCode::Forbidden,
            Error::Invalid(_) | Error::Refused(_) => ErrorCode::InvalidRequest,
            Error::Full(_) | Error::NoListener => ErrorCode::LimitReached,
            Error::Done => ErrorCode::Conflict,
            Error::NoFile => ErrorCode::NotFound,
            Error::Lost => ErrorCode::TaskLost,
            Error::Library(error) => return error.into(),
            Error::Objects(error) => return error.into(),
            Error::Store(error) => return error.into(),
            Error::CutOff(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}
