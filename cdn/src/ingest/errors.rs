//! Why ingest refuses a broadcaster or a relay.

use protocol::{ErrorCode, StreamId, WireError};

use crate::failure::RETRY_AFTER;

/// The node carries as many streams as it may.
pub(crate) fn node_full() -> WireError {
    let message = "this node has reached its limit of streams; try another";
    WireError::new(ErrorCode::NoCapacity, message).after(RETRY_AFTER)
}

pub(super) fn ended(id: StreamId) -> WireError {
    WireError::new(ErrorCode::UnknownStream, format!("stream {id} is over; create a new one"))
}

pub(super) fn stale(take: u64, current: u64) -> WireError {
    WireError::new(ErrorCode::StaleTake, format!("take {take} is over; the stream is at take {current}"))
}

pub(super) fn taken_over(id: StreamId) -> WireError {
    let message = format!("stream {id} is published by a newer connection; stop sending on this one");
    WireError::new(ErrorCode::AlreadyPublishing, message)
}

pub(super) fn not_registered() -> WireError {
    let message = "this connection has not registered that stream and take; send register_new_stream first";
    WireError::new(ErrorCode::NotRegistered, message)
}
