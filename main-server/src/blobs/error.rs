//! Which code an error of the object store has.

use axum::http::StatusCode;
use protocol::ErrorCode;

use crate::api::error::Error;

impl From<objects::Error> for Error {
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
