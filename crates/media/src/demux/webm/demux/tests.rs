//! Documents of every shape that recorders and other muxers write, and some that nobody should.

use super::*;
use crate::{Codec, Display, TrackKind};

/// A document under construction.
#[derive(Default)]
struct Document(Vec<u8>);

impl Document {
    /// EBML header, Segment of unknown size and Tracks with VP9 as `video` and Opus as `audio`.
    fn with_tracks(video: u64, audio: u64) -> Self {
        Self::header().segment().tracks(&[(video, 1, b"V_VP9"), (audio, 2, b"A_OPUS")])
    }

    fn header() -> Self {
        let mut out = Vec::new();
        document::write_ebml_header(&mut out, "webm");
        Self(out)
    }

    fn segment(mut self) -> Self {
        ebml::write_unknown_size(&mut self.0, id::SEGMENT);
        self
    }

    fn tracks(self, tracks: &[(u64, u64, &[u8])]) -> Self {
        self.master(id::TRACKS, |mut body| {
            for &(number, kind, codec_id) in tracks {
                body = body.master(id::TRACK_ENTRY, |entry| {
                    entry
                        .uint(id::TRACK_NUMBER, number)
                        .uint(id::TRACK_TYPE, kind)
                        .bytes(id::CODEC_ID, codec_id)
                        .master(id::VIDEO, |video| video.uint(id::PIXEL_WIDTH, 64).uint(id::PIXEL_HEIGHT, 32))
                });
            }
            body
        })
    }

    fn master(mut self, id: u32, write: impl FnOnce(Self) -> Self) -> Self {
        let body = write(Self::default());
        ebml::write_bytes(&mut self.0, id, &body.0);
        self
    }

    fn uint(mut self, id: u32, value: u64) -> Self {
        ebml::write_uint(&mut self.0, id, value);
        self
    }

    fn bytes(mut self, id: u32, body: &[u8]) -> Self {
        ebml::write_bytes(&mut self.0, id, body);
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A Cluster of unknown size up to and with its Timestamp.
    fn cluster(mut self, timestamp: u64) -> Self {
        ebml::write_unknown_size(&mut self.0, id::CLUSTER);
        self.uint(id::TIMESTAMP, timestamp)
    }

    fn events(&self) -> Result<Vec<Event>, Error> {
        let mut demuxer = Demuxer::new();
        demuxer.push(self.0.clone());
        std::iter::from_fn(|| demuxer.next_event().transpose()).take(100).collect()
    }

    /// Track, time and keyframe flag of every frame.
    fn frames(&self) -> Vec<(usize, u64, bool)> {
        let events = self.events().unwrap();
        let frames = events.into_iter().filter_map(|event| match event {
            Event::Packet(frame) => Some((frame.track, frame.pts_us, frame.key)),
            Event::Tracks(_) => None,
        });
        frames.collect()
    }

    fn error(&self) -> Error {
        self.events().unwrap_err()
    }
}

/// A block's body: track 1, relative ticks, flags, one byte of data.
fn block(ticks: i16, flags: u8) -> Vec<u8> {
    let ticks = ticks.to_be_bytes();
    vec![0x81, ticks[0], ticks[1], flags, 0xda]
}

fn is_malformed(error: &Error) -> bool {
    matches!(error, Error::Malformed { .. })
}

fn is_unsupported(error: &Error) -> bool {
    matches!(error, Error::Unsupported(_))
}

#[test]
fn tracks_come_before_the_frames() {
    let events = Document::with_tracks(1, 2).cluster(0).bytes(id::SIMPLE_BLOCK, &block(0, 0x80)).events();
    let [Event::Tracks(tracks), Event::Packet(frame)] = &events.unwrap()[..] else { panic!("two events") };
    assert_eq!(tracks[0].codec, Codec::Vp9);
    assert_eq!(tracks[0].kind, TrackKind::Video { width: 64, height: 32, display: Display::coded(64, 32) });
    assert_eq!(tracks[1].kind, TrackKind::Audio { sample_rate: 8000, channels: 1 }, "the defaults");
    assert_eq!(&frame.data[..], [0xda]);
}

#[test]
fn known_and_unknown_sizes_give_the_same_frames() {
    let unknown = Document::with_tracks(1, 2)
        .cluster(1000)
        .bytes(id::SIMPLE_BLOCK, &block(5, 0x80))
        .cluster(2000)
        .bytes(id::SIMPLE_BLOCK, &block(-5, 0));
    let cluster = |timestamp, block: Vec<u8>| {
        move |cluster: Document| cluster.uint(id::TIMESTAMP, timestamp).bytes(id::SIMPLE_BLOCK, &block)
    };
    let known = Document::header().master(id::SEGMENT, |segment| {
        segment
            .tracks(&[(1, 1, b"V_VP9"), (2, 2, b"A_OPUS")])
            .master(id::CLUSTER, cluster(1000, block(5, 0x80)))
            .master(id::CLUSTER, cluster(2000, block(-5, 0)))
    });
    assert_eq!(unknown.frames(), [(0, 1_005_000, true), (0, 1_995_000, false)]);
    assert_eq!(known.frames(), unknown.frames());
}

#[test]
fn block_group_without_a_reference_is_a_keyframe() {
    let group = |reference: bool| {
        move |group: Document| {
            let group = group.bytes(id::BLOCK, &block(0, 0)).uint(id::BLOCK_DURATION, 33);
            if reference { group.bytes(id::REFERENCE_BLOCK, &[0xdf]) } else { group }
        }
    };
    let document = Document::with_tracks(1, 2)
        .cluster(0)
        .master(id::BLOCK_GROUP, group(false))
        .master(id::BLOCK_GROUP, group(true));
    assert_eq!(document.frames(), [(0, 0, true), (0, 0, false)]);
}

#[test]
fn elements_nobody_reads_are_passed_over_wherever_they_stand() {
    const SEEK_HEAD: u32 = 0x114D_9B74;
    const TAGS: u32 = 0x1254_C367;
    const CUES: u32 = 0x1C53_BB6B;
    let document = Document::header()
        .bytes(id::VOID, &[0; 200])
        .segment()
        .bytes(SEEK_HEAD, &[0; 60])
        .bytes(id::VOID, &[])
        .tracks(&[(1, 1, b"V_VP9")])
        .bytes(TAGS, &[0xff; 300])
        .cluster(0)
        .bytes(id::VOID, &[0; 5])
        .bytes(id::SIMPLE_BLOCK, &block(0, 0x80))
        .bytes(CUES, &[0; 90])
        .cluster(7)
        .bytes(id::SIMPLE_BLOCK, &block(0, 0));
    assert_eq!(document.frames(), [(0, 0, true), (0, 7_000, false)]);
}

#[test]
fn timestamp_scale_is_kept() {
    let document = Document::header()
        .segment()
        .master(id::INFO, |info| info.uint(id::TIMESTAMP_SCALE, 100_000))
        .tracks(&[(1, 1, b"V_VP9")])
        .cluster(25)
        .bytes(id::SIMPLE_BLOCK, &block(1, 0x80));
    assert_eq!(document.frames(), [(0, 2_600, true)]);
}

#[test]
fn times_beyond_all_arithmetic_are_refused() {
    let document = |scale: u64, cluster: u64| {
        Document::header()
            .segment()
            .master(id::INFO, |info| info.uint(id::TIMESTAMP_SCALE, scale))
            .tracks(&[(1, 1, b"V_VP9")])
            .cluster(cluster)
            .bytes(id::SIMPLE_BLOCK, &block(1, 0x80))
    };
    for (scale, cluster) in [(u64::MAX, u64::MAX), (u64::MAX, 1 << 63), (1 << 63, u64::MAX), (1, u64::MAX)] {
        assert!(is_malformed(&document(scale, cluster).error()), "{scale} {cluster}");
    }
}

#[test]
fn track_numbers_over_one_byte_are_read() {
    let document = Document::with_tracks(300, 70_000)
        .cluster(0)
        .bytes(id::SIMPLE_BLOCK, &[0x41, 0x2c, 0, 0, 0x80, 0xda])
        .bytes(id::SIMPLE_BLOCK, &[0x21, 0x11, 0x70, 0, 0, 0, 0xda]);
    assert_eq!(document.frames(), [(0, 0, true), (1, 0, true)]);
}

#[test]
fn blocks_of_unknown_tracks_and_without_data_give_nothing() {
    let document = Document::with_tracks(1, 2)
        .cluster(0)
        .bytes(id::SIMPLE_BLOCK, &[0x83, 0, 0, 0x80, 0xda])
        .bytes(id::SIMPLE_BLOCK, &[0x81, 0, 0, 0x80]);
    assert_eq!(document.frames(), []);
}

#[test]
fn time_before_zero_becomes_zero() {
    let document = Document::with_tracks(1, 2).cluster(3).bytes(id::SIMPLE_BLOCK, &block(-4, 0x80));
    assert_eq!(document.frames(), [(0, 0, true)]);
}

#[test]
fn laced_frames_follow_each_other_by_their_own_durations() {
    // Two Opus packets of 60 and 20 ms, and one more.
    let laced = [0x82, 0, 5, 0x02, 2, 1, 2, 3 << 3, 31 << 3, 0, 3 << 3];
    let document = Document::with_tracks(1, 2).cluster(0).bytes(id::SIMPLE_BLOCK, &laced);
    assert_eq!(document.frames(), [(1, 5_000, true), (1, 65_000, true), (1, 85_000, true)]);
}

#[test]
fn laced_frames_without_durations_share_that_of_their_block() {
    let laced = [0x81, 0, 0, 0x04, 1, 0xda, 0xda];
    let group = |group: Document| group.bytes(id::BLOCK, &laced).uint(id::BLOCK_DURATION, 66);
    let document = Document::with_tracks(1, 2).cluster(0).master(id::BLOCK_GROUP, group);
    assert_eq!(document.frames(), [(0, 0, true), (0, 33_000, true)]);
}

#[test]
fn display_size_and_rotation_are_read() {
    let display = |write: fn(Document) -> Document| {
        let document = Document::header().segment().master(id::TRACKS, |tracks| {
            tracks.master(id::TRACK_ENTRY, |entry| {
                entry
                    .uint(id::TRACK_NUMBER, 1)
                    .uint(id::TRACK_TYPE, 1)
                    .bytes(id::CODEC_ID, b"V_VP8")
                    .master(id::VIDEO, |video| {
                        write(video.uint(id::PIXEL_WIDTH, 720).uint(id::PIXEL_HEIGHT, 576))
                    })
            })
        });
        let [Event::Tracks(tracks)] = &document.events().unwrap()[..] else { panic!("tracks") };
        let TrackKind::Video { display, .. } = tracks[0].kind else { panic!("video") };
        (display.width, display.height, display.rotation.degrees())
    };
    assert_eq!(display(|video| video), (720, 576, 0));
    let size = |video: Document| video.uint(id::DISPLAY_WIDTH, 1024).uint(id::DISPLAY_HEIGHT, 576);
    assert_eq!(display(size), (1024, 576, 0));
    let ratio = |video: Document| {
        video.uint(id::DISPLAY_WIDTH, 16).uint(id::DISPLAY_HEIGHT, 9).uint(id::DISPLAY_UNIT, 3)
    };
    assert_eq!(display(ratio), (1024, 576, 0));
    let roll = |video: Document| {
        let degrees = (-90_f32).to_be_bytes();
        video.master(id::PROJECTION, |projection| projection.bytes(id::PROJECTION_POSE_ROLL, &degrees))
    };
    assert_eq!(display(roll), (720, 576, 90));
    let sphere = |video: Document| {
        let degrees = (-90_f32).to_be_bytes();
        video.master(id::PROJECTION, |projection| {
            projection.uint(id::PROJECTION_TYPE, 1).bytes(id::PROJECTION_POSE_ROLL, &degrees)
        })
    };
    assert_eq!(display(sphere), (720, 576, 0));
}

#[test]
fn what_is_not_forwarded_is_refused() {
    let vorbis = Document::header().segment().tracks(&[(1, 2, b"A_VORBIS")]);
    assert!(is_unsupported(&vorbis.error()));
    let subtitles = Document::header().segment().tracks(&[(1, 17, b"V_VP9")]);
    assert!(is_unsupported(&subtitles.error()));
    let encrypted = Document::header().segment().master(id::TRACKS, |tracks| {
        tracks.master(id::TRACK_ENTRY, |entry| {
            entry.uint(id::TRACK_NUMBER, 1).bytes(id::CONTENT_ENCODINGS, &[])
        })
    });
    assert!(is_unsupported(&encrypted.error()));
    let other = Document::default().master(id::EBML, |ebml| ebml.bytes(id::DOC_TYPE, b"other"));
    assert!(is_unsupported(&other.error()));
}

#[test]
fn broken_documents_are_refused() {
    let tracks = || Document::with_tracks(1, 2);
    for (document, what) in [
        (Document::default().raw(b"\0\0\0\x20ftypiso5"), "not EBML"),
        (Document::default().cluster(0), "no EBML header"),
        (Document::header().segment().cluster(0), "no Tracks"),
        (Document::header().segment().tracks(&[]), "empty Tracks"),
        (Document::header().segment().tracks(&[(0, 1, b"V_VP9")]), "track number 0"),
        (Document::header().segment().tracks(&[(1, 1, b"V_VP9"), (1, 2, b"A_OPUS")]), "one number twice"),
        (Document::header().segment().tracks(&[(1, 1, b"A_OPUS")]), "video in Opus"),
        (tracks().segment(), "a second Segment"),
        (tracks().bytes(id::EBML, &[]), "a second EBML header"),
        (tracks().raw(&[0xec, 0xff]), "Void of unknown size"),
        (tracks().cluster(u64::MAX), "a time past every bound"),
        (tracks().raw(&[0x1f, 0x43, 0xb6, 0x75, 0x90]), "no Timestamp"),
        (tracks().cluster(0).bytes(id::SIMPLE_BLOCK, &[0x81, 0, 0]), "block cut off"),
    ] {
        let document = document.bytes(id::SIMPLE_BLOCK, &block(0, 0));
        assert!(is_malformed(&document.error()), "{what}");
    }
}

#[test]
fn elements_over_the_bounds_are_refused_by_their_header_alone() {
    let claim = |id: u32, size: u64| {
        let mut claim = Vec::new();
        ebml::write_id(&mut claim, id);
        claim.extend_from_slice(&(size | 1 << 56).to_be_bytes());
        claim
    };
    for (document, claim) in [
        (Document::default(), claim(id::EBML, MAX_HEADER_BYTES + 1)),
        (Document::header().segment(), claim(id::TRACKS, MAX_HEADER_BYTES + 1)),
        (Document::with_tracks(1, 2).cluster(0), claim(id::SIMPLE_BLOCK, MAX_BLOCK_BYTES + 1)),
        (Document::with_tracks(1, 2).cluster(0), claim(id::BLOCK_GROUP, ebml::MAX_SIZE)),
    ] {
        assert!(matches!(document.raw(&claim).error(), Error::TooLarge { .. }));
    }
}

#[test]
fn skipped_elements_take_no_memory() {
    let mut void = Vec::new();
    ebml::write_void_header(&mut void, 1 << 40);
    let mut demuxer = Demuxer::new();
    demuxer.push(Document::with_tracks(1, 2).raw(&void).0);
    while demuxer.next_event().unwrap().is_some() {}
    for _ in 0..100 {
        demuxer.push(vec![0; 10_000]);
        assert_eq!(demuxer.next_event(), Ok(None));
        assert!(demuxer.input.is_empty());
    }
    assert_eq!(demuxer.input.skipping(), (1 << 40) - 1_000_000);
}

#[test]
fn resumed_demuxer_goes_on_wherever_the_first_one_stopped() {
    let document = Document::with_tracks(300, 2)
        .bytes(id::VOID, &[0; 10])
        .cluster(1234)
        .bytes(id::SIMPLE_BLOCK, &[0x41, 0x2c, 0, 5, 0x80, 0xda])
        .bytes(id::VOID, &[0; 40])
        .bytes(id::SIMPLE_BLOCK, &[0x82, 0, 6, 0, 0xda]);
    assert_resumes_anywhere(&document);
}

#[test]
fn a_take_that_starts_before_0_keeps_its_times_also_when_resumed() {
    let document = Document::with_tracks(1, 2)
        .cluster(100)
        .bytes(id::SIMPLE_BLOCK, &block(-400, 0x80))
        .bytes(id::SIMPLE_BLOCK, &[0x82, 0xfe, 0x80, 0, 0xda])
        .bytes(id::SIMPLE_BLOCK, &block(-300, 0))
        .cluster(0)
        .bytes(id::SIMPLE_BLOCK, &[0x82, 0xfe, 0xa2, 0, 0xda])
        .bytes(id::SIMPLE_BLOCK, &block(40, 0));
    let frames = [(0, 0, true), (1, 16_000, true), (0, 100_000, false), (0, 340_000, false)];
    assert_eq!(document.frames(), frames, "sound from before the first block is left out");
    assert_resumes_anywhere(&document);
    let later = Document::with_tracks(1, 2)
        .cluster(0)
        .bytes(id::SIMPLE_BLOCK, &block(0, 0x80))
        .bytes(id::SIMPLE_BLOCK, &block(-40, 0))
        .bytes(id::SIMPLE_BLOCK, &block(40, 0));
    assert_eq!(later.frames(), [(0, 0, true), (0, 0, false), (0, 40_000, false)]);
    assert_resumes_anywhere(&later);
}

/// Whichever bytes a demuxer had, another one that goes on from its resume prefix gives the rest.
fn assert_resumes_anywhere(document: &Document) {
    let all = document.events().unwrap();
    for cut in 0..=document.0.len() {
        let mut first = Demuxer::new();
        first.push(document.0[..cut].to_vec());
        let before = std::iter::from_fn(|| first.next_event().unwrap()).count();
        let mut second = Demuxer::new();
        second.push(first.resume_prefix(1000).unwrap());
        let again = std::iter::from_fn(|| second.next_event().unwrap()).count();
        assert_eq!(again, before.min(1), "cut at {cut}: the tracks, and no frame");
        second.push(document.0[cut..].to_vec());
        let after: Vec<_> = std::iter::from_fn(|| second.next_event().unwrap()).collect();
        assert_eq!(after, all[before..], "cut at {cut}");
    }
}

#[test]
fn errors_stay() {
    let mut demuxer = Demuxer::new();
    demuxer.push(b"\x1a\x45\xdf\xa3\x87\x42\x82\x84what".to_vec());
    let error = demuxer.next_event().unwrap_err();
    demuxer.push(b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm".to_vec());
    assert_eq!(demuxer.next_event(), Err(error));
}
