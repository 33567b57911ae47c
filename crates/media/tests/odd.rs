//! Odd recordings, whole: times that fall, jump or stand, tracks that end, begin late or lose packets, B-frames. A player gets
//! every picture at its time, both tracks without a hole that would stop it, and ffmpeg has nothing to complain about.
//!
//! Recordings are made odd by moving and dropping packets of those in `fixtures/`, and written as a recorder does. Needs
//! the program `ffmpeg` with libx264.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::{fs, path::Path, sync::Arc};

use bytes::{Bytes, BytesMut};
use common::{
    Fixture,
    decoding::{Decoding, Timed, decode, ffmpeg},
    demux,
};
use media::{Codec, Format, Frame, Muxer, Output, Packet, Run, TakeParser, Track, TrackKind};

/// Times are rounded to one of 48 000 a second in MP4, and to milliseconds in WebM.
const ROUNDING_US: u64 = 1_000;

/// Players go on where frames are decoded at most twice as far apart as the former lasts (Media Source Extensions, *coded frame
/// processing*).
const HOLE_DURATIONS: u64 = 2;

/// A take as the node has it.
struct Take {
    tracks: Arc<[Track]>,
    runs: Vec<Run>,
    corrections: u64,
}

impl Take {
    /// What a parser makes of segments of this type.
    fn parse(mime: &str, segments: impl IntoIterator<Item = Bytes>) -> Self {
        let mut parser = TakeParser::new(mime).unwrap();
        let mut runs = Vec::new();
        for segment in segments {
            let outputs = parser.push_segment(segment).unwrap();
            runs.extend(outputs.into_iter().filter_map(|output| match output {
                Output::Run(run) => Some(run),
                Output::Tracks(_) => None,
            }));
        }
        Self { tracks: parser.tracks().unwrap(), runs, corrections: parser.time_corrections() }
    }

    /// A recording of the fixtures, three times over, as a recorder would write it that had these packets instead. `change` is
    /// told whether a packet is a picture.
    fn odd(fixture: &str, change: impl Fn(Packet, bool) -> Option<Packet>) -> Self {
        let (mime, tracks, packets) = looped(fixture);
        let packets = packets.into_iter().filter_map(|packet| {
            let is_video = tracks[packet.track].is_video();
            change(packet, is_video)
        });
        Self::parse(&mime, written(&tracks, packets.collect()))
    }

    /// The same as it is.
    fn plain(fixture: &str) -> Self {
        Self::odd(fixture, |packet, _| Some(packet))
    }

    fn frames(&self, is_video: bool) -> Vec<&Frame> {
        let frames = self.runs.iter().flat_map(|run| &run.frames);
        frames.filter(|frame| self.tracks[frame.track].is_video() == is_video).collect()
    }

    fn rendition(&self, format: Format) -> Vec<u8> {
        let muxer = Muxer::new(format, Arc::clone(&self.tracks)).unwrap();
        let mut out = BytesMut::from(&muxer.init().data[..]);
        for run in &self.runs {
            muxer.write_chunk(run, &mut out);
        }
        out.to_vec()
    }

    /// What ffmpeg decodes of a rendition, without complaint.
    fn decode(&self, format: Format) -> Decoding {
        let decoding = decode(self.rendition(format));
        assert_eq!(decoding.complaints, "", "{format:?}");
        decoding
    }

    /// No player stops: neither track has a hole, and both reach the end.
    fn assert_plays_on(&self) {
        let mut ends_us = Vec::new();
        for is_video in [true, false] {
            let frames = self.frames(is_video);
            for pair in frames.windows(2) {
                let apart_us =
                    pair[1].dts_us.checked_sub(pair[0].dts_us).expect("decode times only go forward");
                assert!(apart_us <= HOLE_DURATIONS * pair[0].duration_us, "{pair:?}");
                assert!(pair[0].dts_us <= pair[0].pts_us);
            }
            let last = frames.last().unwrap();
            ends_us.push(last.pts_us + last.duration_us);
        }
        assert!(ends_us[0].abs_diff(ends_us[1]) < 1_500_000, "{ends_us:?}");
    }
}

/// A recording of the fixtures three times over: its type, tracks and packets.
fn looped(fixture: &str) -> (String, Vec<Track>, Vec<Packet>) {
    let fixture = Fixture::load(fixture);
    let (tracks, packets) = demux(&fixture.mime, &fixture.segments);
    let span_us = packets.iter().map(|packet| packet.pts_us).max().unwrap() + 60_000;
    let again = |round: u64| {
        packets.iter().map(move |packet| Packet { pts_us: packet.pts_us + round * span_us, ..packet.clone() })
    };
    (fixture.mime, tracks, (0..3).flat_map(again).collect())
}

/// Packets as a recorder writes them: a segment for each 250 ms, or as soon as time falls.
fn written(tracks: &[Track], packets: Vec<Packet>) -> Vec<Bytes> {
    let muxer = Muxer::new(Format::WebM, tracks.into()).unwrap();
    let mut segments = vec![muxer.init().data.clone()];
    let follows = |before: &Packet, next: &Packet| {
        before.pts_us <= next.pts_us && before.pts_us / 250_000 == next.pts_us / 250_000
    };
    for packets in packets.chunk_by(follows) {
        let frame = |packet: &Packet| {
            let Packet { track, pts_us, key, data, .. } = packet.clone();
            Frame { track, pts_us, dts_us: pts_us, duration_us: 0, key, data }
        };
        let run = Run { group: 0, index: 0, frames: packets.iter().map(frame).collect() };
        let mut out = BytesMut::new();
        muxer.write_chunk(&run, &mut out);
        segments.push(out.freeze());
    }
    segments
}

/// A recording by ffmpeg of a test picture and a tone, in slices of 16 KiB.
fn encoded(name: &str, arguments: &str) -> (Vec<u8>, Vec<Bytes>) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let sources = "-y -f lavfi -i testsrc2=r=30:s=160x90 -f lavfi -i sine -pix_fmt yuv420p";
    ffmpeg(&format!("{sources} {arguments} {}", file.display()), Vec::new());
    let bytes = fs::read(file).unwrap();
    let segments = bytes.chunks(16 << 10).map(Bytes::copy_from_slice).collect();
    (bytes, segments)
}

fn checksums(decoding: &Decoding) -> Vec<&str> {
    decoding.pictures.iter().map(|picture| picture.checksum.as_str()).collect()
}

fn assert_same_pictures(found: &Decoding, expected: &Decoding) {
    assert_eq!(checksums(found), checksums(expected));
    for (found, expected) in found.pictures.iter().zip(&expected.pictures) {
        assert!(found.pts_us.abs_diff(expected.pts_us) <= ROUNDING_US, "{found:?} is not {expected:?}");
    }
}

const VP9: &str = "webm-vp9-opus-100ms-key1s";
const FORMATS: [Format; 2] = [Format::WebM, Format::Mp4];

#[test]
fn pictures_and_sound_go_on_in_sync_when_the_clock_falls() {
    let original = Take::plain(VP9).decode(Format::Mp4);
    let cut_us = 2_033_000;
    let take = Take::odd(VP9, |packet, _| {
        let pts_us = packet.pts_us;
        Some(Packet { pts_us: if pts_us >= cut_us { pts_us - cut_us } else { pts_us }, ..packet })
    });
    assert_eq!(take.corrections, 1, "the second track takes over what the first one was given");
    take.assert_plays_on();
    for format in FORMATS {
        let decoding = take.decode(format);
        assert_eq!(checksums(&decoding), checksums(&original), "{format:?}");
        let pictures_us = moved_us(&decoding.pictures, &original.pictures);
        let sound_us = moved_us(&decoding.packets, &original.packets);
        assert!(pictures_us.abs_diff(sound_us) <= ROUNDING_US, "{format:?}: {pictures_us} and {sound_us} µs");
        assert!(pictures_us.abs() < 100_000, "{format:?}: moved by {pictures_us} µs");
    }
}

/// How much later the last of `found` is than the last of `expected`.
fn moved_us(found: &[Timed], expected: &[Timed]) -> i64 {
    found.last().unwrap().pts_us as i64 - expected.last().unwrap().pts_us as i64
}

#[test]
fn a_jump_ahead_by_hours_is_left_out() {
    let take = Take::odd(VP9, |packet, _| {
        let hours_us = if packet.pts_us >= 2_033_000 { 7 * 3_600_000_000 } else { 0 };
        Some(Packet { pts_us: packet.pts_us + hours_us, ..packet })
    });
    take.assert_plays_on();
    assert!(take.frames(true).last().unwrap().pts_us < 10_000_000);
}

#[test]
fn two_lost_packets_are_silence_and_leave_the_pictures_alone() {
    let take = Take::odd(VP9, |packet, is_video| {
        (is_video || !(1_100_000..1_210_000).contains(&packet.pts_us)).then_some(packet)
    });
    take.assert_plays_on();
    assert_eq!(take.frames(false).iter().filter(|frame| frame.is_gap()).count(), 1);
    for format in FORMATS {
        assert_same_pictures(&take.decode(format), &Take::plain(VP9).decode(format));
    }
}

#[test]
fn a_track_that_ends_begins_late_or_pauses_never_stops_the_other_one() {
    for lacks in [0..4_000_000_u64, 4_000_000..u64::MAX, 3_000_000..6_000_000] {
        let take = Take::odd(VP9, |packet, is_video| {
            (is_video || !lacks.contains(&packet.pts_us)).then_some(packet)
        });
        take.assert_plays_on();
        take.decode(Format::WebM);
    }
    let take = Take::odd(VP9, |packet, is_video| (!is_video || packet.pts_us < 4_000_000).then_some(packet));
    take.assert_plays_on();
    take.decode(Format::Mp4);
}

#[test]
fn a_picture_that_stands_is_decoded_again_and_those_after_it_are_whole() {
    let still_us = 1_500_000..6_000_000;
    for fixture in [VP9, "webm-av1-opus-250ms-key2s"] {
        let original = Take::plain(fixture).decode(Format::Mp4);
        let stands = |packet: Packet, is_video: bool| {
            let stood_us = if is_video && packet.pts_us >= still_us.start { 4_500_000 } else { 0 };
            Some(Packet { pts_us: packet.pts_us + stood_us, ..packet })
        };
        let (mime, tracks, packets) = looped(fixture);
        let mut packets: Vec<_> = packets
            .into_iter()
            .filter_map(|packet| {
                let is_video = tracks[packet.track].is_video();
                stands(packet, is_video)
            })
            .collect();
        packets.sort_by_key(|packet| packet.pts_us);
        let take = Take::parse(&mime, written(&tracks, packets));
        take.assert_plays_on();
        for format in FORMATS {
            let decoding = take.decode(format);
            let (again, own): (Vec<_>, Vec<_>) =
                decoding.pictures.iter().partition(|picture| still_us.contains(&picture.pts_us));
            let own: Vec<_> = own.into_iter().map(|picture| picture.checksum.as_str()).collect();
            assert_eq!(own, checksums(&original), "{fixture}, {format:?}");
            let stood = original.pictures.iter().rfind(|picture| picture.pts_us < still_us.start).unwrap();
            assert!(again.len() > 5, "{fixture}, {format:?}: {again:?}");
            assert!(again.iter().all(|picture| picture.checksum == stood.checksum), "{fixture}, {format:?}");
        }
    }
}

#[test]
fn b_frames_keep_their_times_in_matroska_and_in_mp4() {
    let h264 = "-t 10 -c:v libx264 -preset fast -bf 3 -g 30 -c:a libopus";
    for (name, mime, container) in [
        ("b.mkv", "video/x-matroska;codecs=avc1,opus", "-cluster_time_limit 250"),
        (
            "b.mp4",
            "video/mp4;codecs=avc1.64000d,opus",
            "-movflags frag_keyframe+empty_moov+default_base_moof",
        ),
    ] {
        let (bytes, segments) = encoded(name, &format!("{h264} {container}"));
        let take = Take::parse(mime, segments);
        let decoding = take.decode(Format::Mp4);
        assert_eq!(decoding.pictures.len(), 300);
        assert_same_pictures(&decoding, &decode(bytes));
        take.assert_plays_on();
    }
}

#[test]
fn gap_frames_are_decoded_as_silence_without_a_word() {
    for (codec, config, channels) in [
        (Codec::Opus, &b"OpusHead\x01\x02\x00\x0f\x80\xbb\x00\x00\x00\x00\x00"[..], 2),
        (Codec::Aac, &[0x11, 0x88], 1),
        (Codec::Aac, &[0x11, 0x90], 2),
        (Codec::Mp3, &[], 1),
        (Codec::Mp3, &[], 2),
    ] {
        let kind = TrackKind::Audio { sample_rate: 48_000, channels };
        let config = Bytes::copy_from_slice(config);
        let track = Track { codec, kind, config, colour: Bytes::new() };
        let duration_us = if codec == Codec::Aac { 21_333 } else { 24_000 };
        let gap = |at| {
            let at_us = at * duration_us;
            Frame { track: 0, pts_us: at_us, dts_us: at_us, duration_us, key: true, data: Bytes::new() }
        };
        let run = Run { group: 0, index: 0, frames: (0..40).map(gap).collect() };
        let take = Take { tracks: [track].into(), runs: vec![run], corrections: 0 };
        let volume = "-i pipe:0 -af volumedetect -v info -f null -";
        let (_, said) = ffmpeg(volume, take.rendition(Format::Mp4));
        assert!(!said.contains("rror") && said.contains("max_volume: -91.0 dB"), "{codec:?}: {said}");
        assert_eq!(ffmpeg("-i pipe:0 -f null -", take.rendition(Format::Mp4)).1, "", "{codec:?}");
    }
}
