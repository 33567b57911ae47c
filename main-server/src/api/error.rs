//! The only map from error codes to statuses: whatever fails becomes `{ "error": { "code", "message" } }`. Which code a feature's
//! error has is said in the folder of the feature.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use placement::Refusal;
use protocol::{ErrorBody, ErrorCode, WireError, grant};

use crate::{
    auth::HasherError,
    cluster::partition::{CutOff, NotReady},
};

/// Seconds after which it is worth trying again what failed for want of room.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A failed call.
#[derive(Debug)]
pub(crate) struct Error {
    status: StatusCode,
    error: WireError,
    /// After how long it is worth trying again, where that makes sense.
    retry_after: Duration,
}

impl Error {
    /// An error with the status that belongs to `code`.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status: status(code), error: WireError::new(code, message), retry_after: RETRY_AFTER }
    }

    /// The same error, with the time after which it is worth trying again.
    pub(crate) fn after(self, retry_after: Duration) -> Self {
        Self { retry_after, ..self }
    }

    /// The same error with a reason for programs.
    pub(crate) fn because(mut self, reason: &str) -> Self {
        self.error.reason = Some(reason.to_owned());
        self
    }

    /// The same error with another status than its code has otherwise.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Its code.
    #[cfg(test)]
    pub(crate) fn code(&self) -> ErrorCode {
        self.error.code
    }

    /// The body or a parameter is not what the call takes.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// The server failed; the log says how.
    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::Internal, "the server failed: its log says how")
    }

    /// The server failed and is about to end; says why.
    pub(crate) fn failing(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, ..Self::new(ErrorCode::Internal, message) }
    }

    /// Nothing is at this path.
    pub(crate) fn no_such_path(path: &str) -> Self {
        let shown: String = path.chars().take(100).collect();
        Self::new(ErrorCode::NotFound, format!("no route {shown}: see /api/openapi.json"))
    }

    /// Something is at this path, but not with this method.
    pub(crate) fn method_not_allowed() -> Self {
        let error = Self::new(ErrorCode::NotFound, "no such method here: see /api/openapi.json");
        Self { status: StatusCode::METHOD_NOT_ALLOWED, ..error }
    }

    /// The call needs a publish grant, and there is none.
    pub(crate) fn no_grant() -> Self {
        let error = Self::new(ErrorCode::InvalidGrant, "this call needs the publish grant as a bearer token");
        Self { status: StatusCode::UNAUTHORIZED, ..error }
    }

    /// The request did not arrive in time.
    pub(crate) fn too_slow() -> Self {
        let error = Self::invalid("the request took too long to arrive or to answer: try again");
        Self { status: StatusCode::REQUEST_TIMEOUT, ..error }
    }
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidRequest | ErrorCode::InvalidTitle => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized
        | ErrorCode::WrongPassword
        | ErrorCode::BroadcastNotAllowed
        | ErrorCode::UnknownMember => StatusCode::UNAUTHORIZED,
        ErrorCode::InvalidGrant
        | ErrorCode::WrongPassphrase
        | ErrorCode::InvitationRefused
        | ErrorCode::Forbidden
        | ErrorCode::Csrf
        | ErrorCode::NotAllowed
        | ErrorCode::SetupRefused => StatusCode::FORBIDDEN,
        ErrorCode::NotFound
        | ErrorCode::UnknownStream
        | ErrorCode::UnknownNode
        | ErrorCode::UnknownAccount
        | ErrorCode::UnknownKey
        | ErrorCode::UnknownInvitation
        | ErrorCode::UnknownItem
        | ErrorCode::UnknownUpload
        | ErrorCode::UnknownBlob
        | ErrorCode::UnknownParty
        | ErrorCode::UnknownEntry
        | ErrorCode::UnknownJob => StatusCode::NOT_FOUND,
        ErrorCode::HostnameTaken
        | ErrorCode::NameTaken
        | ErrorCode::LastOperator
        | ErrorCode::Conflict
        | ErrorCode::TaskLost
        | ErrorCode::ItemNotReady
        | ErrorCode::UploadConflict => StatusCode::CONFLICT,
        ErrorCode::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
        ErrorCode::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::LimitReached => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::NoNodeAvailable
        | ErrorCode::NoCapacity
        | ErrorCode::StoreUnavailable
        | ErrorCode::ObjectsUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        // The rest are codes of nodes, which this server never answers with.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let Self { status, error, retry_after } = self;
        let can_pass = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let error = if can_pass { error.after(retry_after) } else { error };
        let retry_after_s = error.retry_after_s;
        let mut response = (status, Json(ErrorBody { error })).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NoNode => ErrorCode::NoNodeAvailable,
            Refusal::NoCapacity => ErrorCode::NoCapacity,
        };
        Self::new(code, refusal.to_string())
    }
}

impl From<CutOff> for Error {
    fn from(error: CutOff) -> Self {
        Self::new(ErrorCode::StoreUnavailable, error.to_string())
    }
}

impl From<NotReady> for Error {
    fn from(error: NotReady) -> Self {
        match error {
            NotReady::Store(error) => error.into(),
            NotReady::CutOff(error) => error.into(),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Busy | store::Error::Conflict => {
                tracing::warn!("a request could not change the store: {error}");
                let message = "too many changes at the same time: try again in a moment";
                Self::new(ErrorCode::LimitReached, message)
            }
            store::Error::Unavailable(_) => {
                tracing::warn!("a request could not change the store: {error}");
                let message = "the store cannot be written now: try again in a moment";
                Self::new(ErrorCode::StoreUnavailable, message)
            }
            _ => {
                tracing::error!("the store: {error}");
                Self::internal()
            }
        }
    }
}

impl From<grant::Error> for Error {
    fn from(error: grant::Error) -> Self {
        match error {
            grant::Error::Invalid | grant::Error::Other => {
                Self::new(ErrorCode::InvalidGrant, error.to_string())
            }
            _ => {
                tracing::error!("grants: {error}");
                Self::internal()
            }
        }
    }
}

impl From<HasherError> for Error {
    fn from(error: HasherError) -> Self {
        match error {
            HasherError::Busy(retry_after) => {
                Self::new(ErrorCode::LimitReached, error.to_string()).after(retry_after)
            }
            HasherError::Hash(_) => {
                tracing::error!("{error}");
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_for_want_of_room_say_when_to_try_again() {
        for code in [
            ErrorCode::LimitReached,
            ErrorCode::NoNodeAvailable,
            ErrorCode::NoCapacity,
            ErrorCode::StoreUnavailable,
        ] {
            let answer = Error::new(code, "full").into_response();
            assert!(matches!(
                answer.status(),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            ));
            assert_eq!(answer.headers()[header::RETRY_AFTER], "2", "{code:?}");
        }
        let busy = Error::from(HasherError::Busy(Duration::from_secs(5))).into_response();
        assert_eq!(busy.headers()[header::RETRY_AFTER], "5");
        assert!(!Error::internal().into_response().headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn contention_is_told_from_an_outage() {
        for error in [store::Error::Busy, store::Error::Conflict] {
            assert_eq!(Error::from(error).error.code, ErrorCode::LimitReached);
        }
        let away = Error::from(store::Error::Unavailable("gone".into()));
        assert_eq!(away.error.code, ErrorCode::StoreUnavailable);
    }
}
