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
    let name = match id {
        "hvc1" | "hev1" | "V_MPEGH/ISO/HEVC" => "codec HEVC",
        "A_VORBIS" => "codec Vorbis",
        "fLaC" | "A_FLAC" => "codec FLAC",
        "encv" | "enca" => "encrypted tracks",
        "tx3g" | "wvtt" | "stpp" => "subtitles",
        _ if id.starts_with("S_") => "subtitles",
        _ if id.starts_with("A_PCM/") => "codec PCM",
        _ => return Error::Unsupported(format!("codec {id}")),
    };
    Error::Unsupported(format!("{name} ({id})"))
}

/// `Unsupported` for MP4 that has its frames in one piece, which is written when all of it is known.
pub(super) fn not_fragmented() -> Error {
    Error::Unsupported("MP4 that is not fragmented".into())
}
