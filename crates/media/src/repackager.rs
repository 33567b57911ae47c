//! One take, from segments to chunks of its default rendition, named as before runs were counted in frames.

use bytes::Bytes;

use crate::{Error, Format, Init, Muxer, Progress, TakeParser, take};

/// A [`TakeParser`] and the [`Muxer`] of its default format.
#[derive(Debug)]
pub struct Repackager {
    parser: TakeParser,
    muxer: Option<Muxer>,
    /// What is left of the segment that is being read.
    segment: Bytes,
    /// Group and index of the newest chunk.
    newest: Option<(u64, u32)>,
}

/// What [`Repackager::push_segment`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The init segment: once, before every chunk.
    Init(Init),
    /// The next chunk.
    Chunk(Chunk),
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
    /// From `pts_ms` to the end of the last frame.
    pub duration_ms: u64,
    /// WebM: a Cluster of known size with its own Timestamp. MP4: a `moof` and its `mdat`.
    pub data: Bytes,
}

impl Repackager {
    /// As [`TakeParser::new`].
    pub fn new(mime: &str) -> Result<Self, Error> {
        Ok(Self { parser: TakeParser::new(mime)?, muxer: None, segment: Bytes::new(), newest: None })
    }

    /// As [`TakeParser::resume`].
    pub fn resume(mime: &str, point: &[u8]) -> Result<Self, Error> {
        let (index, point) = point.split_first_chunk().ok_or(Error::InvalidResume)?;
        let parser = TakeParser::resume(mime, point)?;
        let newest = parser.newest().map(|(group, ..)| (group, u32::from_be_bytes(*index)));
        let muxer = parser.tracks().map(default_muxer).transpose().map_err(|_| Error::InvalidResume)?;
        Ok(Self { parser, muxer, segment: Bytes::new(), newest })
    }

    /// As [`TakeParser::push_segment`].
    pub fn push_segment(&mut self, mut segment: &[u8]) -> Result<Vec<Output>, Error> {
        let mut outputs = Vec::new();
        while self.advance(&mut segment, &mut outputs)? == Progress::Partly {}
        Ok(outputs)
    }

    /// As [`TakeParser::advance`].
    pub fn advance(&mut self, segment: &mut &[u8], outputs: &mut Vec<Output>) -> Result<Progress, Error> {
        if self.segment.is_empty() {
            self.segment = Bytes::copy_from_slice(segment);
        }
        let mut made = Vec::new();
        let progress = self.parser.advance(&mut self.segment, &mut made);
        *segment = &segment[segment.len() - self.segment.len()..];
        for output in made {
            outputs.extend(self.write(output)?);
        }
        if progress.is_err() {
            self.segment = Bytes::new();
        }
        progress
    }

    fn write(&mut self, output: take::Output) -> Result<Option<Output>, Error> {
        match (output, &self.muxer) {
            (take::Output::Tracks(tracks), _) => {
                let muxer = self.muxer.insert(default_muxer(tracks)?);
                Ok(Some(Output::Init(muxer.init().clone())))
            }
            (take::Output::Run(run), Some(muxer)) => {
                let index = self.newest.filter(|_| !run.key()).map_or(0, |(_, index)| index.wrapping_add(1));
                self.newest = Some((run.group, index));
                let (pts_ms, duration_ms) = (run.pts_us() / 1000, run.duration_us() / 1000);
                let mut data = bytes::BytesMut::with_capacity(muxer.chunk_bytes(&run));
                muxer.write_chunk(&run, &mut data);
                let data = data.freeze();
                let (group, key) = (run.group, run.key());
                Ok(Some(Output::Chunk(Chunk { group, index, key, pts_ms, duration_ms, data })))
            }
            (take::Output::Run(_), None) => Ok(None),
        }
    }

    /// As [`TakeParser::steps`].
    pub fn steps(&self) -> u64 {
        self.parser.steps()
    }

    /// The init segment, once it was given.
    pub fn init(&self) -> Option<Init> {
        self.muxer.as_ref().map(|muxer| muxer.init().clone())
    }

    /// As [`TakeParser::newest_pts_ms`].
    pub fn newest_pts_ms(&self) -> Option<u64> {
        self.parser.newest_pts_ms()
    }

    /// Group and index of the newest chunk, given here or before the resume point; `None` before the first.
    pub fn newest_chunk(&self) -> Option<(u64, u32)> {
        self.newest
    }

    /// As [`TakeParser::resume_point`].
    pub fn resume_point(&self) -> Option<Vec<u8>> {
        let point = self.parser.resume_point()?;
        let index = self.newest.map_or(0, |(_, index)| index);
        Some([&index.to_be_bytes()[..], &point].concat())
    }
}

fn default_muxer(tracks: std::sync::Arc<[crate::Track]>) -> Result<Muxer, Error> {
    Muxer::new(Format::default_of(&tracks), tracks)
}
