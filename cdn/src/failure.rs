//! Failed calls over HTTP, in the form that all errors have.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::{ErrorBody, WireError};

/// After how long it is worth trying again where the node has no room, or is not ready.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A failed call: `status`, and why in the form that all errors have. `Retry-After` is what the error says.
pub(crate) fn failure(status: StatusCode, error: WireError) -> Response {
    let retry_after_s = error.retry_after_s;
    let mut response = (status, Json(ErrorBody { error })).into_response();
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
