//! The container, part and tags of a file that people save, as opposed to fragments for players.

use media::{Codec, Rendition, Track};

use crate::{Error, text_tags::TextTags};

/// The container of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// MP4.
    Mp4,
    /// `WebM`.
    WebM,
    /// Matroska.
    Matroska,
    /// MP3 frames: audio only.
    Mp3,
    /// FLAC: audio only.
    Flac,
    /// Opus in Ogg: audio only.
    Ogg,
}

/// How a file is written; see [`open_as`](crate::open_as).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its container.
    pub container: Container,
    /// Where it begins, in µs of the time of the media that is read. A video begins with the last keyframe at or before that.
    pub from_us: i64,
    /// Where it ends, in the same time; `None` for the end of the media.
    pub to_us: Option<i64>,
    /// Its title and artist. MP3, FLAC and Ogg hold them; other containers are written without.
    pub tags: TextTags,
}

impl Target {
    /// Whether times are written as in MP4, where sound counts its samples.
    pub(crate) fn is_mp4(&self) -> bool {
        self.container == Container::Mp4
    }
}

impl Container {
    /// Whether it holds audio only.
    pub(crate) fn is_sound(self) -> bool {
        matches!(self, Self::Mp3 | Self::Flac | Self::Ogg)
    }

    /// `Unsupported` if it does not hold a codec of these tracks.
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
