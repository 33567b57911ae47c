//! Why a request for an item's media is refused, and the answer that says so.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use objects::Hash;
use protocol::{ErrorCode, ItemId, WireError};

use crate::failure::{RETRY_AFTER, failure};

/// A request that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: WireError,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status, error: WireError::new(code, message) }
    }

    /// The answer of a main server that has no manifest to give.
    pub(crate) fn passed_on(status: StatusCode, error: WireError) -> Self {
        Self { status, error }
    }

    pub(super) fn bad_grant(error: WireError) -> Self {
        let status = match error.code {
            ErrorCode::NoNodeAvailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::FORBIDDEN,
        };
        Self { status, error }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, message)
    }

    pub(super) fn unknown_item(item_id: &str) -> Self {
        let shown: String = item_id.chars().take(64).collect();
        Self::new(StatusCode::NOT_FOUND, ErrorCode::UnknownItem, format!("there is no item {shown}"))
    }

    pub(super) fn not_ready(item_id: ItemId) -> Self {
        let message = format!("item {item_id} has no media yet; try again in a moment");
        Self::new(StatusCode::CONFLICT, ErrorCode::ItemNotReady, message)
    }

    pub(super) fn unknown_blob(hash: impl std::fmt::Display) -> Self {
        let message = format!("the manifest of the item names no blob {hash:.64}");
        Self::new(StatusCode::NOT_FOUND, ErrorCode::UnknownBlob, message)
    }

    pub(super) fn missing_blob(hash: &Hash) -> Self {
        let message = format!(
            "blob {hash} is missing from the object store; an operator can run undead library verify"
        );
        Self::new(StatusCode::NOT_FOUND, ErrorCode::UnknownBlob, message)
    }

    pub(super) fn objects_unavailable() -> Self {
        let message = "the node cannot read the object store now; try another node, or again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ObjectsUnavailable, message)
    }

    pub(super) fn records_unavailable() -> Self {
        let message =
            "no main server can be reached for the item's manifest; try another node, or again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::StoreUnavailable, message)
    }

    pub(super) fn too_many() -> Self {
        let message = "this node sends as much of the library as it may, or as much to your address; \
                       try another node, or again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NoCapacity, message)
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, ErrorCode::UnsupportedFormat, message)
    }

    /// What happened, for programs.
    pub(super) fn code(&self) -> ErrorCode {
        self.error.code
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let can_pass =
            self.status == StatusCode::SERVICE_UNAVAILABLE || self.error.code == ErrorCode::ItemNotReady;
        failure(self.status, if can_pass { self.error.after(RETRY_AFTER) } else { self.error })
    }
}
