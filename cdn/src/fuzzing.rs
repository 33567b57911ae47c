//! What the fuzz targets call: readers of what clients and other nodes send. They panic where a promise is broken.

use crate::{library, relay, transport};

/// Any bytes as what a client sends on a WebSocket, and each text as an event. How they are cut changes nothing.
pub fn ws_client(input: &[u8]) {
    let whole = transport::fuzz_ws_client([input]);
    for size in [1, 7, 100] {
        assert_eq!(transport::fuzz_ws_client(input.chunks(size)), whole, "the cutting changes what is read");
    }
}

/// Any text as the path and query of a WebSocket request, one behind the other with a question mark between.
pub fn ws_request(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (stream, query) = text.split_once('?').unwrap_or((text, ""));
    transport::fuzz_ws_request(stream, query);
}

/// Any bytes as a message of the node that a stream is pulled from: text or binary, by the first byte.
pub fn relay_link(input: &[u8]) {
    if let Some((kind, message)) = input.split_first() {
        relay::fuzz_message(kind % 2 == 0, message);
    }
}

/// Any text as what a client sends with a request for media: lines with a range, entity tags, a file of a playlist, a name to save and a
/// query, and behind an empty line a manifest.
pub fn library_request(input: &[u8]) {
    library::fuzzing::request(&String::from_utf8_lossy(input));
}
