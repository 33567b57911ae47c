//! Why something about uploads was refused, and the answer to each reason.

use std::time::Duration;

use axum::http::StatusCode;
use protocol::ErrorCode;

use crate::{api::error::Error as ApiError, auth::token, library};

/// The status of tus for a wrong checksum.
const CHECKSUM_MISMATCH: u16 = 460;
/// After how long it is worth trying again what needs another upload to end.
const AFTER_ANOTHER: Duration = Duration::from_secs(30);

/// Why something was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody may upload.
    #[error("uploads are switched off here (option upload)")]
    Off,
    /// Only accounts may upload.
    #[error("to upload here, sign in first")]
    NotAllowed,
    /// `Tus-Resumable` is missing or another version.
    #[error("Tus-Resumable has to be 1.0.0")]
    Version,
    /// A header is missing or invalid; says which and how.
    #[error("{0}")]
    Invalid(String),
    /// The body is of another type.
    #[error("Content-Type has to be application/offset+octet-stream")]
    ContentType,
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The file has more bytes than this.
    #[error("a file may have {0} bytes at most (upload_bytes)")]
    TooLarge(u64),
    /// The request has more bytes than the upload lacks.
    #[error("the request has more bytes than Upload-Length leaves")]
    TooLong,
    /// The account or the address has as many uploads as it may.
    #[error("the limit of {0} unfinished uploads (uploads_per_address) is reached: finish or end others")]
    TooMany(usize),
    /// The cluster has as many uploads as it may.
    #[error("too many unfinished uploads are kept here: try again later")]
    Full,
    /// This server receives as much as it may.
    #[error("this server receives as many uploads as it can: try again in a moment")]
    Busy,
    /// No upload has this URL, or it belongs to another account.
    #[error("there is no such upload")]
    Unknown,
    /// The upload expired or was ended.
    #[error("the upload has expired or was ended: begin a new one")]
    Gone,
    /// The upload has another offset, or another request took it over.
    #[error("the upload is at another offset, or another request continues it: ask for its offset")]
    Conflict,
    /// The upload is complete.
    #[error("the upload is complete: delete the item instead")]
    Complete,
    /// The upload came in too many requests.
    #[error("the upload came in too many requests: begin a new one and send more bytes with each")]
    TooManyWriters,
    /// The bytes do not have the checksum.
    #[error("the bytes do not have the checksum in Upload-Checksum, and were not taken")]
    Checksum,
    /// The body ended early. What came before is kept.
    #[error("the body is incomplete: ask for the offset and go on from there")]
    Cut,
    /// The server is about to end. What came before is kept.
    #[error("this server is stopping: ask for the offset and go on in a moment")]
    Stopping,
    /// The library is full, or did not take a change.
    #[error(transparent)]
    Library(#[from] library::Error),
    /// The system gave no random bytes.
    #[error(transparent)]
    Random(#[from] token::Error),
    /// The store did not take a change.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The object store did not take or give bytes.
    #[error(transparent)]
    Objects(#[from] objects::Error),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Off => Self::new(ErrorCode::Forbidden, message),
            Error::NotAllowed => Self::new(ErrorCode::Unauthorized, message),
            Error::Version => {
                Self::new(ErrorCode::InvalidRequest, message).with_status(StatusCode::PRECONDITION_FAILED)
            }
            Error::Invalid(_) | Error::Empty | Error::Cut => Self::invalid(message),
            Error::ContentType => {
                Self::new(ErrorCode::InvalidRequest, message).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Error::TooLarge(_) | Error::TooLong => Self::new(ErrorCode::PayloadTooLarge, message),
            Error::TooMany(_) | Error::Full => {
                Self::new(ErrorCode::LimitReached, message).after(AFTER_ANOTHER)
            }
            Error::TooManyWriters => Self::new(ErrorCode::LimitReached, message),
            Error::Busy | Error::Stopping => Self::new(ErrorCode::NoCapacity, message),
            Error::Unknown => Self::new(ErrorCode::UnknownUpload, message),
            Error::Gone => Self::new(ErrorCode::UnknownUpload, message).with_status(StatusCode::GONE),
            Error::Conflict | Error::Complete => Self::new(ErrorCode::UploadConflict, message),
            Error::Checksum => {
                let status = StatusCode::from_u16(CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST);
                Self::new(ErrorCode::ChecksumMismatch, message).with_status(status)
            }
            Error::Store(error) => error.into(),
            Error::Library(error) => error.into(),
            Error::Objects(error) => {
                tracing::warn!("the object store: {error}");
                Self::new(
                    ErrorCode::ObjectsUnavailable,
                    "the object store cannot be used now: try again in a moment",
                )
            }
            Error::Random(error) => {
                tracing::error!("{error}");
                Self::internal()
            }
        }
    }
}
