//! Containers that `media` demuxes as they come: WebM, Matroska and fragmented MP4.

use bytes::Bytes;
use media::demux::{Event, fmp4, webm};

use crate::{
    Error,
    input::Input,
    source::{Packet, Source, SourceTrack},
};

/// How much is read at a time.
const PIECE_BYTES: usize = 64 << 10;

/// One of the demuxers.
pub(crate) enum Demuxer {
    WebM(webm::Demuxer),
    Fmp4(fmp4::Demuxer),
}

impl Demuxer {
    fn push(&mut self, piece: Bytes) {
        match self {
            Self::WebM(demuxer) => demuxer.push(piece),
            Self::Fmp4(demuxer) => demuxer.push(piece),
        }
    }

    fn next_event(&mut self) -> Result<Option<Event>, media::Error> {
        match self {
            Self::WebM(demuxer) => demuxer.next_event(),
            Self::Fmp4(demuxer) => demuxer.next_event(),
        }
    }
}

/// See the [module](self).
pub(crate) struct Streamed {
    demuxer: Demuxer,
    input: Input,
    position: u64,
    /// Whether the file is known to lack its end.
    is_cut_short: bool,
}

impl Streamed {
    /// Reads from the start up to the tracks.
    pub(crate) fn open(
        demuxer: Demuxer,
        input: Input,
        is_cut_short: bool,
    ) -> Result<(Self, Vec<SourceTrack>), Error> {
        let mut streamed = Self { demuxer, input, position: 0, is_cut_short };
        match streamed.next_event()? {
            Some(Event::Tracks(tracks)) if tracks.is_empty() => {
                Err(Error::Unsupported("it has no sound and no pictures".into()))
            }
            Some(Event::Tracks(tracks)) => Ok((streamed, tracks.into_iter().map(SourceTrack::new).collect())),
            _ => Err(Error::Damaged("it has no tracks".into())),
        }
    }

    /// See [`Opened::late_us`](crate::source::Opened::late_us).
    pub(crate) fn late_us(&self) -> i64 {
        match &self.demuxer {
            Demuxer::WebM(_) => 0,
            Demuxer::Fmp4(demuxer) => demuxer.start_us().saturating_neg(),
        }
    }

    fn next_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.demuxer.next_event()? {
                return Ok(Some(event));
            }
            let mut piece = vec![0; PIECE_BYTES];
            let read = self.input.read_at(self.position, &mut piece)?;
            if read == 0 {
                return Ok(None);
            }
            piece.truncate(read);
            self.position += read as u64;
            self.demuxer.push(Bytes::from(piece));
        }
    }
}

impl Source for Streamed {
    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            match self.next_event()? {
                Some(Event::Packet(media::Packet { track, pts_us, key, data, .. })) => {
                    let pts_us = i64::try_from(pts_us).unwrap_or(i64::MAX);
                    return Ok(Some(Packet { track, pts_us, duration_us: None, key, data }));
                }
                Some(Event::Tracks(_)) => {}
                None if std::mem::take(&mut self.is_cut_short) => {
                    return Err(Error::Damaged("the file is cut short".into()));
                }
                None => return Ok(None),
            }
        }
    }
}
