//! Reads the init segments and fragments of items, in either container.

use bytes::Bytes;
use media::{
    Error, Track,
    demux::{Event, fmp4, webm},
};

use crate::Failed;

/// The first bytes of a Matroska document: the ID of its EBML header (RFC 8794, section 11.2.1).
const EBML_ID: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

/// A demuxer of the container that an init segment has.
pub(crate) enum Demuxer {
    WebM(webm::Demuxer),
    Mp4(fmp4::Demuxer),
}

impl Demuxer {
    /// Reads an init segment: the demuxer for the fragments that follow it, and its tracks. Fails for good if it is damaged.
    pub(crate) fn open(init: Bytes) -> Result<(Self, Vec<Track>), Failed> {
        let mut demuxer = if init.starts_with(&EBML_ID) {
            Self::WebM(webm::Demuxer::of_file())
        } else {
            Self::Mp4(fmp4::Demuxer::of_file())
        };
        demuxer.push(init);
        match demuxer.next_event() {
            Ok(Some(Event::Tracks(tracks))) => Ok((demuxer, tracks)),
            Ok(_) => Err(Failed::for_good("the init segment is damaged: it has no tracks")),
            Err(error) => Err(Failed::for_good(format!("the init segment is damaged: {error}"))),
        }
    }

    /// Adds the next fragment.
    pub(crate) fn push(&mut self, fragment: Bytes) {
        match self {
            Self::WebM(demuxer) => demuxer.push(fragment),
            Self::Mp4(demuxer) => demuxer.push(fragment),
        }
    }

    /// The next event; `None` when all pushed bytes are read.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, Error> {
        match self {
            Self::WebM(demuxer) => demuxer.next_event(),
            Self::Mp4(demuxer) => demuxer.next_event(),
        }
    }
}
