//! What has to hold for any input: the fuzz targets check it, and `tests/fuzz_corpus.rs` does on the inputs kept here.
//!
//! Nothing panics; how the input is cut changes nothing; work is proportional to the input; what comes out is no larger
//! than what went in and the headers for it; and what is packaged reads back.

// Each target uses its own part of this.
#![allow(dead_code)]

use media::{
    Error, Init, Packet,
    demux::{Event, fmp4, webm},
    repackager::{Chunk, Output, Repackager},
};

/// Recorder types by the first byte of a [`repackage`] input.
const MIMES: [&str; 4] = [
    "video/webm;codecs=vp9,opus",
    "video/x-matroska;codecs=avc1,opus",
    "video/mp4;codecs=avc1.420020,opus",
    "audio/webm;codecs=opus",
];

/// More than the headers of a chunk with one frame take.
const CHUNK_OVERHEAD_BYTES: usize = 512;

/// Bytes of input for a chunk beyond those that every segment may give.
const CHUNK_BYTES: usize = 1024;
const CHUNKS_PER_SEGMENT: usize = 3;

/// More than an init segment takes besides what the input says.
const INIT_OVERHEAD_BYTES: usize = 2048;

/// The one thing both demuxers do.
trait Demux: Default {
    fn push(&mut self, bytes: &[u8]);
    fn next_event(&mut self) -> Result<Option<Event>, Error>;
    fn steps(&self) -> u64;
}

impl Demux for webm::Demuxer {
    fn push(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    fn next_event(&mut self) -> Result<Option<Event>, Error> {
        self.next_event()
    }

    fn steps(&self) -> u64 {
        self.steps()
    }
}

impl Demux for fmp4::Demuxer {
    fn push(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    fn next_event(&mut self) -> Result<Option<Event>, Error> {
        self.next_event()
    }

    fn steps(&self) -> u64 {
        self.steps()
    }
}

/// Any bytes as WebM.
pub(crate) fn webm_demux(input: &[u8]) {
    check_demuxer::<webm::Demuxer>(input);
}

/// Any bytes as fragmented MP4.
pub(crate) fn fmp4_demux(input: &[u8]) {
    check_demuxer::<fmp4::Demuxer>(input);
}

fn check_demuxer<D: Demux>(input: &[u8]) {
    let whole = demux::<D>([input]);
    let pieces = [1, 7, 4096].map(|size| demux::<D>(input.chunks(size)));
    assert!(pieces.iter().all(|events| *events == whole), "the cutting changes what is read");
    let frame_bytes: usize = frames(&whole.0).map(|frame| frame.data.len()).sum();
    assert!(frame_bytes <= input.len(), "frames are larger than the input");
    let tracks =
        whole.0.iter().map(|event| if let Event::Tracks(tracks) = event { tracks.len() } else { 0 }).sum();
    assert!(frames(&whole.0).all(|frame| frame.track < tracks), "a frame of no track");
}

fn frames(events: &[Event]) -> impl Iterator<Item = &Packet> {
    events.iter().filter_map(|event| if let Event::Packet(frame) = event { Some(frame) } else { None })
}

/// All events, and the error that ended them.
fn demux<'a, D: Demux>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, Option<Error>) {
    let (mut demuxer, mut events, mut pushed) = (D::default(), Vec::new(), 0);
    for piece in pieces {
        demuxer.push(piece);
        pushed += piece.len();
        loop {
            assert!(demuxer.steps() <= pushed as u64, "more steps than bytes");
            match demuxer.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    (events, None)
}

/// A take, cut by the input: a byte that chooses the type, one that says after how many segments another node takes
/// over, and then each segment behind its length in 16 bits.
pub(crate) fn repackage(input: &[u8]) {
    let [kind, resumed_after, take @ ..] = input else { return };
    let mime = MIMES[usize::from(*kind) % MIMES.len()];
    let segments = segments(take);
    let repackager = Repackager::new(mime).expect("these types are handled");
    let (outputs, point) = run(repackager, &segments, usize::from(*resumed_after));
    check_outputs(take.len(), segments.len(), &outputs);
    if let Some(point) = point {
        let resumed = Repackager::resume(mime, &point).expect("a resume point is good");
        let rest = &segments[usize::from(*resumed_after)..];
        let (resumed_outputs, _) = run(resumed, rest, usize::MAX);
        let since = outputs.len() - resumed_outputs.len();
        assert_eq!(resumed_outputs, outputs[since..], "the other node goes on differently");
    }
    let _ = Repackager::resume(mime, take);
}

fn segments(mut take: &[u8]) -> Vec<&[u8]> {
    let mut segments = Vec::new();
    while let Some((length, rest)) = take.split_first_chunk() {
        let (segment, rest) = rest.split_at(rest.len().min(u16::from_be_bytes(*length).into()));
        segments.push(segment);
        take = rest;
    }
    segments
}

/// What comes of the segments up to an error, and the resume point after `resumed_after` of them.
fn run(
    mut repackager: Repackager,
    segments: &[&[u8]],
    resumed_after: usize,
) -> (Vec<Output>, Option<Vec<u8>>) {
    let (mut outputs, mut point) = (Vec::new(), None);
    for (number, segment) in segments.iter().enumerate() {
        if number == resumed_after {
            point = repackager.resume_point();
        }
        match repackager.push_segment(segment) {
            Ok(more) => outputs.extend(more),
            Err(_) => break,
        }
    }
    (outputs, point)
}

fn check_outputs(input_bytes: usize, segments: usize, outputs: &[Output]) {
    let inits: Vec<&Init> = outputs
        .iter()
        .filter_map(|output| if let Output::Init(init) = output { Some(init) } else { None })
        .collect();
    let chunks: Vec<&Chunk> = outputs
        .iter()
        .filter_map(|output| if let Output::Chunk(chunk) = output { Some(chunk) } else { None })
        .collect();
    let Some(init) = inits.first() else {
        assert!(chunks.is_empty(), "a chunk without init segment");
        return;
    };
    assert_eq!(inits.len(), 1);
    assert!(
        chunks.iter().all(|chunk| chunk.key == (chunk.index == 0)),
        "a group that starts without a keyframe"
    );
    let name = |chunk: &Chunk| (chunk.group, chunk.index);
    assert!(chunks.is_sorted_by(|before, next| name(before) < name(next)), "a name that does not follow");
    let most = input_bytes / CHUNK_BYTES + CHUNKS_PER_SEGMENT * segments;
    assert!(chunks.len() <= most, "more chunks than the input has bytes for");
    let chunk_bytes: usize = chunks.iter().map(|chunk| chunk.data.len()).sum();
    assert!(init.data.len() <= input_bytes + INIT_OVERHEAD_BYTES, "an init segment larger than its input");
    let pieces = || std::iter::once(&init.data[..]).chain(chunks.iter().map(|chunk| &chunk.data[..]));
    let is_mp4 = init.mime.contains("/mp4");
    let (events, error) =
        if is_mp4 { demux::<fmp4::Demuxer>(pieces()) } else { demux::<webm::Demuxer>(pieces()) };
    assert_eq!(error, None, "what is packaged does not read back");
    let frames = frames(&events).count();
    assert!(frames >= chunks.len(), "an empty chunk");
    assert!(chunk_bytes <= 2 * input_bytes + frames * CHUNK_OVERHEAD_BYTES, "chunks larger than their input");
}
