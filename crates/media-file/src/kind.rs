//! The formats of files.

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mp3,
    Adts,
    Flac,
    Ogg,
    Wav,
    Matroska,
    Mp4,
}
