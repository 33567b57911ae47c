//! Incremental demuxer for fragmented MP4: push bytes cut anywhere, pull tracks and frames.
//!
//! A fragment's frames come when its whole `mdat` is here, both tracks interleaved by time, because the input may have one
//! track's data behind the other's. So a demuxer holds at most what was pushed since events were last pulled dry, plus a
//! `moov`, a `moof` and two `mdat` within the bounds below; other boxes are dropped as they arrive.
//! H.264 frames and their `avcC` are given as the container has them, with whatever length size.

use super::{
    fragment, movie,
    state::{Media, Movie, Pending, put_decode_times, put_skipped_start},
};
use crate::{
    Error, Packet,
    boxes::{self, Header, malformed, put_box},
    demux::{Event, input::Input, refusal, selection::Origin},
};
use bytes::{BufMut, Bytes, BytesMut};
use std::vec;

/// The largest `moov` that is read; a recorder's has about 1 KiB.
pub const MAX_MOOV_BYTES: u64 = 64 << 10;

/// The largest `moov` of a file that is read, which may have pictures in it.
pub const MAX_FILE_MOOV_BYTES: u64 = 16 << 20;

/// The largest `moov` that goes into a resume point, which is asked for after every segment.
const MAX_RESUMED_MOOV_BYTES: usize = 8 << 10;

/// The largest `moof` that is read; ten seconds of both tracks take about 10 KiB.
pub const MAX_MOOF_BYTES: u64 = 512 << 10;

/// The largest `mdat` that is read: from one keyframe to the next, which is 25 MB for 10 s of 20 Mbit/s.
pub const MAX_MDAT_BYTES: u64 = 32 << 20;

/// Reads fragmented MP4 as it arrives: push bytes cut anywhere, pull tracks and frames.
///
/// It holds at most what was pushed since events were last pulled dry, plus a `moov`, a `moof` and two `mdat` of at most
/// [`MAX_MOOV_BYTES`], [`MAX_MOOF_BYTES`] and [`MAX_MDAT_BYTES`]. H.264 frames come as the container has them.
#[derive(Debug, Default)]
pub struct Demuxer {
    input: Input,
    origin: Origin,
    /// Whether `ftyp` was read.
    begun: bool,
    movie: Option<Movie>,
    /// The newest `moof`, while its `mdat` is not complete.
    fragment: Option<Pending>,
    /// The newest `mdat`, while no `moof` took its frames.
    media: Option<Media>,
    /// Frames of the newest complete fragment.
    ready: vec::IntoIter<Packet>,
    /// Whether a place in the input was told from the input's start; `None` before any place was told.
    absolute: Option<bool>,
    /// See [`Self::steps`].
    steps: u64,
    failed: Option<Error>,
}

/// The outcome for the next box.
enum Step {
    Tracks,
    Continue,
    NeedMore,
}

impl Demuxer {
    /// A demuxer at the start of a take.
    pub fn new() -> Self {
        Self::default()
    }

    /// A demuxer of a file: it reads the first video and the first audio track that players take, FLAC too.
    pub fn of_file() -> Self {
        Self { origin: Origin::File, ..Self::default() }
    }

    /// Adds the next bytes of the take, any number of them. Pull [`Self::next_event`] until `None` before pushing more.
    pub fn push(&mut self, bytes: impl Into<Bytes>) {
        self.input.push(bytes.into());
        self.input.reveal(usize::MAX);
    }

    /// The bytes pushed, of which nothing is read before they are revealed.
    pub(in crate::demux) fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// The next event in the bytes pushed so far; `None` when it is not complete yet. An error stays: every later call
    /// returns it again.
    ///
    /// `Unsupported` for codecs that are not forwarded, and where the file is not fragmented; `TooLarge` for boxes over the bounds;
    /// `Malformed` where the format's rules are broken, and for a second `moov` with other tracks.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.advance().inspect_err(|error| self.failed = Some(error.clone())),
        }
    }

    /// How much later than their timestamps packets are shown and heard, in µs, by the edit lists. It is negative if the media begins with
    /// packets that only prime a decoder, as encoded sound does. 0 before [`Event::Tracks`].
    pub fn start_us(&self) -> i64 {
        let start_us = self.movie.as_ref().map(|movie| movie::start_us(&movie.moov, self.origin));
        start_us.and_then(Result::ok).unwrap_or(0)
    }

    /// How much was read so far: boxes, samples, and runs of equal samples without bytes. Never more than the bytes pushed.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Bytes which, pushed into a new demuxer, bring it to this one's state: headers, the tracks' times, then what is
    /// pending. They give the tracks again (if they were given) and no frame. `None` when more than `limit` bytes are
    /// pending, or when the input tells places from its start, or
    /// may yet do so.
    pub(crate) fn resume_prefix(&self, limit: usize) -> Option<Vec<u8>> {
        let moof = self.fragment.as_ref().map_or(&[][..], |pending| &pending.moof);
        if self.absolute == Some(true) || self.media.is_some() || self.input.len() + moof.len() > limit {
            return None;
        }
        if self.movie.as_ref().is_some_and(|movie| movie.moov.len() > MAX_RESUMED_MOOV_BYTES) {
            return None;
        }
        // What came between a `moof` and its `mdat` counts for the places of samples, and is not kept.
        if self.fragment.as_ref().is_some_and(|pending| pending.moof_end() != self.input.position()) {
            return None;
        }
        let mut rest = BytesMut::new();
        if let Some(movie) = &self.movie {
            put_box(&mut rest, b"moov", |out| out.put_slice(&movie.moov));
            put_decode_times(&mut rest, movie);
        }
        rest.put_slice(moof);
        put_skipped_start(&mut rest, self.input.skipping());
        let mut out = BytesMut::new();
        if self.begun {
            let payload_bytes = self.resumed_ftyp_bytes(rest.len())?;
            put_box(&mut out, b"ftyp", |out| {
                out.put_slice(b"iso6");
                out.put_bytes(0, payload_bytes - 4);
            });
        }
        out.put_slice(&rest);
        self.input.append_to(&mut out);
        Some(out.into())
    }

    /// How large the payload of `ftyp` is in a resume prefix that goes on with `rest` bytes: where places may still turn out to be
    /// told from the input's start, so that they are the same. `None` where they cannot be, once there are tracks.
    fn resumed_ftyp_bytes(&self, rest: usize) -> Option<usize> {
        const LEAST: usize = 8;
        const MOST: usize = 1 << 10;
        if self.absolute.is_some() {
            return Some(LEAST);
        }
        let position = usize::try_from(self.input.position()).ok()?;
        let payload_bytes = position.checked_sub(rest + 8).filter(|bytes| (LEAST..=MOST).contains(bytes));
        payload_bytes.or(self.movie.is_none().then_some(LEAST))
    }

    fn advance(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(packet) = self.ready.next() {
                return Ok(Some(Event::Packet(packet)));
            }
            match self.step()? {
                Step::Continue => {}
                Step::NeedMore => return Ok(None),
                Step::Tracks => {
                    let tracks = self.movie.iter().flat_map(|movie| &movie.tracks);
                    return Ok(Some(Event::Tracks(tracks.map(|input| input.track.clone()).collect())));
                }
            }
        }
    }

    fn step(&mut self) -> Result<Step, Error> {
        if self.input.is_incomplete() {
            return Ok(Step::NeedMore);
        }
        let Some(header) = Header::parse(self.input.peek(boxes::MAX_HEADER_BYTES))? else {
            return Ok(Step::NeedMore);
        };
        let step = self.read_box(header)?;
        self.steps += u64::from(!matches!(step, Step::NeedMore));
        Ok(step)
    }

    fn read_box(&mut self, header: Header) -> Result<Step, Error> {
        match (&header.kind, &self.movie) {
            (b"ftyp", _) => {
                self.begun = true;
                Ok(self.skip(header))
            }
            (kind, _) if !self.begun => {
                Err(malformed(format!("begins with {}, not with ftyp", kind.escape_ascii())))
            }
            (b"moov", _) => self.read_moov(header),
            (b"moof", None) => Err(malformed("a fragment before moov")),
            (b"mdat", None) => Err(refusal::not_fragmented()),
            (b"moof", Some(_)) => self.read_moof(header),
            (b"mdat", Some(_)) => self.read_mdat(header),
            (kind, _) if kind.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') => {
                Ok(self.skip(header))
            }
            (kind, _) => Err(malformed(format!("a box of type {}", kind.escape_ascii()))),
        }
    }

    /// Drops a box, what is here now and the rest when it comes.
    fn skip(&mut self, header: Header) -> Step {
        let size = header.payload_bytes.unwrap_or(u64::MAX).saturating_add(header.header_bytes as u64);
        if self.input.skip(size) { Step::Continue } else { Step::NeedMore }
    }

    /// Takes a whole box with `payload_bytes` of at most `limit`; `None` while it is not all here.
    fn take(
        &mut self,
        header: Header,
        payload_bytes: u64,
        what: &'static str,
        limit: u64,
    ) -> Result<Option<Bytes>, Error> {
        if payload_bytes > limit {
            return Err(Error::TooLarge { what, bytes: payload_bytes, limit });
        }
        let size = header.header_bytes + payload_bytes as usize;
        Ok(self.input.take(size))
    }

    /// Takes a whole `moov` or `moof`, which cannot reach to the end of a file that has media after it.
    fn take_sized(&mut self, header: Header, what: &'static str, limit: u64) -> Result<Option<Bytes>, Error> {
        let payload_bytes =
            header.payload_bytes.ok_or_else(|| malformed(format!("{what} of unknown size")))?;
        self.take(header, payload_bytes, what, limit)
    }

    fn read_moov(&mut self, header: Header) -> Result<Step, Error> {
        let limit = match self.origin {
            Origin::Recorder => MAX_MOOV_BYTES,
            Origin::File => MAX_FILE_MOOV_BYTES,
        };
        let Some(taken) = self.take_sized(header, "moov", limit)? else { return Ok(Step::NeedMore) };
        // A copy, so that it does not keep a whole segment's bytes for the length of a take.
        let moov = Bytes::copy_from_slice(&taken[header.header_bytes..]);
        match &self.movie {
            Some(movie) if movie.moov == moov || movie.tracks == movie::read(&moov, self.origin)? => {
                Ok(Step::Continue)
            }
            Some(_) => Err(malformed("tracks that change within a take")),
            None => {
                let tracks = movie::read(&moov, self.origin)?;
                let decode_times = vec![0; tracks.len()];
                self.movie = Some(Movie { moov, tracks, decode_times });
                Ok(Step::Tracks)
            }
        }
    }

    fn read_moof(&mut self, header: Header) -> Result<Step, Error> {
        let start = self.input.position();
        let Some(taken) = self.take_sized(header, "moof", MAX_MOOF_BYTES)? else { return Ok(Step::NeedMore) };
        if self.fragment.is_some() {
            return Err(malformed("a moof without its mdat"));
        }
        let Some(movie) = &mut self.movie else { return Ok(Step::Continue) };
        let header_bytes = header.header_bytes;
        let outline = fragment::outline(movie.fragment(&taken[header_bytes..], start))?;
        self.steps += outline.steps;
        if outline.bytes == 0 {
            movie.decode_times = outline.decode_times;
            return Ok(Step::Continue);
        }
        self.absolute = Some(outline.absolute || self.absolute == Some(true));
        let before = self.media.take().filter(|media| media.has(&outline.place));
        self.fragment = Some(Pending { moof: Bytes::copy_from_slice(&taken), header_bytes, start, outline });
        match before {
            Some(media) => self.give_frames(media),
            None => Ok(Step::Continue),
        }
    }

    /// An `mdat` that reaches to the end of the file ends where its fragment does; nothing comes after it.
    fn read_mdat(&mut self, header: Header) -> Result<Step, Error> {
        let start = self.input.position().saturating_add(header.header_bytes as u64);
        let needed =
            || self.fragment.as_ref().map_or(0, |pending| pending.outline.place.end.saturating_sub(start));
        let payload_bytes = header.payload_bytes.unwrap_or_else(needed);
        let Some(taken) = self.take(header, payload_bytes, "mdat", MAX_MDAT_BYTES)? else {
            return Ok(Step::NeedMore);
        };
        if header.payload_bytes.is_none() {
            self.input.skip(u64::MAX);
        }
        let media = Media { start, data: taken.slice(header.header_bytes..) };
        if self.fragment.is_some() {
            return self.give_frames(media);
        }
        self.media = Some(media);
        Ok(Step::Continue)
    }

    /// Makes the pending fragment's frames ready. Samples that share bytes are refused, because so a small input could
    /// ask for any amount of output.
    fn give_frames(&mut self, media: Media) -> Result<Step, Error> {
        let (Some(pending), Some(movie)) = (self.fragment.take(), &mut self.movie) else {
            return Ok(Step::Continue);
        };
        if pending.outline.bytes > media.data.len() as u64 {
            return Err(malformed("samples larger than their mdat"));
        }
        if !media.has(&pending.outline.place) {
            return Err(malformed("a sample outside its mdat"));
        }
        let samples =
            fragment::samples(movie.fragment(&pending.moof[pending.header_bytes..], pending.start))?;
        self.steps += samples.len() as u64;
        let packets = samples.into_iter().map(|sample| media.packet(sample)).collect::<Option<Vec<_>>>();
        self.ready = packets.ok_or_else(|| malformed("a sample outside its mdat"))?.into_iter();
        movie.decode_times = pending.outline.decode_times;
        Ok(Step::Continue)
    }
}

#[cfg(test)]
mod tests;
