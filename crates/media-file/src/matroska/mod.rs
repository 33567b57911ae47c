//! WebM and Matroska, read by `media`.

mod head;

use bytes::Bytes;
use media::demux::{Event, webm};

use crate::{
    Error,
    input::Input,
    source::{Opened, Packet, Source, SourceTrack},
};
use head::Head;

/// How much is read at a time.
const PIECE_BYTES: usize = 64 << 10;

/// Opens a file.
pub(crate) fn open(mut input: Input) -> Result<Opened, Error> {
    let Head { duration_us, tags, is_cut_short } = head::read(&mut input);
    let mut source = MatroskaSource { demuxer: webm::Demuxer::of_file(), input, position: 0, is_cut_short };
    let Some(Event::Tracks(tracks)) = source.next_event()? else {
        return Err(Error::Damaged("it has no tracks".into()));
    };
    if tracks.is_empty() {
        return Err(Error::Unsupported("it has no sound and no pictures".into()));
    }
    let tracks = tracks.into_iter().map(SourceTrack::new).collect();
    Ok(Opened { source: Box::new(source), tracks, duration_us, tags })
}

struct MatroskaSource {
    demuxer: webm::Demuxer,
    input: Input,
    position: u64,
    is_cut_short: bool,
}

impl MatroskaSource {
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

impl Source for MatroskaSource {
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
