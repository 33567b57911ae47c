//! One take, from segments to runs of frames.

mod held;
mod memory;
mod output;
mod packager;
mod pipeline;
mod resume;

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Error, Track,
    demux::{Demuxer, Event, container},
};
use memory::Memory;
pub use output::Output;
use pipeline::Pipeline;
use resume::Point;

/// The most pending input that goes into a resume point. Recorders cut at elements or one byte inside; where most
/// of a picture is pending, the next segment's end is the better place to resume from.
const MAX_PREFIX_BYTES: usize = 4 << 10;

/// How much of a segment is read before frames are looked for in it.
const PIECE_BYTES: usize = 64 << 10;

/// How much [`TakeParser::advance`] does in one call: some ten thousand bytes of the smallest elements or some hundred
/// thousand of ordinary ones, which is about a millisecond.
const SLICE_WORK: u64 = 256 << 10;

/// What reading an element counts towards [`SLICE_WORK`] besides its bytes.
const STEP_WORK: u64 = 64;

/// A segment has at most so many frames (five minutes of 20 ms packets), and one more for every [`BYTES_PER_FRAME`]. Each
/// costs more than its bytes, and a sample of MP4 may have a single one.
const MIN_FRAME_LIMIT: u64 = 1 << 14;

/// Less than any frame takes in WebM, and than frames with sound or a picture take in MP4.
const BYTES_PER_FRAME: u64 = 4;

/// One take's parser: recorder segments in, tracks and named runs of frames out.
///
/// The output depends only on the segments, so every parser that is given the same segments makes the same frames under
/// the same names, also from a [resume point](TakeParser::resume_point) on. Between calls it holds the container's pending
/// element (at most [`MAX_BLOCK_BYTES`](crate::demux::webm::MAX_BLOCK_BYTES) of WebM, or
/// [`MAX_MDAT_BYTES`](crate::demux::fmp4::MAX_MDAT_BYTES) and its headers of MP4) and up to 256 KiB of audio that waits for the
/// first keyframe; during a call also what the segment makes, so callers bound the segment. Frames may be slices of the
/// segments pushed.
#[derive(Debug)]
pub struct TakeParser {
    demuxer: Demuxer,
    /// Once the tracks are known.
    pipeline: Option<Pipeline>,
    /// What was read of the segment that is not done.
    segment: Amount,
    /// Why it failed, and [`Self::steps`] until then.
    failed: Option<(Error, u64)>,
}

/// How much was read.
#[derive(Debug, Default)]
struct Amount {
    bytes: u64,
    frames: u64,
}

/// The progress of [`TakeParser::advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// There is more to do for this segment: call it again.
    Partly,
    /// The segment is done.
    Done,
}

impl TakeParser {
    /// A parser for what a recorder with this full type (`video/webm;codecs=vp9,opus`) makes.
    ///
    /// `Unsupported` when the container or one of the codecs named is not forwarded.
    pub fn new(mime: &str) -> Result<Self, Error> {
        let demuxer = Demuxer::new(container(mime)?);
        Ok(Self { demuxer, pipeline: None, segment: Amount::default(), failed: None })
    }

    /// A parser that continues after the segment at whose end `point` was taken.
    ///
    /// `InvalidResume` when `point` was not taken from a take of this type.
    pub fn resume(mime: &str, point: &[u8]) -> Result<Self, Error> {
        let mut resumed = Self::new(mime)?;
        let Point { memory, prefix } = Point::decode(point).ok_or(Error::InvalidResume)?;
        resumed.rebuild(memory, prefix).map_err(|_| Error::InvalidResume)?;
        Ok(resumed)
    }

    fn rebuild(&mut self, memory: Memory, prefix: Bytes) -> Result<(), Error> {
        self.demuxer.push(prefix);
        self.demuxer.reveal(usize::MAX);
        let mut memory = Some(memory);
        while let Some(event) = self.demuxer.next_event()? {
            match (event, memory.take()) {
                (Event::Tracks(tracks), Some(memory)) if memory.fits(&tracks) => {
                    let pipeline = self.pipeline.insert(Pipeline::new(tracks, memory)?);
                    pipeline.give_tracks();
                }
                _ => return Err(Error::InvalidResume),
            }
        }
        Ok(())
    }

    /// Takes the next segment, which may be cut anywhere and may be empty; gives what became ready, in order.
    ///
    /// After an error every later call returns the same error; what was given before it stands.
    pub fn push_segment(&mut self, segment: impl Into<Bytes>) -> Result<Vec<Output>, Error> {
        let (mut segment, mut outputs) = (segment.into(), Vec::new());
        while self.advance(&mut segment, &mut outputs)? == Progress::Partly {}
        Ok(outputs)
    }

    /// As [`Self::push_segment`], in slices of bounded work: the first call takes all of `segment`, each reads some of
    /// it and appends what became ready. Call it again with the same, then empty, `segment` until it is done; only then the next
    /// segment may begin.
    ///
    /// Before an error it may have appended something, which stands.
    pub fn advance(&mut self, segment: &mut Bytes, outputs: &mut Vec<Output>) -> Result<Progress, Error> {
        if let Some((error, _)) = &self.failed {
            return Err(error.clone());
        }
        let drained = self.drain(segment, outputs);
        if let Err(error) = &drained {
            self.fail(error.clone());
            segment.clear();
        }
        drained
    }

    /// Nothing is read any more: what it holds of its segments goes.
    fn fail(&mut self, error: Error) {
        self.failed = Some((error, self.steps()));
        self.demuxer.reset();
        self.pipeline = None;
    }

    fn drain(&mut self, segment: &mut Bytes, outputs: &mut Vec<Output>) -> Result<Progress, Error> {
        // Most segments of a large picture only make it longer.
        let is_short = segment.len() <= PIECE_BYTES;
        if is_short && self.demuxer.extend_incomplete(segment) {
            segment.clear();
        } else if self.read(segment, outputs)? == Progress::Partly {
            return Ok(Progress::Partly);
        }
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.end_segment(outputs);
        }
        self.segment = Amount::default();
        Ok(Progress::Done)
    }

    fn read(&mut self, segment: &mut Bytes, outputs: &mut Vec<Output>) -> Result<Progress, Error> {
        let mut work = Work { bytes: 0, steps_before: self.steps() };
        if !segment.is_empty() {
            self.demuxer.push(std::mem::take(segment));
            self.reveal(&mut work);
        }
        loop {
            if let Some(event) = self.demuxer.next_event()? {
                work.bytes += event_bytes(&event);
                self.take(event, outputs)?;
            } else if self.reveal(&mut work) == 0 {
                self.demuxer.detach();
                return Ok(Progress::Done);
            }
            if work.is_over(self.steps()) {
                return Ok(Progress::Partly);
            }
        }
    }

    /// Lets the next piece of the segment be read; gives its bytes, 0 at the segment's end.
    fn reveal(&mut self, work: &mut Work) -> u64 {
        let revealed = self.demuxer.reveal(PIECE_BYTES) as u64;
        self.segment.bytes += revealed;
        work.bytes += revealed;
        revealed
    }

    fn take(&mut self, event: Event, outputs: &mut Vec<Output>) -> Result<(), Error> {
        match (event, &mut self.pipeline) {
            (Event::Tracks(tracks), _) => {
                let pipeline = self.pipeline.insert(Pipeline::new(tracks, Memory::default())?);
                outputs.extend(pipeline.give_tracks());
                Ok(())
            }
            (Event::Packet(packet), Some(pipeline)) => {
                self.segment.add_frame()?;
                pipeline.push(packet, outputs)
            }
            // A demuxer gives the tracks before any frame.
            (Event::Packet(_), None) => Ok(()),
        }
    }

    /// How much was read so far: elements or boxes, those inside them, samples, and the units inside a picture of H.264 or AV1 that
    /// has more than 16 of them. Never more than the bytes pushed.
    pub fn steps(&self) -> u64 {
        if let Some((_, steps)) = &self.failed {
            return *steps;
        }
        self.demuxer.steps() + self.pipeline.as_ref().map_or(0, Pipeline::units)
    }

    /// The tracks, once they were given.
    pub fn tracks(&self) -> Option<Arc<[Track]>> {
        self.pipeline.as_ref()?.tracks().cloned()
    }

    /// Time of the newest frame so far, in ms of the take's time.
    pub fn newest_pts_ms(&self) -> Option<u64> {
        self.pipeline.as_ref()?.latest_us().map(|pts_us| pts_us / 1000)
    }

    /// How often the input's times fell or jumped, so that they were corrected. Both tracks of a take count.
    pub fn time_corrections(&self) -> u64 {
        self.pipeline.as_ref().map_or(0, Pipeline::time_corrections)
    }

    /// Group, index and number of frames of the newest run, given here or before the resume point; `None` before the first.
    pub fn newest(&self) -> Option<(u64, u32, u32)> {
        self.pipeline.as_ref()?.newest()
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

/// What one call of [`TakeParser::advance`] did so far.
struct Work {
    /// Read, and written.
    bytes: u64,
    steps_before: u64,
}

impl Work {
    fn is_over(&self, steps: u64) -> bool {
        self.bytes + (steps - self.steps_before) * STEP_WORK > SLICE_WORK
    }
}

fn event_bytes(event: &Event) -> u64 {
    match event {
        Event::Tracks(_) => 0,
        Event::Packet(packet) => packet.data.len() as u64,
    }
}
