//! Work and memory are proportional to the input, whatever it is made of: every kind of small unit that a container has,
//! repeated until it fills a segment, in one piece and byte by byte.
//!
//! Work is counted in the steps that a demuxer took, in chunks, and in bytes allocated; never in time.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

#[path = "common/allocator.rs"]
mod allocator;

use allocator::counted;
use bytes::{Bytes, BytesMut};
use media::{Error, Muxer, Output, Progress, Rendition, TakeParser};

/// A segment of some slices.
const BOMB_BYTES: usize = 256 << 10;
/// What is pushed byte by byte.
const DRIP_BYTES: usize = 32 << 10;
/// Bytes ever allocated for each byte of input, at most: a sample of MP4 may have a single one.
const ALLOCATED_PER_BYTE: usize = 512;
/// Bytes held at once for each byte of input, at most.
const HELD_PER_BYTE: usize = 40;
/// Allocated for every segment, whatever it has.
const ALLOCATED_PER_SEGMENT: usize = 1 << 10;
/// Allocated for a resume point, whatever it has.
const ALLOCATED_PER_POINT: usize = 32 << 10;
/// Segments after which a resume point is asked for.
const SEGMENTS_PER_POINT: usize = 256;
/// Steps in one slice, at most: those of a fragment with as many samples as may be.
const STEPS_PER_SLICE: u64 = 1 << 16;
/// Units of a picture that are looked at before its first slice, at most.
const LEADING_UNITS: u64 = 512;

/// A take: its type, its headers, and a unit to repeat.
struct Bomb {
    name: &'static str,
    mime: &'static str,
    headers: Vec<u8>,
    unit: Vec<u8>,
}

/// What came of pushing segments, as a node does it.
#[derive(Default)]
struct Outcome {
    bytes: usize,
    segments: usize,
    points: usize,
    chunks: usize,
    steps: u64,
    most_steps: u64,
}

fn push<'a>(mime: &str, segments: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let (mut parser, mut muxers) = (TakeParser::new(mime).unwrap(), Vec::new());
    let mut outcome = Outcome::default();
    for segment in segments {
        let mut segment = Bytes::copy_from_slice(segment);
        outcome.bytes += segment.len();
        outcome.segments += 1;
        loop {
            let mut outputs = Vec::new();
            let progress = parser.advance(&mut segment, &mut outputs);
            outcome.chunks += outputs.iter().map(|output| write(&mut muxers, output)).sum::<usize>();
            outcome.most_steps = outcome.most_steps.max(parser.steps() - outcome.steps);
            outcome.steps = parser.steps();
            match progress {
                Ok(Progress::Partly) => {}
                Ok(Progress::Done) => break,
                Err(_) => return outcome,
            }
        }
        if outcome.segments % SEGMENTS_PER_POINT == 2 {
            outcome.points += 1;
            parser.resume_point();
        }
    }
    outcome
}

/// Writes a run in every format; says how many runs that is.
fn write(muxers: &mut Vec<Muxer>, output: &Output) -> usize {
    match output {
        Output::Tracks(tracks) => {
            let formats = [Rendition::WebM, Rendition::Mp4, Rendition::Frames];
            *muxers = formats.iter().filter_map(|&format| Muxer::new(format, tracks.clone()).ok()).collect();
            0
        }
        Output::Run(run) => {
            for muxer in muxers {
                let bound = muxer.chunk_bytes(run);
                let mut out = BytesMut::with_capacity(bound);
                muxer.write_chunk(run, &mut out);
                assert!(out.len() <= bound, "one allocation is enough");
            }
            1
        }
    }
}

fn check<'a>(name: &str, mime: &str, segments: impl Iterator<Item = &'a [u8]>) {
    let (outcome, taken) = counted(|| push(mime, segments));
    let Outcome { bytes, segments, points, chunks, steps, most_steps } = outcome;
    let name = format!("{name}, {bytes} bytes in {segments} segments");
    assert!(steps <= bytes as u64, "{name}: {steps} steps");
    assert!(most_steps <= STEPS_PER_SLICE, "{name}: {most_steps} steps in one slice");
    assert!(chunks <= bytes / 1024 + 3 * segments, "{name}: {chunks} chunks");
    let fixed = ALLOCATED_PER_SEGMENT * segments + ALLOCATED_PER_POINT * points + (64 << 10);
    assert!(taken.total <= ALLOCATED_PER_BYTE * bytes + fixed, "{name}: {taken:?}");
    assert!(taken.peak <= HELD_PER_BYTE * bytes + (4 << 20), "{name}: {taken:?}");
}

#[test]
fn a_segment_of_small_units_costs_what_its_bytes_cost() {
    for Bomb { name, mime, headers, unit } in bombs() {
        let segment = unit.repeat(BOMB_BYTES / unit.len());
        check(name, mime, [&headers[..], &segment].into_iter());
    }
}

#[test]
fn frames_of_a_byte_are_refused_once_there_are_many_and_those_of_a_few_bytes_are_not() {
    let runs_of = |bytes: u32| {
        let unit = mp4_fragment(AUDIO, bytes, 16_384);
        let segment = unit.repeat((1 << 20) / unit.len());
        let mut parser = TakeParser::new(MP4).unwrap();
        parser.push_segment(mp4_headers()).unwrap();
        let pushed = parser.push_segment(segment).map(drop);
        (pushed, parser.steps())
    };
    let (refused, steps) = runs_of(1);
    assert!(matches!(refused, Err(Error::TooManyFrames { .. })), "{refused:?}");
    assert!(steps < (1 << 20) / 16, "{steps} steps for 1 MiB");
    assert_eq!(runs_of(4).0, Ok(()));
    let silence = mp4_fragment(AUDIO, 1, 16_384);
    let mut parser = TakeParser::new(MP4).unwrap();
    parser.push_segment(mp4_headers()).unwrap();
    for _ in 0..8 {
        parser.push_segment(silence.clone()).unwrap();
    }
}

#[test]
fn units_inside_a_picture_are_charged_and_few_are_looked_at() {
    for (form, unit) in small_units() {
        let steps_of = |count: usize| {
            let mut parser = TakeParser::new(form.mime).unwrap();
            let first = parser.push_segment(form.headers()).unwrap();
            assert!(matches!(first[..], [Output::Tracks(_), Output::Run(_)]), "{}: {first:?}", form.name);
            let before = parser.steps();
            let pushed = parser.push_segment(form.picture(unit, count)).map(drop);
            pushed.map(|()| parser.steps() - before)
        };
        let name = format!("{} of {unit:02x?}", form.name);
        let charged = steps_of(1000).unwrap();
        assert!((LEADING_UNITS - 16..=1010).contains(&charged), "{name}: {charged} steps");
        match steps_of(100_000) {
            Ok(steps) => assert!(steps <= LEADING_UNITS, "{name}: {steps} steps"),
            Err(error) => assert!(form.is_rewritten && error.to_string().contains("NAL units"), "{error}"),
        }
        assert!(steps_of(8).unwrap() <= 2, "{name}: an ordinary picture costs nothing more");
    }
}

#[test]
fn bytes_that_come_one_by_one_cost_no_more_for_what_came_before() {
    for Bomb { name, mime, headers, unit } in bombs() {
        let drip = unit.repeat((DRIP_BYTES / unit.len()).max(1));
        let drip = &drip[..DRIP_BYTES.min(drip.len())];
        check(name, mime, [&headers[..]].into_iter().chain(drip.chunks(1)));
    }
}

#[test]
fn headers_as_large_as_they_may_be_are_read_once() {
    let many_tracks =
        [element(&[0x16, 0x54, 0xae, 0x6b], &webm_track(1, 2, b"A_OPUS").repeat(3000))].concat();
    let long_names = webm(&[webm_track(1, 1, &[b'V'; 60_000])]);
    let doc_type = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], &[b'w'; 60_000]));
    let boxes = mp4_box(b"moov", &[0, 0, 0, 8, b'f', b'r', b'e', b'e'].repeat(8000));
    for (name, mime, headers) in [
        ("three thousand tracks", WEBM, [webm(&[]), many_tracks].concat()),
        ("a codec with a long name", WEBM, long_names),
        ("a document type with a long name", WEBM, doc_type),
        ("a moov of empty boxes", MP4, [mp4_box(b"ftyp", b"iso6\0\0\0\0"), boxes].concat()),
    ] {
        check(name, mime, [&headers[..]].into_iter());
        let mut parser = TakeParser::new(mime).unwrap();
        let error = parser.push_segment(headers).unwrap_err().to_string();
        assert!(error.len() < 200, "{name}: an error of {} bytes", error.len());
    }
}

const WEBM: &str = "video/webm";
const MATROSKA: &str = "video/x-matroska;codecs=avc1";
const MP4: &str = "video/mp4";

/// A VP8 keyframe of 64 × 64 pixels (RFC 6386, section 9.1).
const VP8_KEYFRAME: &[u8] = &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];

/// Tracks of [`mp4_headers`].
const VIDEO: u32 = 1;
const AUDIO: u32 = 2;

fn bombs() -> Vec<Bomb> {
    let mut bombs = webm_bombs();
    bombs.extend(h264_bombs());
    bombs.extend(unit_bombs());
    bombs.extend(mp4_bombs());
    bombs
}

fn webm_bombs() -> Vec<Bomb> {
    let cluster_start: &[u8] = &[0x1f, 0x43, 0xb6, 0x75, 0xff, 0xe7, 0x81, 0x00];
    let mut headers = webm(&[webm_track(1, 1, b"V_VP8"), webm_track(2, 2, b"A_OPUS")]);
    headers.extend_from_slice(cluster_start);
    // The take begins, so that pictures are not dropped.
    headers.extend_from_slice(&element(&[0xa3], &[&[0x81, 0, 0, 0x80][..], VP8_KEYFRAME].concat()));
    let block = |track: u8, flags: u8, data: &[u8]| {
        element(&[0xa3], &[&[0x80 | track, 0, 0, flags][..], data].concat())
    };
    let group = |children: &[u8]| element(&[0xa0], children);
    let inner = element(&[0xa1], &[&[0x81, 0, 0, 0][..], VP8_KEYFRAME].concat());
    let later = |flags: u8| {
        let picture = [&[0x81, 0x7f, 0xff, flags][..], VP8_KEYFRAME].concat();
        [cluster_start, &element(&[0xa3], &picture)].concat()
    };
    let bomb = |name, unit: Vec<u8>| Bomb { name, mime: WEBM, headers: headers.clone(), unit };
    vec![
        bomb("keyframes of a byte", block(1, 0x80, &[0])),
        bomb("keyframes of ten bytes", block(1, 0x80, VP8_KEYFRAME)),
        bomb("pictures of a byte", block(1, 0, &[1])),
        bomb("packets of a byte", block(2, 0x80, &[0x18])),
        bomb("keyframes and packets", [block(1, 0x80, VP8_KEYFRAME), block(2, 0x80, &[0x18])].concat()),
        bomb("blocks without data", block(1, 0x80, &[])),
        bomb("blocks of no track", block(9, 0x80, &[1])),
        bomb("laced blocks of nothing", block(1, 0x84, &[0xff])),
        bomb("laced blocks of pictures of a byte", block(1, 0x84, &[0xff; 257])),
        bomb("laced packets without bytes", block(2, 0x82, &[&[0xff][..], &[0; 255]].concat())),
        bomb(
            "laced packets of a byte",
            block(2, 0x86, &[&[0xff, 0x81][..], &[0xbf; 254], &[0x18; 256]].concat()),
        ),
        bomb("groups of a keyframe", group(&inner)),
        bomb("groups of many blocks", group(&inner.repeat(2000))),
        bomb("groups of nothing", group(&[])),
        bomb(
            "groups of many references",
            group(&[inner.clone(), element(&[0xfb], &[]).repeat(5000)].concat()),
        ),
        bomb("voids", element(&[0xec], &[])),
        bomb("clusters", cluster_start.to_vec()),
        bomb("clusters of a keyframe", later(0x80)),
        bomb("clusters of a picture", later(0)),
        bomb("timestamps", element(&[0xe7], &[1])),
        bomb("tracks again", element(&[0x16, 0x54, 0xae, 0x6b], &webm_track(1, 1, b"V_VP8"))),
        bomb("one large block", block(1, 0x80, &[1; DRIP_BYTES])),
        bomb("unknown elements", element(&[0x4f, 0xff], &[0])),
    ]
}

fn h264_bombs() -> Vec<Bomb> {
    let mut headers = webm(&[webm_track(1, 1, b"V_MPEG4/ISO/AVC")]);
    headers.extend_from_slice(&[0x1f, 0x43, 0xb6, 0x75, 0xff, 0xe7, 0x81, 0x00]);
    let block = |data: &[u8]| element(&[0xa3], &[&[0x81, 0, 0, 0x80][..], data].concat());
    let bomb = |name, unit: &[u8]| {
        let frame = [&[0, 0, 1, 0x65][..], &unit.repeat(30_000 / unit.len())].concat();
        Bomb { name, mime: MATROSKA, headers: headers.clone(), unit: block(&frame) }
    };
    vec![
        h264_with_the_largest_configuration(),
        bomb("zeros", &[0]),
        bomb("units of a byte", &[0, 0, 1, 0x65]),
        bomb("sequence parameter sets", &[0, 0, 1, 0x67, 0x42, 0xc0, 0x20]),
        bomb("picture parameter sets", &[0, 0, 1, 0x68]),
        bomb("almost start codes", &[0, 0, 2]),
    ]
}

/// How a picture consists of units.
#[derive(Clone, Copy)]
struct Form {
    name: &'static str,
    mime: &'static str,
    codec: &'static [u8],
    private: &'static [u8],
    keyframe: &'static [&'static [u8]],
    slice: &'static [u8],
    /// What stands before a unit of so many bytes.
    before: fn(usize) -> Vec<u8>,
    /// Whether a node writes all units again.
    is_rewritten: bool,
}

const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x20, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd, 0x35, 0x01, 0x01, 0x01, 0x07, 0x84, 0x42,
    0x35,
];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const AV1_SEQUENCE: &[u8] =
    &[0x0a, 0x0e, 0x00, 0x00, 0x00, 0x2d, 0x4c, 0xff, 0xb3, 0xd0, 0x1a, 0x20, 0x20, 0x20, 0x20, 0x80];

const ANNEX_B: Form = Form {
    name: "Annex B",
    mime: MATROSKA,
    codec: b"V_MPEG4/ISO/AVC",
    private: &[],
    keyframe: &[SPS, PPS, &[0x65, 0xb8, 0x00, 0x04]],
    slice: &[0x41, 0x9a, 0x02, 0x04],
    before: |_| vec![0, 0, 1],
    is_rewritten: true,
};
const LENGTHS: Form = Form {
    name: "lengths",
    private: &[1, 0x42, 0xc0, 0x20, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0xc0, 0x20, 1, 0, 1, 0x68],
    before: |bytes| (bytes as u32).to_be_bytes().to_vec(),
    is_rewritten: false,
    ..ANNEX_B
};
const OBUS: Form = Form {
    name: "OBUs",
    mime: "video/webm;codecs=av1",
    codec: b"V_AV1",
    private: &[],
    keyframe: &[&[0x12, 0x00], AV1_SEQUENCE, &[0x32, 0x06, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00]],
    slice: &[0x32, 0x06, 0x32, 0x60, 0x20, 0x7e, 0xfc, 0x33],
    before: |_| Vec::new(),
    is_rewritten: false,
};

impl Form {
    /// All up to the first picture of a take.
    fn headers(&self) -> Vec<u8> {
        let size = [element(&[0xb0], &[64]), element(&[0xba], &[64])].concat();
        let private = if self.private.is_empty() { vec![] } else { element(&[0x63, 0xa2], self.private) };
        let fields = [
            element(&[0xd7], &[1]),
            element(&[0x83], &[1]),
            element(&[0x86], self.codec),
            private,
            element(&[0xe0], &size),
        ];
        let mut headers = webm(&[element(&[0xae], &fields.concat())]);
        headers.extend_from_slice(&[0x1f, 0x43, 0xb6, 0x75, 0xff, 0xe7, 0x81, 0x00]);
        headers.extend(self.block(self.keyframe.iter().copied()));
        headers
    }

    /// A picture with `unit` so many times before its slice.
    fn picture(&self, unit: &[u8], count: usize) -> Vec<u8> {
        self.block(std::iter::repeat_n(unit, count).chain([self.slice]))
    }

    fn block<'a>(&self, units: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let frame: Vec<u8> =
            units.flat_map(|unit| [(self.before)(unit.len()), unit.to_vec()].concat()).collect();
        element(&[0xa3], &[&[0x81, 0, 0, 0x80][..], &frame].concat())
    }
}

/// Valid units that may stand before a slice.
fn small_units() -> Vec<(Form, &'static [u8])> {
    const PARAMETERS: &[u8] = SPS;
    const RECOVERY_POINT: &[u8] = &[6, 6, 1, 0xc4, 0x80];
    const DELIMITER: &[u8] = &[9, 0x30];
    let h264 = [PARAMETERS, RECOVERY_POINT, DELIMITER];
    let prefixed = h264.into_iter().chain([&[][..]]).map(|unit| (LENGTHS, unit));
    let annex_b = h264.map(|unit| (ANNEX_B, unit));
    let av1 = [&[0x12, 0x00][..], AV1_SEQUENCE, &[0x2a, 0x00], &[0x1a, 0x01, 0xb8]].map(|unit| (OBUS, unit));
    annex_b.into_iter().chain(prefixed).chain(av1).collect()
}

/// Pictures of a few thousand bytes of such units.
fn unit_bombs() -> Vec<Bomb> {
    let bomb = |(form, unit): (Form, &'static [u8])| Bomb {
        name: form.name,
        mime: form.mime,
        headers: form.headers(),
        unit: form.picture(unit, 2000),
    };
    small_units().into_iter().map(bomb).collect()
}

/// Small pictures of a track with as many parameter sets as there may be, which say nothing of the order of pictures.
fn h264_with_the_largest_configuration() -> Bomb {
    let sequences = [0, 4, 0x67, 0x42, 0xc0, 0x20].repeat(31);
    let pictures = [0, 1, 0x68].repeat(255);
    let configuration = [&[1, 0x42, 0xc0, 0x20, 0xff, 0xff][..], &sequences, &[0xff], &pictures].concat();
    let size = [element(&[0xb0], &[64]), element(&[0xba], &[64])].concat();
    let fields = [
        element(&[0xd7], &[1]),
        element(&[0x83], &[1]),
        element(&[0x86], b"V_MPEG4/ISO/AVC"),
        element(&[0x63, 0xa2], &configuration),
        element(&[0xe0], &size),
    ];
    let mut headers = webm(&[element(&[0xae], &fields.concat())]);
    headers.extend_from_slice(&[0x1f, 0x43, 0xb6, 0x75, 0xff, 0xe7, 0x81, 0x00]);
    // 256 frames of one size.
    let frames = [0, 0, 0, 2, 0x41, 0x88].repeat(255);
    let laced = [&[0x81, 0, 0, 0x84, 0xff][..], &[0, 0, 0, 2, 0x65, 0x88], &frames].concat();
    Bomb {
        name: "pictures with the largest configuration",
        mime: MATROSKA,
        headers,
        unit: element(&[0xa3], &laced),
    }
}

fn mp4_bombs() -> Vec<Bomb> {
    let headers = mp4_headers();
    let traf = |size: u32, runs: &[u8]| traf_of(VIDEO, size, runs);
    let moof = |content: &[u8]| mp4_box(b"moof", content);
    let bomb = |name, unit: Vec<u8>| Bomb { name, mime: MP4, headers: headers.clone(), unit };
    vec![
        bomb("runs of empty samples", moof(&traf(0, &trun(0, 16_384, &[])))),
        bomb("runs of empty samples, the first with flags", moof(&traf(0, &trun(4, 16_384, &[0; 4])))),
        bomb("many runs of empty samples", moof(&traf(0, &trun(0, 60, &[]).repeat(1000)))),
        bomb("samples that say that they are empty", moof(&traf(0, &trun(0x200, 1000, &[0; 4000])))),
        bomb("many track fragments", moof(&traf(0, &trun(0, 60, &[])).repeat(1000))),
        bomb("runs that never end", moof(&traf(0, &trun(0, u32::MAX, &[])))),
        bomb("samples that never come", moof(&traf(1, &trun(0, 16_384, &[])))),
        bomb("pictures of a byte", mp4_fragment(VIDEO, 1, 16_384)),
        bomb("pictures of five bytes", mp4_fragment(VIDEO, 5, 16_384)),
        bomb("packets of a byte", mp4_fragment(AUDIO, 1, 16_384)),
        bomb("fragments of a packet of a byte", mp4_fragment(AUDIO, 1, 1)),
        bomb("fragments of nothing", moof(&[])),
        bomb("media of nothing", mp4_box(b"mdat", &[])),
        bomb("boxes of nothing", mp4_box(b"free", &[])),
        bomb("ftyp again", mp4_box(b"ftyp", &[])),
        bomb("the headers again", headers.clone()),
        bomb("one large mdat", mp4_box(b"mdat", &[0; DRIP_BYTES])),
    ]
}

fn trun(flags: u32, count: u32, fields: &[u8]) -> Vec<u8> {
    full_box(b"trun", flags, &[&count.to_be_bytes(), fields].concat())
}

/// A `traf` whose samples have `size` bytes unless its runs say otherwise.
fn traf_of(track: u32, size: u32, runs: &[u8]) -> Vec<u8> {
    let tfhd = full_box(b"tfhd", 0x10, &[track.to_be_bytes(), size.to_be_bytes()].concat());
    mp4_box(b"traf", &[&tfhd[..], runs].concat())
}

/// A `moof` of equal samples, and their `mdat`, behind whose header they begin.
fn mp4_fragment(track: u32, size: u32, count: u32) -> Vec<u8> {
    let offset = 8 + 8 + 20 + 20 + 8_u32;
    let moof = mp4_box(b"moof", &traf_of(track, size, &trun(1, count, &offset.to_be_bytes())));
    [moof, mp4_box(b"mdat", &vec![0x18; (size * count) as usize])].concat()
}

/// An EBML element of under 2^28 bytes.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    let size = match body.len() {
        short @ 0..=126 => vec![0x80 | short as u8],
        long => (0x1000_0000 | long as u32).to_be_bytes().to_vec(),
    };
    [id, &size, body].concat()
}

fn webm_track(number: u8, kind: u8, codec: &[u8]) -> Vec<u8> {
    let size = [element(&[0xb0], &[64]), element(&[0xba], &[64])].concat();
    let fields = [
        element(&[0xd7], &[number]),
        element(&[0x83], &[kind]),
        element(&[0x86], codec),
        element(&[0xe0], &size),
    ];
    element(&[0xae], &fields.concat())
}

/// EBML header and the start of a Segment with these tracks, if there are any.
fn webm(tracks: &[Vec<u8>]) -> Vec<u8> {
    let mut out = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"webm"));
    out.extend_from_slice(&[0x18, 0x53, 0x80, 0x67, 0xff]);
    if !tracks.is_empty() {
        out.extend_from_slice(&element(&[0x16, 0x54, 0xae, 0x6b], &tracks.concat()));
    }
    out
}

fn mp4_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(8 + body.len() as u32).to_be_bytes(), &kind[..], body].concat()
}

fn full_box(kind: &[u8; 4], flags: u32, body: &[u8]) -> Vec<u8> {
    mp4_box(kind, &[&flags.to_be_bytes(), body].concat())
}

/// What a recorder writes before its first fragment.
fn mp4_headers() -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/mp4-avc1-opus-250ms/stream.mp4");
    let recording = std::fs::read(folder).unwrap();
    let moof = recording.windows(4).position(|kind| kind == b"moof").unwrap() - 4;
    recording[..moof].to_vec()
}
