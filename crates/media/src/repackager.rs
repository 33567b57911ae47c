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

/// The largest resume point handed out.
const MAX_POINT_BYTES: usize = 8 << 10;

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
    failed: Option<Error>,
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
        Ok(Self { demuxer, pipeline: None, failed: None })
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
    pub fn push_segment(&mut self, segment: &[u8]) -> Result<Vec<Output>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.demuxer.push(segment);
        self.drain().inspect_err(|error| self.failed = Some(error.clone()))
    }

    fn drain(&mut self) -> Result<Vec<Output>, Error> {
        let mut outputs = Vec::new();
        while let Some(event) = self.demuxer.next_event()? {
            match (event, &mut self.pipeline) {
                (Event::Tracks(tracks), _) => {
                    let pipeline = self.pipeline.insert(Pipeline::new(tracks, Memory::default())?);
                    outputs.extend(pipeline.init().cloned().map(Output::Init));
                }
                (Event::Frame(frame), Some(pipeline)) => pipeline.push(frame, &mut outputs)?,
                (Event::Frame(_), None) => {} // A demuxer gives the tracks before any frame.
            }
        }
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.end_segment(&mut outputs);
        }
        Ok(outputs)
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
        let memory = self.pipeline.as_ref().map(Pipeline::memory).unwrap_or_default();
        let prefix = self.demuxer.resume_prefix(MAX_PREFIX_BYTES)?.into();
        let point = Point { memory, prefix }.encode();
        (point.len() <= MAX_POINT_BYTES).then_some(point)
    }
}
