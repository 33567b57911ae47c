//! What a broadcaster sends, and what each viewer must therefore receive, segment by segment.
//!
//! Names and bytes of chunks are a function of the segments alone, so the script itself makes the chunks, and
//! knows every chunk before the node does. All streams of a trial play the same script; it is written once,
//! kept for a while, and shared.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use media::{Muxer, Output, Rendition, TakeParser};

use crate::{
    error::{Error, Result},
    recording::Recording,
    scenario::Target,
};

/// Number of segments kept for streams that lag. Streams start within the warm-up, and late ones within
/// seconds of their due time.
const KEPT: usize = 512;

/// One chunk a viewer must receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedChunk {
    /// Its group.
    pub group: u64,
    /// The index of its first frame in the group.
    pub index: u32,
    /// Its bytes.
    pub data: Bytes,
}

/// One segment and the resulting chunks.
#[derive(Debug)]
pub struct Line {
    /// Number of the segment in the take.
    pub seq: u64,
    /// When to send it, counted from the first segment.
    pub due: Duration,
    /// The bytes to send.
    pub segment: Bytes,
    /// The init segment, if this one completes it.
    pub init: Option<Bytes>,
    /// The chunks this segment completes, in order.
    pub chunks: Vec<ExpectedChunk>,
}

/// The lines of one take, produced on demand.
pub struct Script {
    recording: Recording,
    writing: Mutex<Writing>,
}

struct Writing {
    packing: Packing,
    next_seq: u64,
    kept: VecDeque<Arc<Line>>,
}

/// How the program under test makes chunks from segments.
enum Packing {
    /// Like the node for viewers that request no format: parsed media is written by the muxer, once it is
    /// known.
    Muxed { parser: Box<TakeParser>, muxer: Option<Muxer> },
    /// Like the floor: each segment is a chunk.
    Verbatim,
}

impl Script {
    /// The script of `recording` for `target`.
    ///
    /// # Errors
    /// [`Error::Protocol`] if the recording's type is not one a node can forward.
    pub fn new(recording: Recording, target: Target) -> Result<Self> {
        let packing = match target {
            Target::Undead => {
                let parser = TakeParser::new(&recording.mime)
                    .map_err(|error| Error::Protocol(format!("{}: {error}", recording.mime)))?;
                Packing::Muxed { parser: Box::new(parser), muxer: None }
            }
            Target::Floor => Packing::Verbatim,
        };
        Ok(Self { recording, writing: Mutex::new(Writing { packing, next_seq: 0, kept: VecDeque::new() }) })
    }

    /// The recorder's full type.
    pub fn mime(&self) -> &str {
        &self.recording.mime
    }

    /// Line `seq`. All streams must request lines in about the same order.
    ///
    /// # Errors
    /// [`Error::Protocol`] if the recording does not parse there, or the line is no longer kept.
    pub fn line(&self, seq: u64) -> Result<Arc<Line>> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        while writing.next_seq <= seq {
            let next_seq = writing.next_seq;
            let line = writing.packing.pack(next_seq, &self.recording)?;
            writing.kept.push_back(Arc::new(line));
            writing.next_seq += 1;
            if writing.kept.len() > KEPT {
                writing.kept.pop_front();
            }
        }
        let back = usize::try_from(writing.next_seq - seq).unwrap_or(usize::MAX);
        let place = writing.kept.len().checked_sub(back);
        place
            .and_then(|place| writing.kept.get(place).cloned())
            .ok_or_else(|| Error::Protocol(format!("segment {seq} is asked for too late")))
    }
}

impl Packing {
    fn pack(&mut self, seq: u64, recording: &Recording) -> Result<Line> {
        let replayed = recording.segment(seq);
        let mut line =
            Line { seq, due: replayed.due, segment: replayed.bytes, init: None, chunks: Vec::new() };
        match self {
            Self::Muxed { parser, muxer } => {
                let unreadable = |error| Error::Protocol(format!("recorded segment {seq}: {error}"));
                for output in parser.push_segment(line.segment.clone()).map_err(unreadable)? {
                    match output {
                        Output::Tracks(tracks) => {
                            let format = Rendition::default_of(&tracks);
                            let muxer = muxer.insert(Muxer::new(format, tracks).map_err(unreadable)?);
                            line.init = Some(muxer.init().data.clone());
                        }
                        Output::Run(run) => line.chunks.extend(muxer.as_ref().map(|muxer| {
                            let mut data = BytesMut::with_capacity(muxer.chunk_bytes(&run));
                            muxer.write_chunk(&run, &mut data);
                            ExpectedChunk { group: run.group, index: run.index, data: data.freeze() }
                        })),
                    }
                }
            }
            Self::Verbatim if !line.segment.is_empty() => {
                line.chunks.push(ExpectedChunk { group: seq, index: 0, data: line.segment.clone() });
            }
            Self::Verbatim => {}
        }
        Ok(line)
    }
}
