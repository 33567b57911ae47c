//! Tracks that are not forwarded, whatever the container.

use crate::Error;

/// More tracks than any recorder writes.
const MAX_TRACKS: usize = 8;

/// `Unsupported` for more tracks than are read.
pub(super) fn check_tracks(count: usize) -> Result<(), Error> {
    if count <= MAX_TRACKS { Ok(()) } else { Err(too_many_tracks(MAX_TRACKS)) }
}

/// `Unsupported`, for more tracks than the most that are read.
pub(super) fn too_many_tracks(most: usize) -> Error {
    Error::Unsupported(format!("more than {most} tracks"))
}

/// `Unsupported` for a codec with this id in its container, behind the name that people know, where there is one.
pub(super) fn codec(id: &str) -> Error {
    let name = match id {
        "hvc1" | "hev1" | "V_MPEGH/ISO/HEVC" => "codec HEVC",
        "A_VORBIS" => "codec Vorbis",
        "fLaC" | "A_FLAC" => "codec FLAC",
        "ac-3" | "ec-3" | "ac-4" | "A_AC3" | "A_EAC3" => "codec Dolby Digital",
        "dtsc" | "dtse" | "dtsh" | "dtsl" => "codec DTS",
        "alac" | "A_ALAC" => "codec ALAC",
        "sowt" | "twos" | "lpcm" | "raw " | "in24" | "in32" | "fl32" | "ipcm" | "fpcm" => "codec PCM",
        "A_MPEG/L1" | "A_MPEG/L2" => "codec MP2",
        "encv" | "enca" => "encrypted tracks",
        "tx3g" | "wvtt" | "stpp" => "subtitles",
        _ if id.starts_with("S_") => "subtitles",
        _ if id.starts_with("A_PCM/") => "codec PCM",
        _ if id.starts_with("A_DTS") => "codec DTS",
        _ if id.starts_with("V_MPEG4/ISO/") => "codec MPEG-4 part 2",
        _ => return Error::Unsupported(format!("codec {id}")),
    };
    Error::Unsupported(format!("{name} ({id})"))
}

/// `Unsupported` for MP4 that has its frames in one piece, which is written when all of it is known.
pub(super) fn not_fragmented() -> Error {
    Error::Unsupported("MP4 that is not fragmented".into())
}
