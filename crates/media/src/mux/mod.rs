//! Runs of frames in, chunks out, in one of three formats.
//!
//! A muxer keeps nothing between chunks: any node can write any run in any format at any time, and gets the same bytes.

pub(crate) mod cmaf;
mod frames;
mod mime;
pub(crate) mod webm;

use std::{borrow::Cow, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};

use crate::{Error, Format, Frame, Run, Track, codec};

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
    format: Format,
    tracks: Arc<[Track]>,
    init: Init,
}

impl Muxer {
    /// A muxer for a take of at most two tracks. `Unsupported` where this format has no place for one of their codecs.
    pub fn new(format: Format, tracks: Arc<[Track]>) -> Result<Self, Error> {
        let data = match format {
            Format::WebM => webm::init(&tracks)?,
            Format::Mp4 => cmaf::init(&tracks)?,
            Format::Frames => frames::init(&tracks)?,
        };
        let mime = mime::of(format, &tracks)?;
        Ok(Self { format, tracks, init: Init { mime, data } })
    }

    /// What comes before the chunks.
    pub fn init(&self) -> &Init {
        &self.init
    }

    /// At least what [`Self::write_chunk`] appends, in bytes.
    pub fn chunk_bytes(&self, run: &Run) -> usize {
        match self.format {
            Format::WebM => webm::chunk_bytes(run),
            Format::Mp4 => cmaf::chunk_bytes(run),
            Format::Frames => frames::chunk_bytes(run),
        }
    }

    /// Appends the run as a chunk. Gives where in `out` the data of each of its frames is; an empty range for gap frames.
    pub fn write_chunk(&self, run: &Run, out: &mut BytesMut) -> Vec<Range<usize>> {
        match self.format {
            Format::WebM => webm::write_chunk(&self.tracks, run, out),
            Format::Mp4 => cmaf::write_chunk(&self.tracks, run, out),
            Format::Frames => frames::write_chunk(run, out),
        }
    }
}

/// What a container has for a frame: its data, silence for a gap in sound, nothing for one in pictures.
fn payload<'a>(track: &Track, frame: &'a Frame) -> Option<Cow<'a, [u8]>> {
    if frame.is_gap() { codec::silence(track, frame.duration_us) } else { Some(Cow::Borrowed(&frame.data)) }
}

/// At least what [`payload`] gives.
fn payload_bound_bytes(frame: &Frame) -> usize {
    if frame.is_gap() { codec::MAX_SILENCE_BYTES } else { frame.data.len() }
}
