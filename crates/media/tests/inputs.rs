//! What recordings say about themselves: the bitstream is believed, not the container; sound other than Opus, laced blocks,
//! rotation and the shape of pixels go through every rendition.
//!
//! Recordings are those in `fixtures/`, written otherwise, and such by ffmpeg. Needs the program `ffmpeg` with libx264.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use common::{
    Fixture,
    decoding::{Decoding, decode},
    demux,
    take::{Take, encoded, looped, written},
};
use media::{
    Display, Error, Frame, Muxer, Packet, Rendition, Rotation, Run, TakeParser, Track, TrackKind,
    demux::frames,
};

/// Times are rounded to milliseconds in Matroska.
const ROUNDING_US: u64 = 1_000;

const FRAGMENTED: &str = "-movflags frag_keyframe+empty_moov+default_base_moof";

/// Name and size of every run.
fn names(take: &Take) -> Vec<(u64, u32, usize)> {
    take.runs.iter().map(|run| (run.group, run.index, run.frames.len())).collect()
}

#[test]
fn keyframes_of_webm_are_those_of_the_bitstream_whatever_the_blocks_say() {
    for fixture in ["webm-vp8-opus-100ms", "webm-vp9-opus-100ms-key1s", "webm-av1-opus-250ms-key2s"] {
        let (mime, tracks, packets) = looped(fixture);
        let plain = Take::parse(&mime, written(&tracks, packets.clone()));
        for all_key in [true, false] {
            let packets = packets.iter().map(|packet| Packet { key: all_key, ..packet.clone() }).collect();
            let take = Take::parse(&mime, written(&tracks, packets));
            assert_eq!(names(&take), names(&plain), "{fixture}, key: {all_key}");
            assert!(take.runs == plain.runs, "{fixture}, key: {all_key}");
        }
    }
}

#[test]
fn keyframes_of_mp4_are_those_of_the_bitstream_whatever_the_samples_say() {
    let fixture = Fixture::load("mp4-avc1-opus-250ms-key1s");
    let plain = Take::parse(&fixture.mime, fixture.segments.iter().cloned().map(Bytes::from));
    let muxer = Muxer::new(Rendition::Mp4, Arc::clone(&plain.tracks)).unwrap();
    for all_key in [true, false] {
        let init = muxer.init().data.clone();
        let segments = plain.runs.iter().map(|run| {
            let frames = run.frames.iter().map(|frame| Frame { key: all_key, ..frame.clone() }).collect();
            let mut out = BytesMut::new();
            muxer.write_chunk(&Run { frames, ..run.clone() }, &mut out);
            out.freeze()
        });
        let take = Take::parse(&fixture.mime, std::iter::once(init).chain(segments));
        assert_eq!(names(&take), names(&plain), "key: {all_key}");
    }
}

#[test]
fn sizes_and_configurations_are_those_of_the_bitstream() {
    for name in [
        "webm-vp8-opus-100ms",
        "webm-vp9-opus-100ms-key1s",
        "webm-av1-opus-250ms-key2s",
        "mkv-h264-opus-250ms",
    ] {
        let fixture = Fixture::load(name);
        let stream = fixture.stream();
        let tracks = Take::parse(&fixture.mime, [Bytes::from(stream.clone())]).tracks;
        let TrackKind::Video { width, height, .. } = video(&tracks).kind else { panic!("video") };
        // PixelWidth and PixelHeight, in two bytes each.
        let mut lying = stream;
        for id in [0xb0, 0xba] {
            let at = lying.windows(2).position(|element| element == [id, 0x82]).unwrap();
            lying[at + 2..at + 4].copy_from_slice(&[0, 16]);
        }
        let found = Take::parse(&fixture.mime, [Bytes::from(lying)]).tracks;
        assert_eq!(video(&found), video(&tracks), "{name}");
        assert!((width, height) != (16, 16), "{name}");
    }
}

fn video(tracks: &[Track]) -> &Track {
    tracks.iter().find(|track| track.is_video()).unwrap()
}

/// Both have the same pictures and packets, at the same distances.
fn assert_same(found: &Decoding, expected: &Decoding, what: &str) {
    assert!(!expected.pictures.is_empty() && !expected.packets.is_empty(), "{what}");
    for (found, expected) in [(&found.pictures, &expected.pictures), (&found.packets, &expected.packets)] {
        assert_eq!(found.len(), expected.len(), "{what}");
        let (begin, wanted) = (found[0].pts_us, expected[0].pts_us);
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.checksum, expected.checksum, "{what}");
            let (at, wanted) = (found.pts_us - begin, expected.pts_us - wanted);
            assert!(at.abs_diff(wanted) <= ROUNDING_US, "{what}: {at} µs, not {wanted}");
        }
    }
}

#[test]
fn aac_and_mp3_are_carried_from_matroska_and_from_mp4_declared_or_not() {
    for (codec, encoder) in [("aac", "aac"), ("mp3", "libmp3lame")] {
        for (container, options, mimes) in [
            ("mkv", "-cluster_time_limit 250", ["video/x-matroska", "video/x-matroska;codecs=avc1"]),
            ("mp4", FRAGMENTED, ["video/mp4", "video/mp4;codecs=\"avc1.42c01f,mp4a.40.2\""]),
        ] {
            let name = format!("{codec}.{container}");
            let arguments = format!("-t 3 -c:v libx264 -bf 0 -g 30 -c:a {encoder} -ac 2 {options}");
            let (bytes, segments) = encoded(&name, &arguments);
            let recording = decode(bytes);
            for mime in mimes {
                let take = Take::parse(mime, segments.iter().cloned());
                assert_same(&take.decode(Rendition::Mp4), &recording, &format!("{name} as {mime}"));
                take.assert_plays_on();
            }
        }
    }
}

#[test]
fn what_no_player_takes_is_refused_before_any_frame() {
    const KEY: &str = "00112233445566778899aabbccddeeff";
    let encryption = format!("-encryption_scheme cenc-aes-ctr -encryption_key {KEY} -encryption_kid {KEY}");
    for (name, arguments, said) in [
        ("vorbis.mkv", "-c:v libx264 -c:a libvorbis", "codec Vorbis (A_VORBIS)"),
        ("flac.mkv", "-c:v libx264 -c:a flac", "codec FLAC (A_FLAC)"),
        ("mpeg4.mp4", &format!("-c:v mpeg4 -c:a aac {FRAGMENTED}"), "codec mp4v"),
        ("vp8-aac.mkv", "-c:v libvpx -b:v 200k -c:a aac", "Vp8 and Aac together"),
        (
            "encrypted.mp4",
            &format!("-c:v libx264 -c:a aac {FRAGMENTED} {encryption}"),
            "encrypted tracks (encv)",
        ),
        ("whole.mp4", "-c:v libx264 -c:a aac", "MP4 that is not fragmented"),
        ("whole-moov-first.mp4", "-c:v libx264 -c:a aac -movflags faststart", "MP4 that is not fragmented"),
    ] {
        let (_, segments) = encoded(name, &format!("-t 1 {arguments}"));
        let mime = if name.ends_with("mp4") { "video/mp4" } else { "video/x-matroska" };
        let mut parser = TakeParser::new(mime).unwrap();
        let error = segments.into_iter().find_map(|segment| parser.push_segment(segment).err());
        assert_eq!(error, Some(Error::Unsupported(said.to_owned())), "{name}");
        assert_eq!(parser.tracks(), None, "{name}");
    }
}

#[test]
fn b_frames_with_offsets_below_zero_keep_their_times() {
    let arguments = format!("-t 5 -c:v libx264 -bf 3 -g 30 -c:a aac {FRAGMENTED}+negative_cts_offsets");
    let (bytes, segments) = encoded("negative.mp4", &arguments);
    let take = Take::parse("video/mp4", segments);
    assert_same(&take.decode(Rendition::Mp4), &decode(bytes), "offsets below zero");
    take.assert_plays_on();
}

/// A recording by ffmpeg whose `tkhd` has another matrix.
fn turned(matrix: [i32; 4]) -> (Vec<u8>, Vec<Bytes>) {
    let (mut bytes, _) = encoded("turned.mp4", &format!("-t 2 -c:v libx264 -bf 0 -g 30 -an {FRAGMENTED}"));
    let tkhd = bytes.windows(4).position(|kind| kind == b"tkhd").unwrap();
    let [a, b, c, d] = matrix.map(|value| value << 16);
    for (at, value) in (0..).zip([a, b, 0, c, d, 0, 0, 0, 0x4000_0000]) {
        let field = tkhd + 44 + 4 * at;
        bytes[field..field + 4].copy_from_slice(&value.to_be_bytes());
    }
    let segments = bytes.chunks(16 << 10).map(Bytes::copy_from_slice).collect();
    (bytes, segments)
}

#[test]
fn rotated_recordings_stay_rotated() {
    for (matrix, rotation) in [
        ([1, 0, 0, 1], Rotation::None),
        ([0, 1, -1, 0], Rotation::Quarter),
        ([-1, 0, 0, -1], Rotation::Half),
        ([0, -1, 1, 0], Rotation::ThreeQuarters),
    ] {
        let (bytes, segments) = turned(matrix);
        let take = Take::parse("video/mp4", segments);
        let TrackKind::Video { display, .. } = take.tracks[0].kind else { panic!("video") };
        assert_eq!(display, Display { rotation, ..Display::coded(160, 90) });
        // ffmpeg turns pictures as the matrix says.
        let (found, expected) = (take.decode(Rendition::Mp4).pictures, decode(bytes).pictures);
        let checksums = |pictures: &[common::decoding::Timed]| -> Vec<_> {
            pictures.iter().map(|picture| picture.checksum.clone()).collect()
        };
        assert_eq!(checksums(&found), checksums(&expected), "{rotation:?}");
        assert_eq!(found.len(), 60);
    }
}

#[test]
fn pixels_that_are_not_square_stay_so() {
    for (name, mime, options) in [("wide.mkv", "video/x-matroska", ""), ("wide.mp4", "video/mp4", FRAGMENTED)]
    {
        let arguments = format!("-t 1 -vf setsar=16/11 -c:v libx264 -bf 0 -an {options}");
        let (_, segments) = encoded(name, &arguments);
        let take = Take::parse(mime, segments);
        let TrackKind::Video { width, height, display } = take.tracks[0].kind else { panic!("video") };
        assert_eq!((width, height), (160, 90), "{name}");
        assert!(display.width.abs_diff(160 * 16 / 11) <= 1 && display.height == 90, "{name}: {display:?}");
        assert_same_display(&take.tracks, Rendition::Mp4);
    }
}

#[test]
fn square_pixels_of_mp4_are_told_in_numbers_that_browsers_read() {
    let fixture = Fixture::load("mp4-avc1-opus-250ms");
    let tracks = Take::parse(&fixture.mime, [Bytes::from(fixture.stream())]).tracks;
    let init = Muxer::new(Rendition::Mp4, tracks).unwrap().init().data.clone();
    let pasp = init.windows(4).position(|kind| kind == b"pasp").unwrap();
    assert_eq!(init[pasp + 4..pasp + 12], [0, 0, 0, 2, 0, 0, 0, 2]);
}

#[test]
fn every_format_tells_how_pictures_are_shown() {
    let fixture = Fixture::load("webm-vp9-opus-100ms-key1s");
    let tracks = Take::parse(&fixture.mime, [Bytes::from(fixture.stream())]).tracks;
    for rotation in [Rotation::None, Rotation::Quarter, Rotation::Half, Rotation::ThreeQuarters] {
        let turn = |track: &Track| match track.kind {
            TrackKind::Video { width, height, .. } => {
                let display = Display { width: width + width / 3, height, rotation };
                Track { kind: TrackKind::Video { width, height, display }, ..track.clone() }
            }
            TrackKind::Audio { .. } => track.clone(),
        };
        let tracks: Vec<_> = tracks.iter().map(turn).collect();
        for format in [Rendition::WebM, Rendition::Mp4, Rendition::Frames] {
            assert_same_display(&tracks, format);
        }
    }
}

/// What is read of an init segment shows the pictures as `tracks` do.
fn assert_same_display(tracks: &[Track], format: Rendition) {
    let init = Muxer::new(format, tracks.into()).unwrap().init().clone();
    let found = match format {
        Rendition::Frames => frames::read_init(&init.data).unwrap(),
        Rendition::WebM | Rendition::Mp4 => demux(&init.mime, &[init.data]).0,
    };
    assert_eq!(video(&found).kind, video(tracks).kind, "{format:?}");
}

#[test]
fn laced_packets_come_out_at_the_times_they_had_alone() {
    let fixture = Fixture::load("audio-webm-opus-250ms");
    let (tracks, packets) = demux(&fixture.mime, &fixture.segments);
    let plain = Take::parse(&fixture.mime, written(&tracks, packets.clone()));
    let muxer = Muxer::new(Rendition::WebM, tracks.into()).unwrap();
    let mut stream = muxer.init().data.to_vec();
    for pair in packets.chunks(2) {
        stream.extend_from_slice(&laced(pair));
    }
    let take = Take::parse(&fixture.mime, [Bytes::from(stream)]);
    let frames = |take: &Take| -> Vec<_> {
        take.frames(false).iter().map(|frame| (frame.pts_us, frame.data.clone())).collect()
    };
    let (found, expected) = (frames(&take), frames(&plain));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.1, expected.1);
        assert!(found.0.abs_diff(expected.0) <= 2 * ROUNDING_US, "{} is not {}", found.0, expected.0);
    }
}

/// A Cluster with one block of Xiph-laced packets (RFC 9559, section 10.3).
fn laced(packets: &[Packet]) -> Vec<u8> {
    const XIPH: u8 = 0x82;
    let mut block = vec![0x81, 0, 0, XIPH, packets.len() as u8 - 1];
    for packet in &packets[..packets.len() - 1] {
        block.extend(vec![0xff; packet.data.len() / 255]);
        block.push((packet.data.len() % 255) as u8);
    }
    packets.iter().for_each(|packet| block.extend_from_slice(&packet.data));
    let mut cluster =
        vec![0x1f, 0x43, 0xb6, 0x75, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xe7, 0x84];
    cluster.extend_from_slice(&((packets[0].pts_us / 1000) as u32).to_be_bytes());
    cluster.extend_from_slice(&[0xa3, 0x10 | (block.len() >> 24) as u8]);
    cluster.extend_from_slice(&(block.len() as u32).to_be_bytes()[1..]);
    cluster.extend_from_slice(&block);
    cluster
}
