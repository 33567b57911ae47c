//! The events for listeners, as Server-Sent Events.

use std::fmt::Write;

use protocol::{StreamId, stream::StreamInfo};

/// A change of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A stream went live.
    Started(StreamInfo),
    /// A stream looks different.
    Changed(StreamInfo),
    /// A stream is over.
    Ended(StreamId),
}

/// Appends an event in the form of Server-Sent Events; `json` is one line.
pub(super) fn write_event(frame: &mut String, name: &str, json: &str) {
    write!(frame, "event: {name}\ndata: {json}\n\n").expect("a String takes everything");
}
