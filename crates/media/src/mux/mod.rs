//! Runs of frames in, chunks out, in one of three formats.
//!
//! A muxer keeps nothing between chunks: any node can write any run in any format at any time, and gets the same bytes.

pub(crate) mod cmaf;
mod frames;
mod mime;
pub(crate) mod webm;

use std::{borrow::Cow, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};

use crate::{Error, Frame, Rendition, Run, Track, codec};

/// What a player has to be given before any chunk of the take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// The type of the rendition, with codecs: `video/webm;codecs="vp9,opus"`, which MSE accepts, or
    /// `application/x-undead-frames;codecs="vp9,opus"`.
    pub mime: String,
    /// The init segment.
    pub data: Bytes,
}

/// Writes the runs of one take in one format.
#[derive(Clone, Debug)]
pub struct Muxer {
    format: Rendition,
    tracks: Arc<[Track]>,
    init: Init,
    /// Whether the last frame of a run lasts as long as it says.
    is_exact: bool,
}

/// How much of each track's media comes before its start, in its ticks of MP4: samples of sound.
type Leads = [u32; 2];

/// The most tracks of a take.
const MAX_TRACKS: usize = 2;

impl Muxer {
    /// A muxer for a take of at most two tracks. `Unsupported` where this format has no place for one of their codecs.
    pub fn new(format: Rendition, tracks: Arc<[Track]>) -> Result<Self, Error> {
        Self::with_leads(format, tracks, [0; MAX_TRACKS], false)
    }

    /// A muxer for a whole file, of whose frames it is known how long they last. Of a track of sound that is written as MP4, the
    /// first `leads` samples are what a decoder needs before it: its media starts with them, and is heard after them.
    pub fn of_file(format: Rendition, tracks: Arc<[Track]>, leads: [u32; MAX_TRACKS]) -> Result<Self, Error> {
        Self::with_leads(format, tracks, leads, true)
    }

    /// A muxer for a whole file in Matroska, which holds every codec. Chunks are written as in WebM.
    ///
    /// # Errors
    /// `Malformed` where a track's configuration is broken.
    pub fn of_matroska_file(tracks: Arc<[Track]>) -> Result<Self, Error> {
        let data = webm::matroska_init(&tracks);
        let mime = mime::matroska(&tracks)?;
        Ok(Self { format: Rendition::WebM, tracks, init: Init { mime, data }, is_exact: true })
    }

    fn with_leads(
        format: Rendition,
        tracks: Arc<[Track]>,
        leads: Leads,
        is_exact: bool,
    ) -> Result<Self, Error> {
        let data = match format {
            Rendition::WebM => webm::init(&tracks)?,
            Rendition::Mp4 => cmaf::init(&tracks, &leads)?,
            Rendition::Frames => frames::init(&tracks)?,
        };
        let mime = mime::of(format, &tracks)?;
        Ok(Self { format, tracks, init: Init { mime, data }, is_exact })
    }

    /// The init data, in front of the chunks.
    pub fn init(&self) -> &Init {
        &self.init
    }

    /// An upper bound of what [`Self::write_chunk`] appends, in bytes.
    pub fn chunk_bytes(&self, run: &Run) -> usize {
        match self.format {
            Rendition::WebM => webm::chunk_bytes(run),
            Rendition::Mp4 => cmaf::chunk_bytes(run),
            Rendition::Frames => frames::chunk_bytes(run),
        }
    }

    /// Appends the run as a chunk. Gives where in `out` the data of each of its frames is; an empty range for gap frames.
    pub fn write_chunk(&self, run: &Run, out: &mut BytesMut) -> Vec<Range<usize>> {
        match self.format {
            Rendition::WebM => webm::write_chunk(&self.tracks, run, self.is_exact, out),
            Rendition::Mp4 => cmaf::write_chunk(&self.tracks, run, out),
            Rendition::Frames => frames::write_chunk(run, out),
        }
    }
}

/// An upper bound of what a run takes as a chunk, in bytes, whatever its format.
pub fn most_chunk_bytes(run: &Run) -> usize {
    webm::chunk_bytes(run).max(cmaf::chunk_bytes(run)).max(frames::chunk_bytes(run))
}

/// The payload of a frame in a container: its data, or silence for a gap in sound; `None` for a gap in pictures.
pub fn payload<'a>(track: &Track, frame: &'a Frame) -> Option<Cow<'a, [u8]>> {
    if frame.is_gap() { codec::silence(track, frame.duration_us) } else { Some(Cow::Borrowed(&frame.data)) }
}

/// An upper bound of what [`payload`] gives, in bytes.
fn payload_bound_bytes(frame: &Frame) -> usize {
    if frame.is_gap() { codec::MAX_SILENCE_BYTES } else { frame.data.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, TrackKind};

    #[test]
    fn no_format_writes_more_than_the_bound_even_where_all_is_silence() {
        for (codec, formats) in [
            (Codec::Opus, &[Rendition::WebM, Rendition::Mp4, Rendition::Frames][..]),
            (Codec::Mp3, &[Rendition::Mp4, Rendition::Frames]),
        ] {
            let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
            let config = Bytes::from_static(b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0");
            let tracks = Arc::from([Track { codec, kind, config, colour: Bytes::new() }]);
            let gap = |at: u64| {
                let at_us = 24_000 * at;
                Frame {
                    track: 0,
                    pts_us: at_us,
                    dts_us: at_us,
                    duration_us: 24_000,
                    key: true,
                    data: Bytes::new(),
                }
            };
            let run = Run { group: 0, index: 0, frames: (0..1000).map(gap).collect() };
            for &format in formats {
                let mut out = BytesMut::new();
                Muxer::new(format, Arc::clone(&tracks)).unwrap().write_chunk(&run, &mut out);
                assert!(out.len() <= most_chunk_bytes(&run), "{codec:?} as {format:?}: {}", out.len());
            }
        }
    }
}
