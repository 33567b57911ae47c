//! Failed calls over HTTP, in the form that all errors have.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use protocol::{ErrorBody, WireError};

/// A failed call: `status`, and why in the form that all errors have.
pub(crate) fn failure(status: StatusCode, error: WireError) -> Response {
    (status, Json(ErrorBody { error })).into_response()
}
