//! Frames of a fragment in, its bytes in one format out.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use media::{Frame, Muxer, Rendition, Run, Track};

use crate::{Error, bare};

/// How much time one Cluster or one `moof` holds at least: a player can play a fragment while it comes.
const CHUNK_US: u64 = 2_000_000;

/// Writes fragments in one format.
#[derive(Debug)]
pub(crate) enum Writer {
    /// In a container.
    Muxed(Muxer),
    /// MP3 frames.
    Bare,
}

impl Writer {
    /// See [`Muxer::of_file`].
    pub(crate) fn muxed(rendition: Rendition, tracks: Arc<[Track]>, leads: [u32; 2]) -> Result<Self, Error> {
        Ok(Self::Muxed(Muxer::of_file(rendition, tracks, leads)?))
    }

    /// The bytes of a fragment with these frames, tracks interleaved.
    pub(crate) fn write(&self, frames: &[Frame]) -> Bytes {
        match self {
            Self::Muxed(muxer) => write_chunks(muxer, frames),
            Self::Bare => bare::write(frames),
        }
    }
}

fn write_chunks(muxer: &Muxer, frames: &[Frame]) -> Bytes {
    let mut out = BytesMut::new();
    let mut rest = frames;
    while let [first, ..] = rest {
        let end_us = first.dts_us.saturating_add(CHUNK_US);
        let count = rest.iter().position(|frame| frame.dts_us >= end_us).unwrap_or(rest.len());
        let (chunk, later) = rest.split_at(count.max(1));
        // `mfhd` counts seconds, so that numbers grow.
        let run = Run { group: first.dts_us / 1_000_000, index: 0, frames: chunk.to_vec() };
        out.reserve(muxer.chunk_bytes(&run));
        muxer.write_chunk(&run, &mut out);
        rest = later;
    }
    out.freeze()
}

/// The frames of all tracks, by the time of decoding.
pub(crate) fn merge(tracks: Vec<Vec<Frame>>) -> Vec<Frame> {
    let mut frames: Vec<_> = tracks.into_iter().flatten().collect();
    frames.sort_by_key(|frame| frame.dts_us);
    frames
}
