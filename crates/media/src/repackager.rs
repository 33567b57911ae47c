//! The public face of this crate: one take, from segments to chunks.

use bytes::Bytes;

use crate::{
    Error, Event,
    demuxer::Demuxer,
    mime,
    pipeline::{Memory, Pipeline},
    resume::Point,
};

/// The most pending input that goes into a resume point. Recorders cut at elements or one byte inside; where most
/// of a picture is pending, the next segment's end is the better place to resume from.
const MAX_PREFIX_BYTES: usize = 4 << 10;

/// How much of a segment is read before frames are looked for in it.
const PIECE_BYTES: usize = 64 << 10;

/// How much [`Repackager::advance`] does in one call: some ten thousand bytes of the smallest elements or some hundred
/// thousand of ordinary ones, which is about a millisecond.
const SLICE_WORK: u64 = 256 << 10;

/// What reading an element counts towards [`SLICE_WORK`] besides its bytes.
const STEP_WORK: u64 = 64;

/// A segment has at most so many frames (five minutes of 20 ms packets), and one more for every [`BYTES_PER_FRAME`]. Each
/// costs more than its bytes, and a sample of MP4 may have a single one.
const MIN_FRAME_LIMIT: u64 = 1 << 14;

/// Less than any frame takes in WebM, and than frames with sound or a picture take in MP4.
const BYTES_PER_FRAME: u64 = 4;

/// One take's pipeline: recorder segments in, init segment and named chunks out.
///
/// Nothing but the segments decides what comes out, so whoever is given the same segments makes the same chunks under
/// the same names, also from a [resume point](Repackager::resume_point) on. Between calls it holds the container's pending
/// element (at most [`MAX_BLOCK_BYTES`](crate::webm::MAX_BLOCK_BYTES) of WebM, or [`MAX_MDAT_BYTES`](crate::fmp4::MAX_MDAT_BYTES)
/// and its headers of MP4) and up to 256 KiB of audio that waits for the first keyframe; during a call also what the segment
/// makes, so callers bound the segment.
#[derive(Debug)]
pub struct Repackager {
    demuxer: Demuxer,
    /// Once the tracks are known.
    pipeline: Option<Pipeline>,
    /// What was read of the segment that is not done.
    segment: Amount,
    failed: Option<Error>,
}

/// How much was read.
#[derive(Debug, Default)]
struct Amount {
    bytes: u64,
    frames: u64,
}

/// How far [`Repackager::advance`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// There is more to do for this segment: call it again.
    Partly,
    /// The segment is done.
    Done,
}

/// What [`Repackager::push_segment`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The init segment: once, before every chunk.
    Init(Init),
    /// The next chunk.
    Chunk(Chunk),
}

/// What a player has to be given before any chunk of the take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// The type that MSE accepts for these bytes, with codecs: `video/webm;codecs="vp9,opus"`.
    pub mime: String,
    /// The init segment.
    pub data: Bytes,
}

/// A piece of the take which can be appended after the init segment, from any `key` chunk on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Counts keyframes (without video: seconds that have a packet), from 0.
    pub group: u64,
    /// Counts the chunks of the group, from 0.
    pub index: u32,
    /// Whether playing can start here: its first picture is a keyframe. So it is with every first chunk of a group.
    pub key: bool,
    /// Time of the earliest frame, in ms of the take's time.
    pub pts_ms: u64,
    /// From `pts_ms` to the end of the last frame: audio by its own duration, a picture taken to last as long as the one before.
    pub duration_ms: u64,
    /// WebM: a Cluster of known size with its own Timestamp. MP4: a `moof` and its `mdat`.
    pub data: Bytes,
}

impl Repackager {
    /// A pipeline for what a recorder with this full type (`video/webm;codecs=vp9,opus`) makes.
    ///
    /// `Unsupported` when the container or one of the codecs named is not forwarded.
    pub fn new(mime: &str) -> Result<Self, Error> {
        let demuxer = Demuxer::new(mime::container(mime)?);
        Ok(Self { demuxer, pipeline: None, segment: Amount::default(), failed: None })
    }

    /// A pipeline that goes on after the segment at whose end `point` was taken.
    ///
    /// `InvalidResume` when `point` was not taken from a take of this type.
    pub fn resume(mime: &str, point: &[u8]) -> Result<Self, Error> {
        let mut resumed = Self::new(mime)?;
        let Point { memory, prefix } = Point::decode(point).ok_or(Error::InvalidResume)?;
        resumed.rebuild(memory, &prefix).map_err(|_| Error::InvalidResume)?;
        Ok(resumed)
    }

    fn rebuild(&mut self, memory: Memory, prefix: &[u8]) -> Result<(), Error> {
        self.demuxer.push(prefix);
        let mut memory = Some(memory);
        while let Some(event) = self.demuxer.next_event()? {
            match (event, memory.take()) {
                (Event::Tracks(tracks), Some(memory)) if memory.fits(&tracks) => {
                    self.pipeline = Some(Pipeline::new(tracks, memory)?);
                }
                _ => return Err(Error::InvalidResume),
            }
        }
        Ok(())
    }

    /// Takes the next segment, which may be cut anywhere and may be empty; gives what became ready, in order.
    ///
    /// After an error every later call returns the same error; what was given before it stands.
    pub fn push_segment(&mut self, mut segment: &[u8]) -> Result<Vec<Output>, Error> {
        let mut outputs = Vec::new();
        while self.advance(&mut segment, &mut outputs)? == Progress::Partly {}
        Ok(outputs)
    }

    /// As [`Self::push_segment`], in slices of bounded work: takes some of `segment`, which it shortens, and appends what
    /// became ready. Call it with what is left until it is done; only then the next segment may begin.
    ///
    /// Before an error it may have appended something, which stands.
    pub fn advance(&mut self, segment: &mut &[u8], outputs: &mut Vec<Output>) -> Result<Progress, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.drain(segment, outputs).inspect_err(|error| self.failed = Some(error.clone()))
    }

    fn drain(&mut self, segment: &mut &[u8], outputs: &mut Vec<Output>) -> Result<Progress, Error> {
        let mut work = Work { bytes: 0, steps_before: self.demuxer.steps() };
        loop {
            if let Some(event) = self.demuxer.next_event()? {
                work.bytes += event_bytes(&event);
                self.take(event, outputs)?;
            } else if let Some((piece, rest)) = next_piece(segment) {
                self.demuxer.push(piece);
                self.segment.bytes += piece.len() as u64;
                *segment = rest;
                work.bytes += piece.len() as u64;
            } else {
                break;
            }
            if work.is_over(&self.demuxer) {
                return Ok(Progress::Partly);
            }
        }
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.end_segment(outputs);
        }
        self.segment = Amount::default();
        Ok(Progress::Done)
    }

    fn take(&mut self, event: Event, outputs: &mut Vec<Output>) -> Result<(), Error> {
        match (event, &mut self.pipeline) {
            (Event::Tracks(tracks), _) => {
                let pipeline = self.pipeline.insert(Pipeline::new(tracks, Memory::default())?);
                outputs.extend(pipeline.init().cloned().map(Output::Init));
                Ok(())
            }
            (Event::Frame(frame), Some(pipeline)) => {
                self.segment.add_frame()?;
                pipeline.push(frame, outputs)
            }
            // A demuxer gives the tracks before any frame.
            (Event::Frame(_), None) => Ok(()),
        }
    }

    /// How much was read so far: elements or boxes, those inside them, and samples. Never more than the bytes pushed.
    pub fn steps(&self) -> u64 {
        self.demuxer.steps()
    }

    /// The init segment, once it was given.
    pub fn init(&self) -> Option<Init> {
        self.pipeline.as_ref()?.init().cloned()
    }

    /// Time of the newest frame so far, in ms of the take's time.
    pub fn newest_pts_ms(&self) -> Option<u64> {
        self.pipeline.as_ref()?.newest_us().map(|pts_us| pts_us / 1000)
    }

    /// Group and index of the newest chunk, given here or before the resume point; none before the first.
    pub fn newest_chunk(&self) -> Option<(u64, u32)> {
        self.pipeline.as_ref()?.newest_chunk()
    }

    /// The state after the segments so far, in at most 8 KiB, for [`Self::resume`]; `None` where too much is pending for
    /// that: a picture cut in its middle, or audio held for the first keyframe.
    pub fn resume_point(&self) -> Option<Vec<u8>> {
        if self.failed.is_some() {
            return None;
        }
        let prefix = self.demuxer.resume_prefix(MAX_PREFIX_BYTES)?;
        match &self.pipeline {
            Some(pipeline) => pipeline.parts(&prefix).encode(),
            None => Memory::default().parts(&prefix).encode(),
        }
    }
}

impl Amount {
    /// Counts a frame.
    fn add_frame(&mut self) -> Result<(), Error> {
        self.frames += 1;
        let limit = MIN_FRAME_LIMIT + self.bytes / BYTES_PER_FRAME;
        if self.frames > limit { Err(Error::TooManyFrames { limit }) } else { Ok(()) }
    }
}

/// What one call of [`Repackager::advance`] did so far.
struct Work {
    /// Read, and written.
    bytes: u64,
    steps_before: u64,
}

impl Work {
    fn is_over(&self, demuxer: &Demuxer) -> bool {
        self.bytes + (demuxer.steps() - self.steps_before) * STEP_WORK > SLICE_WORK
    }
}

fn event_bytes(event: &Event) -> u64 {
    match event {
        Event::Tracks(_) => 0,
        Event::Frame(frame) => frame.data.len() as u64,
    }
}

/// The next bytes of a segment to read, and those after them.
fn next_piece<'a>(segment: &&'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    if segment.is_empty() { None } else { Some(segment.split_at(segment.len().min(PIECE_BYTES))) }
}
