//! Writes the frames of a fragment in one format.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use media::{Codec, Frame, Muxer, Rendition, Run, Track};

use crate::{
    Error, bare, flac_head,
    format::Format,
    ogg::OggWriter,
    target::{Container, Target},
    text_tags,
};

/// How much time one Cluster or one `moof` holds at least: a player can play a fragment while it comes.
const CHUNK_US: u64 = 2_000_000;

/// Writes fragments in one format.
pub(crate) enum Writer {
    /// In a container.
    Muxed(Muxer),
    /// MP3 or FLAC: frames without a container, after the head of a file.
    Bare { mime: &'static str, head: Option<Bytes> },
    /// Opus in Ogg.
    Ogg(Box<OggWriter>),
}

impl Writer {
    /// The writers of an item: its formats together serve all players.
    pub(crate) fn all(
        rendition: Rendition,
        tracks: &Arc<[Track]>,
        leads: [u32; 2],
    ) -> Result<Vec<Self>, Error> {
        let mut writers = vec![Self::Muxed(Muxer::of_file(rendition, Arc::clone(tracks), leads)?)];
        if let [Track { codec: Codec::Mp3, .. }] = tracks[..] {
            writers.push(Self::Bare { mime: bare::MIME, head: None });
        }
        Ok(writers)
    }

    /// The writer of one file; `Unsupported` if its container does not hold the codecs of the tracks.
    pub(crate) fn of_target(target: &Target, tracks: &Arc<[Track]>, leads: [u32; 2]) -> Result<Self, Error> {
        target.container.check(tracks)?;
        let tracks = Arc::clone(tracks);
        let tags = &target.tags;
        Ok(match target.container {
            Container::Mp4 => Self::Muxed(Muxer::of_file(Rendition::Mp4, tracks, leads)?),
            Container::WebM => Self::Muxed(Muxer::of_file(Rendition::WebM, tracks, leads)?),
            Container::Matroska => Self::Muxed(Muxer::of_matroska_file(tracks)?),
            Container::Mp3 => Self::Bare { mime: bare::MIME, head: Some(text_tags::id3(tags)) },
            Container::Flac => {
                Self::Bare { mime: flac_head::MIME, head: Some(flac_head::head(&tracks[0], tags)?) }
            }
            Container::Ogg => Self::Ogg(Box::new(OggWriter::new(tracks[0].clone(), tags)?)),
        })
    }

    /// The format that it writes.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Muxed(muxer) => {
                let init = muxer.init();
                Format { mime: init.mime.clone(), init: Some(init.data.clone()) }
            }
            Self::Bare { mime, head } => Format { mime: (*mime).to_owned(), init: head.clone() },
            Self::Ogg(ogg) => Format { mime: crate::ogg::MIME.to_owned(), init: Some(ogg.head()) },
        }
    }

    /// The bytes of a fragment with these frames, by the time of decoding. `is_last` marks the last fragment.
    pub(crate) fn write(&mut self, frames: &[Frame], is_last: bool) -> Result<Bytes, Error> {
        match self {
            Self::Muxed(muxer) => Ok(write_fragment(muxer, frames)),
            Self::Bare { .. } => Ok(bare::write(frames)),
            Self::Ogg(ogg) => ogg.write(frames, is_last),
        }
    }
}

/// Writes a fragment with these frames, which are in the order of decoding, as chunks of about two seconds.
pub fn write_fragment(muxer: &Muxer, frames: &[Frame]) -> Bytes {
    let mut out = BytesMut::new();
    let mut rest = frames;
    while let [first, ..] = rest {
        let end_us = first.dts_us.saturating_add(CHUNK_US);
        let count = rest.iter().position(|frame| frame.dts_us >= end_us).unwrap_or(rest.len());
        let (chunk, later) = rest.split_at(count.max(1));
        // Sequence numbers of `mfhd` have to grow: seconds do.
        let run = Run { group: first.dts_us / 1_000_000, index: 0, frames: chunk.to_vec() };
        out.reserve(muxer.chunk_bytes(&run));
        muxer.write_chunk(&run, &mut out);
        rest = later;
    }
    out.freeze()
}

/// The frames of all tracks, in the order of decoding.
pub(crate) fn merge(tracks: Vec<Vec<Frame>>) -> Vec<Frame> {
    let mut frames: Vec<_> = tracks.into_iter().flatten().collect();
    frames.sort_by_key(|frame| frame.dts_us);
    frames
}
