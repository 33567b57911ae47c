//! Renditions: the formats in which a take's frames can be written. Pure.
//!
//! A take has a muxer for each format that its tracks fit. A muxer keeps nothing between chunks, so any run can be written in any
//! format when its first reader wants it; the ring keeps what was written. Cost: one copy of the frames per format in use.

mod chunk;

use std::sync::Arc;

use media::{Init, Muxer, Rendition, Track};
use protocol::{Format, Formats};

pub(crate) use chunk::PREFIX_BYTES;
pub use chunk::{Chunk, Prefix};

/// The formats of one take.
#[derive(Debug)]
pub struct Renditions {
    tracks: Arc<[Track]>,
    /// By [`index_of`] of their format; none where it has no place for one of the tracks.
    muxers: [Option<Muxer>; Format::ALL.len()],
    default: Format,
}

impl Renditions {
    /// Those of a take with these tracks.
    pub fn new(tracks: Arc<[Track]>) -> Self {
        let muxers = Format::ALL.map(|format| Muxer::new(rendition(format), tracks.clone()).ok());
        let default = Rendition::default_of(&tracks);
        let default = Format::ALL.into_iter().find(|format| rendition(*format) == default);
        Self { tracks, muxers, default: default.unwrap_or(Format::Frames) }
    }

    /// The take's tracks.
    pub fn tracks(&self) -> &Arc<[Track]> {
        &self.tracks
    }

    /// The first of the `wanted` formats that can be written, or the default if the reader has no wish. `None` where none of
    /// them can be.
    pub fn choose(&self, wanted: Option<Formats>) -> Option<Format> {
        let wanted = wanted.unwrap_or(self.default.into());
        wanted.iter().find(|format| self.muxer(*format).is_some())
    }

    /// What a reader of `format` needs before the take's chunks.
    pub fn init(&self, format: Format) -> Option<&Init> {
        self.muxer(format).map(Muxer::init)
    }

    /// What writes runs in `format`.
    pub(crate) fn muxer(&self, format: Format) -> Option<&Muxer> {
        self.muxers[index_of(format)].as_ref()
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let init = |muxer: &Muxer| muxer.init().data.len() + muxer.init().mime.len();
        let inits: usize = self.muxers.iter().flatten().map(init).sum();
        let tracks =
            self.tracks.iter().map(|track| size_of::<Track>() + track.config.len() + track.colour.len());
        size_of::<Self>() + inits + tracks.sum::<usize>()
    }
}

/// Where things of `format` are in an array with a place for each.
pub(crate) fn index_of(format: Format) -> usize {
    format as usize
}

/// What a client's `format` asks for.
fn rendition(format: Format) -> Rendition {
    match format {
        Format::WebM => Rendition::WebM,
        Format::Mp4 => Rendition::Mp4,
        Format::Frames => Rendition::Frames,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use media::{Codec, TrackKind};

    use super::*;

    fn sound(codec: Codec, config: &'static [u8]) -> Renditions {
        let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
        let track = Track { codec, kind, config: Bytes::from_static(config), colour: Bytes::new() };
        Renditions::new(Arc::from([track]))
    }

    #[test]
    fn the_first_format_that_has_a_place_for_all_tracks_is_chosen() {
        let opus = sound(Codec::Opus, b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0");
        assert_eq!(opus.choose(None), Some(Format::WebM));
        assert_eq!(opus.choose(Some(Formats::read("mp4,webm"))), Some(Format::Mp4));
        assert_eq!(opus.choose(Some(Formats::read("hls"))), None);
        let aac = sound(Codec::Aac, &[0x11, 0x90]);
        assert_eq!(aac.choose(None), Some(Format::Mp4), "players do not take AAC in WebM");
        assert_eq!(aac.choose(Some(Formats::read("webm,frames"))), Some(Format::Frames));
        assert_eq!(aac.choose(Some(Formats::read("webm"))), None);
        assert!(aac.init(Format::WebM).is_none() && aac.init(Format::Frames).is_some());
    }
}
