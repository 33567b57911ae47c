//! What can go wrong with blobs, and which code an error of the object store has.

use axum::http::StatusCode;
use protocol::ErrorCode;

use crate::{api, library};

/// Why upkeep of the blobs was not finished.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Another main server collects garbage now.
    #[error("a garbage collection is running already: try again when it has ended")]
    Busy,
    /// Another main server took over, because this one did not reach the store for too long.
    #[error("the store was not reached for too long")]
    LostLease,
    /// The record of an item names a blob by something else than a hash.
    #[error("an item names a blob {0:?}, which is not a hash")]
    NotAHash(String),
    /// The store's.
    #[error("store: {0}")]
    Store(#[from] store::Error),
    /// The object store's.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// The library's.
    #[error(transparent)]
    Library(#[from] library::Error),
}

impl From<objects::Error> for api::error::Error {
    fn from(error: objects::Error) -> Self {
        match error {
            objects::Error::Missing(_) => Self::new(ErrorCode::UnknownBlob, error.to_string()),
            objects::Error::TooLarge(_) => Self::new(ErrorCode::PayloadTooLarge, error.to_string()),
            objects::Error::Range(_) => {
                Self::invalid(error.to_string()).with_status(StatusCode::RANGE_NOT_SATISFIABLE)
            }
            objects::Error::Unavailable(_) => {
                tracing::warn!("{error}");
                let message = "the object store is not available: try again in a moment";
                Self::new(ErrorCode::ObjectsUnavailable, message)
            }
            _ => {
                tracing::error!("the object store: {error}");
                Self::internal()
            }
        }
    }
}
