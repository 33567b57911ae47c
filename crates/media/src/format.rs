//! The formats that runs of frames are written in.

use crate::{Codec, Track};

/// One way to write frames down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Clusters of WebM.
    WebM,
    /// Fragments of CMAF: one `moof` and one `mdat` each.
    Mp4,
    /// Bare frames behind small headers, which WebCodecs and other nodes read.
    Frames,
}

impl Format {
    /// The format for clients that ask for none: WebM where players take all codecs in it, else MP4.
    pub fn default_of(tracks: &[Track]) -> Self {
        let in_webm =
            |track: &Track| matches!(track.codec, Codec::Vp8 | Codec::Vp9 | Codec::Av1 | Codec::Opus);
        if tracks.iter().all(in_webm) { Self::WebM } else { Self::Mp4 }
    }
}
