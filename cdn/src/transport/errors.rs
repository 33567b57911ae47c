//! Why a node refuses a client, with the same messages on every transport.

use protocol::{ErrorCode, WireError};

use crate::{
    egress::AdmitError,
    failure::RETRY_AFTER,
    hub::{Closed, SharedStream},
    lock::lock,
    relay::unknown_stream,
};

/// The node has as many connections as it may.
pub(super) fn no_connection() -> WireError {
    WireError::new(
        ErrorCode::NoCapacity,
        "this node has reached its limit of connections, or of those from your address; try another",
    )
    .after(RETRY_AFTER)
}

/// Why a viewer or a relay of `stream` was not admitted.
pub(super) fn not_admitted(error: AdmitError, stream: &SharedStream) -> WireError {
    match error {
        AdmitError::Full => WireError::new(
            ErrorCode::NoCapacity,
            "this node has reached its limit of viewers, or of those from your address; try another",
        )
        .after(RETRY_AFTER),
        AdmitError::Gone => gone(stream),
    }
}

/// Why a stream that was here a moment ago cannot be watched. One that is not closed, though no pump serves it, is not over
/// either.
pub(super) fn gone(stream: &SharedStream) -> WireError {
    let stream = lock(stream);
    match stream.closed() {
        Some(Closed::Ended) => unknown_stream(stream.id()),
        Some(Closed::Dropped) | None => stream_dropped(),
    }
}

/// The node does not carry the stream any more.
pub(super) fn stream_dropped() -> WireError {
    let message =
        "this node stopped carrying the stream, which is not over; continue at another node, with after";
    WireError::new(ErrorCode::StreamDropped, message)
}

/// The stream cannot be written in the formats that the client asked for.
pub(super) fn unsupported_format() -> WireError {
    let message = "the stream's codecs do not fit any requested format; request others";
    WireError::new(ErrorCode::UnsupportedFormat, message)
}

#[cfg(test)]
mod tests {
    use protocol::{StreamId, stream::Visibility};

    use super::*;
    use crate::hub::{Hub, HubLimits, RingLimits};

    #[test]
    fn only_a_stream_that_ended_is_called_unknown() {
        let ring = RingLimits { window_ms: 1000, group_bytes: 1000 };
        let mut hub = Hub::new(HubLimits { ring, budget_bytes: 1 << 20, streams: 1 }, |_, _| {});
        let stream = hub.open(StreamId::new("a", 1), Visibility::Public).unwrap();
        assert_eq!(gone(&stream).code, ErrorCode::StreamDropped, "its pump is gone, the stream is not");
        lock(&stream).close(Closed::Ended);
        assert_eq!(gone(&stream).code, ErrorCode::UnknownStream);
    }
}
