//! Recordings: the crate `media`.
//!
//! Nothing panics; how the input is cut changes nothing; work is proportional to the input; what comes out is no larger
//! than what went in and the headers for it; and what is packaged reads back.

use std::ops::Range;

use bytes::BytesMut;
use media::{
    Error, Frame, Init, Muxer, Output, Packet, Rendition, Run, Sound, TakeParser, Track,
    demux::{Event, fmp4, frames, webm},
};

/// Recorder types by the first byte of a [`take`] input.
const MIMES: [&str; 4] = [
    "video/webm;codecs=vp9,opus",
    "video/x-matroska;codecs=avc1,opus",
    "video/mp4;codecs=avc1.420020,opus",
    "audio/webm;codecs=opus",
];

/// Matroska's CodecID and TrackType by the first byte of a [`codecs`] input.
const CODEC_IDS: [(&[u8], u8); 7] = [
    (b"V_VP8", 1),
    (b"V_VP9", 1),
    (b"V_AV1", 1),
    (b"V_MPEG4/ISO/AVC", 1),
    (b"A_OPUS", 2),
    (b"A_AAC", 2),
    (b"A_MPEG/L3", 2),
];

/// What a bare frame takes besides its data, which is more than frames that the parser adds have.
const FRAME_RECORD_BYTES: usize = 32;

/// Bytes of input for a run beyond those that every segment may give.
const RUN_BYTES: usize = 1024;
const RUNS_PER_SEGMENT: usize = 3;

/// Most bytes that a packet of sound takes in MP4: 12 of its sample, and it has one of at least.
const SOUND_PER_BYTE: usize = 13;
/// More than a fragment in MP4 takes besides its samples.
const FRAGMENT_OVERHEAD_BYTES: usize = 256;
const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];

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
        self.push(bytes.to_vec());
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
        self.push(bytes.to_vec());
    }

    fn next_event(&mut self) -> Result<Option<Event>, Error> {
        self.next_event()
    }

    fn steps(&self) -> u64 {
        self.steps()
    }
}

/// Any bytes as WebM, and as a fragment whose sound is rewritten.
pub(crate) fn webm_demux(input: &[u8]) {
    check_demuxer::<webm::Demuxer>(input);
    let cluster = input.windows(CLUSTER.len()).position(|bytes| bytes == CLUSTER);
    let (init, fragment) = input.split_at(cluster.unwrap_or(input.len()));
    if let Ok(sound) = Sound::new(init.to_vec().into()) {
        check_sound(&sound, init, fragment);
    }
}

fn check_sound(sound: &Sound, init: &[u8], fragment: &[u8]) {
    let made_init = &sound.init().data;
    assert!(made_init.len() <= 2 * init.len() + INIT_OVERHEAD_BYTES, "an init segment larger than its input");
    let Ok(made) = sound.fragment(fragment.to_vec().into()) else { return };
    let most = SOUND_PER_BYTE * (init.len() + fragment.len()) + FRAGMENT_OVERHEAD_BYTES;
    assert!(made.len() <= most, "sound much larger than its input");
    let (events, _) = demux::<fmp4::Demuxer>([&made_init[..], &made[..]]);
    assert!(matches!(events.first(), Some(Event::Tracks(tracks)) if tracks.len() == 1), "one track");
    let frame_bytes: usize = packets(&events).map(|packet| packet.data.len()).sum();
    assert!(frame_bytes <= init.len() + fragment.len(), "packets are larger than the input");
    let times: Vec<_> = packets(&events).map(|packet| packet.pts_us).collect();
    assert!(times.is_sorted(), "sound that goes back in time");
}

/// Any bytes as fragmented MP4.
pub(crate) fn fmp4_demux(input: &[u8]) {
    check_demuxer::<fmp4::Demuxer>(input);
}

fn check_demuxer<D: Demux>(input: &[u8]) {
    let whole = demux::<D>([input]);
    let pieces = [1, 7, 4096].map(|size| demux::<D>(input.chunks(size)));
    assert!(pieces.iter().all(|events| *events == whole), "the cutting changes what is read");
    let frame_bytes: usize = packets(&whole.0).map(|frame| frame.data.len()).sum();
    assert!(frame_bytes <= input.len(), "frames are larger than the input");
    let tracks =
        whole.0.iter().map(|event| if let Event::Tracks(tracks) = event { tracks.len() } else { 0 }).sum();
    assert!(packets(&whole.0).all(|frame| frame.track < tracks), "a frame of no track");
}

fn packets(events: &[Event]) -> impl Iterator<Item = &Packet> {
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
pub(crate) fn take(input: &[u8]) {
    let [kind, resumed_after, take @ ..] = input else { return };
    let mime = MIMES[usize::from(*kind) % MIMES.len()];
    let segments = segments(take);
    let parser = TakeParser::new(mime).expect("these types are handled");
    let (outputs, point) = run(parser, &segments, usize::from(*resumed_after));
    check_outputs(take.len(), segments.len(), &outputs);
    if let Some(point) = point {
        let resumed = TakeParser::resume(mime, &point).expect("a resume point is good");
        let rest = &segments[usize::from(*resumed_after)..];
        let (resumed_outputs, _) = run(resumed, rest, usize::MAX);
        let since = outputs.len() - resumed_outputs.len();
        assert_eq!(resumed_outputs, outputs[since..], "the other node goes on differently");
    }
    let _ = TakeParser::resume(mime, take);
}

/// A byte that chooses the codec, then pictures or packets of it, each behind its length in 16 bits.
pub(crate) fn codecs(input: &[u8]) {
    let [kind, frames @ ..] = input else { return };
    let (codec_id, track_type) = CODEC_IDS[usize::from(*kind) % CODEC_IDS.len()];
    let mut stream = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"matroska"));
    stream.extend_from_slice(&[0x18, 0x53, 0x80, 0x67, 0xff]);
    let size = [element(&[0xb0], &[64]), element(&[0xba], &[64])].concat();
    let track = [
        element(&[0xd7], &[1]),
        element(&[0x83], &[track_type]),
        element(&[0x86], codec_id),
        element(&[0xe0], &size),
    ];
    stream.extend_from_slice(&element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &track.concat())));
    stream.extend_from_slice(&[0x1f, 0x43, 0xb6, 0x75, 0xff, 0xe7, 0x81, 0x00]);
    for frame in segments(frames) {
        stream.extend_from_slice(&element(&[0xa3], &[&[0x81, 0, 0, 0x80], frame].concat()));
    }
    let parser = TakeParser::new("video/x-matroska").expect("this type is handled");
    let (outputs, _) = run(parser, &[&stream], usize::MAX);
    check_outputs(stream.len(), 1, &outputs);
}

/// An EBML element of under 2^28 bytes.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    [id, &(0x1000_0000 | body.len() as u32).to_be_bytes(), body].concat()
}

/// Any bytes as init data of bare frames, and as a chunk of them.
pub(crate) fn bare_frames(input: &[u8]) {
    if let Ok(tracks) = frames::read_init(input) {
        assert!((1..=2).contains(&tracks.len()));
        if let Ok(muxer) = Muxer::new(Rendition::Frames, tracks.clone().into()) {
            let read = frames::read_init(&muxer.init().data);
            assert_eq!(read.as_ref(), Ok(&tracks), "what is written does not read back");
        }
    }
    if let Ok(read) = frames::read_chunk(2, input.to_vec().into()) {
        let bytes: usize = read.iter().map(|frame| frame.data.len()).sum();
        assert!(bytes + read.len() * FRAME_RECORD_BYTES <= input.len(), "more than the input has bytes for");
        assert!(read.iter().all(|frame| frame.dts_us <= frame.pts_us));
    }
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
fn run(mut parser: TakeParser, segments: &[&[u8]], resumed_after: usize) -> (Vec<Output>, Option<Vec<u8>>) {
    let (mut outputs, mut point) = (Vec::new(), None);
    for (number, segment) in segments.iter().enumerate() {
        if number == resumed_after {
            point = parser.resume_point();
        }
        match parser.push_segment(segment.to_vec()) {
            Ok(more) => outputs.extend(more),
            Err(_) => break,
        }
    }
    (outputs, point)
}

fn check_outputs(input_bytes: usize, segments: usize, outputs: &[Output]) {
    let runs: Vec<&Run> = outputs
        .iter()
        .filter_map(|output| if let Output::Run(run) = output { Some(run) } else { None })
        .collect();
    let Some(Output::Tracks(tracks)) = outputs.first() else {
        assert!(outputs.is_empty(), "a run before the tracks");
        return;
    };
    assert_eq!(runs.len() + 1, outputs.len(), "tracks again");
    check_names(&runs);
    let most = input_bytes / RUN_BYTES + RUNS_PER_SEGMENT * segments;
    assert!(runs.len() <= most, "more runs than the input has bytes for");
    let frames = runs.iter().flat_map(|run| &run.frames);
    assert!(frames.clone().all(|frame| frame.dts_us <= frame.pts_us), "shown before it is decoded");
    let made = frames.clone().count();
    assert!(made <= 2 * input_bytes, "more frames than the input has bytes for");
    let frame_bytes: usize = frames.map(|frame| frame.data.len()).sum();
    assert!(frame_bytes <= 2 * input_bytes + made * FRAME_RECORD_BYTES, "frames larger than their input");
    for format in [Rendition::WebM, Rendition::Mp4, Rendition::Frames] {
        if let Ok(muxer) = Muxer::new(format, tracks.clone()) {
            check_rendition(&muxer, format, tracks, &runs, input_bytes);
        }
    }
}

fn check_names(runs: &[&Run]) {
    let next = |run: &Run| (run.group, run.index + run.frames.len() as u32);
    for pair in runs.windows(2) {
        let name = (pair[1].group, pair[1].index);
        assert!(name == next(pair[0]) || name == (pair[0].group + 1, 0), "a name that does not follow");
    }
    assert!(runs.iter().all(|run| !run.frames.is_empty()), "an empty run");
}

fn check_rendition(muxer: &Muxer, format: Rendition, tracks: &[Track], runs: &[&Run], input_bytes: usize) {
    let Init { data: init, .. } = muxer.init();
    assert!(init.len() <= 2 * input_bytes + INIT_OVERHEAD_BYTES, "an init segment larger than its input");
    let chunks = runs.iter().map(|run| {
        let mut out = BytesMut::new();
        let places = muxer.write_chunk(run, &mut out);
        assert!(out.len() <= muxer.chunk_bytes(run), "a chunk over its bound");
        let is_there = |(frame, place): (&Frame, Range<usize>)| out[place] == frame.data;
        assert!(run.frames.iter().zip(places).all(is_there), "a frame is not where it is said to be");
        out.freeze()
    });
    let chunks: Vec<_> = chunks.collect();
    let pieces = || std::iter::once(&init[..]).chain(chunks.iter().map(|chunk| &chunk[..]));
    let (events, error) = match format {
        Rendition::WebM => demux::<webm::Demuxer>(pieces()),
        Rendition::Mp4 => demux::<fmp4::Demuxer>(pieces()),
        Rendition::Frames => {
            for (run, chunk) in runs.iter().zip(chunks) {
                assert_eq!(frames::read_chunk(tracks.len(), chunk).as_ref(), Ok(&run.frames));
            }
            return;
        }
    };
    assert_eq!(error, None, "what is packaged does not read back");
    let own = runs.iter().flat_map(|run| &run.frames).filter(|frame| !frame.is_gap()).count();
    assert!(packets(&events).count() >= own, "a frame is lost");
}

/// Any text as the type of a recording: what is handled begins without input.
pub(crate) fn mime(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(mut parser) = TakeParser::new(text) {
        assert!(parser.push_segment(Vec::new()).is_ok_and(|outputs| outputs.is_empty()));
    }
}
