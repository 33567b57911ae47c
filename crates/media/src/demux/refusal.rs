//! Tracks that are not forwarded, whatever the container.

use crate::Error;

/// More tracks than any recorder writes.
const MAX_TRACKS: usize = 8;

/// `Unsupported` for more tracks than are read.
pub(super) fn check_tracks(count: usize) -> Result<(), Error> {
    let is_read = count <= MAX_TRACKS;
    is_read.then_some(()).ok_or_else(|| Error::Unsupported(format!("more than {MAX_TRACKS} tracks")))
}

/// `Unsupported` for a codec with this id in its container, behind the name that people know, where there is one.
pub(super) fn codec(id: &str) -> Error {
    Error::Unsupported(match id {
        "hvc1" | "hev1" | "V_MPEGH/ISO/HEVC" => format!("codec HEVC ({id})"),
        _ => format!("codec {id}"),
    })
}
