//! Samples of a movie's tracks as packets, the earliest first, whatever their order in the file.

use std::iter::Peekable;

use bytes::Bytes;
use media::demux::fmp4::MovieTrack;

use super::{
    edits::{self, Edit},
    tables::{self, Sample, Samples},
};
use crate::{
    Error,
    input::Input,
    source::{Packet, Source, SourceTrack, ticks_us},
};

/// How much of the file is read at once for a track.
const WINDOW_BYTES: usize = 256 << 10;

/// The largest sample.
const MAX_SAMPLE_BYTES: u32 = 14 << 20;

/// Samples up to this size are copied, so that they do not keep a whole window in memory.
const COPIED_BYTES: usize = 32 << 10;

/// How much sound before its start a decoder may need, as a part of a second: 5 is 200 ms.
const LEAD_PART: i64 = 5;

/// A track's samples.
pub(super) struct TrackReader {
    track: SourceTrack,
    timescale: u32,
    edit: Edit,
    samples: Peekable<Samples>,
    input: Input,
    window: Bytes,
    window_at: u64,
}

impl TrackReader {
    /// A reader of one of the tracks in `moov`.
    pub(super) fn open(track: MovieTrack<'_>, moov: &Bytes, input: &Input) -> Result<Self, Error> {
        let MovieTrack { track, timescale, trak } = track;
        let edit = edits::read(trak, moov, timescale)?;
        let samples = Samples::new(moov, tables::of_track(trak)?, input.len())?;
        let mut reader = Self {
            track: SourceTrack::new(track),
            timescale,
            edit,
            samples: samples.peekable(),
            input: input.from(0),
            window: Bytes::new(),
            window_at: 0,
        };
        if let Some(sample_rate) = reader.track.sample_rate() {
            reader.skip_unheard();
            let first = reader.samples.peek().map_or(0, |first| first.decoded);
            let lead = i128::from((edit.media_time - first).max(0)) * i128::from(sample_rate);
            let lead = (lead + i128::from(timescale / 2)) / i128::from(timescale);
            reader.track.lead = u32::try_from(lead).unwrap_or(0);
        }
        Ok(reader)
    }

    pub(super) fn track(&self) -> SourceTrack {
        self.track.clone()
    }

    /// Leaves out sound from long before the track starts.
    fn skip_unheard(&mut self) {
        let needed = self.edit.media_time - i64::from(self.timescale) / LEAD_PART;
        let is_unheard = |sample: &Sample| sample.decoded.saturating_add(sample.duration.into()) < needed;
        while self.samples.next_if(is_unheard).is_some() {}
    }

    /// When the next sample is decoded, in µs of the movie's time.
    fn next_us(&mut self) -> Option<i64> {
        let decoded = self.samples.peek()?.decoded;
        Some(self.movie_us(decoded))
    }

    fn movie_us(&self, ticks: i64) -> i64 {
        ticks_us(ticks.saturating_sub(self.edit.media_time), self.timescale)
            .saturating_add(self.edit.starts_us)
    }

    fn packet(&mut self, index: usize, sample: Sample) -> Result<Packet, Error> {
        let data = self.read(sample)?;
        let end = sample.shown.saturating_add(sample.duration.into());
        let is_sound = self.track.sample_rate().is_some();
        let end =
            self.edit.media_end.filter(|cut| is_sound && sample.shown < *cut).map_or(end, |cut| cut.min(end));
        let (pts_us, end_us) = (self.movie_us(sample.shown), self.movie_us(end));
        let duration_us =
            u64::try_from(end_us.saturating_sub(pts_us)).ok().filter(|&duration_us| duration_us > 0);
        Ok(Packet { track: index, pts_us, duration_us, key: true, data })
    }

    fn read(&mut self, sample: Sample) -> Result<Bytes, Error> {
        if sample.bytes > MAX_SAMPLE_BYTES {
            let (bytes, limit) = (sample.bytes.into(), MAX_SAMPLE_BYTES.into());
            return Err(Error::TooLarge { what: "frame", bytes, limit });
        }
        let wanted = sample.bytes as usize;
        if sample.at > self.input.len().saturating_sub(wanted as u64) {
            return Err(Error::Damaged("the file is cut short".into()));
        }
        let in_window = |reader: &Self| {
            let start = usize::try_from(sample.at.checked_sub(reader.window_at)?).ok()?;
            reader.window.get(start..start.checked_add(wanted)?)?;
            Some(start..start + wanted)
        };
        if in_window(self).is_none() {
            let mut window = vec![0; wanted.max(WINDOW_BYTES)];
            let read = self.input.read_at(sample.at, &mut window)?;
            window.truncate(read);
            (self.window, self.window_at) = (Bytes::from(window), sample.at);
        }
        let place = in_window(self).ok_or_else(|| Error::Damaged("the file is cut short".into()))?;
        let is_copied = wanted <= COPIED_BYTES;
        Ok(if is_copied { Bytes::copy_from_slice(&self.window[place]) } else { self.window.slice(place) })
    }
}

/// The tracks' samples in order of time.
pub(super) struct Interleaved {
    readers: Vec<TrackReader>,
    /// How many bytes may still be given: samples do not share bytes, or a small file would have endless ones.
    left: u64,
}

impl Interleaved {
    pub(super) fn new(readers: Vec<TrackReader>, bytes: u64) -> Self {
        Self { readers, left: bytes }
    }
}

impl Source for Interleaved {
    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            let times = self.readers.iter_mut().enumerate().map(|(index, reader)| (reader.next_us(), index));
            let earliest = times.filter_map(|(time_us, index)| Some((time_us?, index))).min();
            let Some((_, index)) = earliest else { return Ok(None) };
            let reader = &mut self.readers[index];
            let Some(sample) = reader.samples.next() else { return Ok(None) };
            if sample.bytes == 0 {
                continue;
            }
            let left = self.left.checked_sub(sample.bytes.into());
            self.left =
                left.ok_or_else(|| Error::Damaged("its index names more bytes than it has".into()))?;
            return reader.packet(index, sample).map(Some);
        }
    }
}
