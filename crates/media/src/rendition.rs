//! The renditions of a take: the forms in which runs of frames are written.

use crate::{Codec, Track};

/// One way to write the frames of a take down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rendition {
    /// Clusters of WebM.
    WebM,
    /// Fragments of CMAF: one `moof` and one `mdat` each.
    Mp4,
    /// Bare frames behind small headers, which WebCodecs and other nodes read.
    Frames,
}

impl Rendition {
    /// Whether players take a codec in it.
    pub fn holds(self, codec: Codec) -> bool {
        match self {
            Self::WebM => matches!(codec, Codec::Vp8 | Codec::Vp9 | Codec::Av1 | Codec::Opus | Codec::Vorbis),
            Self::Mp4 => !matches!(codec, Codec::Vp8 | Codec::Vorbis),
            Self::Frames => true,
        }
    }

    /// Whether players take all of a take's tracks in it.
    pub fn holds_all(self, tracks: &[Track]) -> bool {
        tracks.iter().all(|track| self.holds(track.codec))
    }

    /// The format for clients that ask for none: WebM where players take all codecs in it, else MP4.
    pub fn default_of(tracks: &[Track]) -> Self {
        if Self::WebM.holds_all(tracks) { Self::WebM } else { Self::Mp4 }
    }
}
