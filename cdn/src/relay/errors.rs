//! Why a stream is refused to a viewer.

use protocol::{ErrorCode, StreamId, WireError};

/// No node can pass the stream on now.
pub(super) fn unavailable(id: StreamId) -> WireError {
    let message =
        format!("stream {id} is not available on this node now; try another node, or try again later");
    WireError::new(ErrorCode::NoNodeAvailable, message)
}

/// The stream does not exist, as far as this node knows.
pub(crate) fn unknown_stream(id: StreamId) -> WireError {
    let message = format!("this node does not carry stream {id}, or it is over; ask the main server");
    WireError::new(ErrorCode::UnknownStream, message)
}
