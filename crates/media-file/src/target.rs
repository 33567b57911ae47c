//! What a file is written as for people's disks, instead of fragments for players.

use media::{Codec, Rendition, Track};

use crate::{Error, words::Words};

/// The container of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// MP4.
    Mp4,
    /// `WebM`.
    WebM,
    /// Matroska.
    Matroska,
    /// MP3 frames, sound alone.
    Mp3,
    /// FLAC, sound alone.
    Flac,
    /// Opus in Ogg, sound alone.
    Ogg,
}

/// How a file is written; see [`open_as`](crate::open_as).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its container.
    pub container: Container,
    /// Where it begins, in µs of the time that the media has where it is read. A video begins with the last keyframe that is not later.
    pub from_us: i64,
    /// Where it ends, in the same time.
    pub to_us: Option<i64>,
    /// What it says of itself, where the container has a place for it.
    pub words: Words,
}

impl Target {
    /// Whether its times are those of MP4: counted in samples of sound.
    pub(crate) fn is_mp4(&self) -> bool {
        self.container == Container::Mp4
    }
}

impl Container {
    /// Whether it has sound alone.
    pub(crate) fn is_sound(self) -> bool {
        matches!(self, Self::Mp3 | Self::Flac | Self::Ogg)
    }

    /// `Unsupported` where it does not hold a codec of these tracks.
    pub(crate) fn check(self, tracks: &[Track]) -> Result<(), Error> {
        let refused = tracks.iter().find(|track| !self.holds(track.codec));
        refused.map_or(Ok(()), |track| Err(Error::Unsupported(format!("{:?} in {self:?}", track.codec))))
    }

    fn holds(self, codec: Codec) -> bool {
        match self {
            Self::Mp4 => Rendition::Mp4.holds(codec),
            Self::WebM => Rendition::WebM.holds(codec),
            Self::Matroska => true,
            Self::Mp3 => codec == Codec::Mp3,
            Self::Flac => codec == Codec::Flac,
            Self::Ogg => codec == Codec::Opus,
        }
    }
}
