//! Odd recordings, whole: times that fall, jump or stand, tracks that end, begin late or lose packets, B-frames. A player gets
//! every picture at its time, both tracks without a hole that would stop it, and ffmpeg has nothing to complain about.
//!
//! Recordings are made odd by moving and dropping packets of those in `fixtures/`, and written as a recorder does. Needs
//! the program `ffmpeg` with libx264.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use bytes::Bytes;
use common::{
    decoding::{Decoding, Timed, decode, ffmpeg},
    take::{Take, encoded, looped, written},
};
use media::{Codec, Frame, Packet, Rendition, Run, Track, TrackKind};

/// Times are rounded to one of 48 000 a second in MP4, and to milliseconds in WebM.
const ROUNDING_US: u64 = 1_000;

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
const FORMATS: [Rendition; 2] = [Rendition::WebM, Rendition::Mp4];

#[test]
fn pictures_and_sound_go_on_in_sync_when_the_clock_falls() {
    let original = Take::plain(VP9).decode(Rendition::Mp4);
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
        take.decode(Rendition::WebM);
    }
    let take = Take::odd(VP9, |packet, is_video| (!is_video || packet.pts_us < 4_000_000).then_some(packet));
    take.assert_plays_on();
    take.decode(Rendition::Mp4);
}

#[test]
fn a_picture_that_stands_is_decoded_again_and_those_after_it_are_whole() {
    let (still_us, stood_us) = (1_500_000, 4_500_000);
    for (fixture, formats) in [
        (VP9, &FORMATS[..]),
        ("webm-av1-opus-250ms-key2s", &FORMATS[..]),
        ("webm-vp8-opus-100ms", &[Rendition::WebM]),
    ] {
        let original = Take::plain(fixture).decode(formats[0]);
        let stands = |packet: Packet, is_video: bool| {
            let stood_us = if is_video && packet.pts_us >= still_us { stood_us } else { 0 };
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
        let next = original.pictures.iter().find(|picture| picture.pts_us >= still_us).unwrap();
        let until_us = next.pts_us + stood_us - ROUNDING_US;
        for &format in formats {
            let decoding = take.decode(format);
            let (again, own): (Vec<_>, Vec<_>) =
                decoding.pictures.iter().partition(|picture| (still_us..until_us).contains(&picture.pts_us));
            let own: Vec<_> = own.into_iter().map(|picture| picture.checksum.as_str()).collect();
            assert_eq!(own, checksums(&original), "{fixture}, {format:?}");
            let stood = original.pictures.iter().rfind(|picture| picture.pts_us < still_us).unwrap();
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
        let decoding = take.decode(Rendition::Mp4);
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
        let (_, said) = ffmpeg(volume, take.rendition(Rendition::Mp4));
        assert!(!said.contains("rror") && said.contains("max_volume: -91.0 dB"), "{codec:?}: {said}");
        assert_eq!(ffmpeg("-i pipe:0 -f null -", take.rendition(Rendition::Mp4)).1, "", "{codec:?}");
    }
}

#[test]
fn a_picture_of_h264_that_stands_is_decoded_again_and_those_after_it_are_whole() {
    let lacking = "-vf select='not(between(t,2,5))' -fps_mode vfr -t 8 -c:v libx264 -g 300 -c:a libopus";
    let fragmented = "-movflags frag_every_frame+empty_moov+default_base_moof";
    for (name, mime, options) in [
        ("cabac-b.mkv", "video/x-matroska;codecs=avc1,opus", "-bf 3 -cluster_time_limit 250".to_owned()),
        ("cabac-b.mp4", "video/mp4;codecs=avc1.64000d,opus", format!("-bf 3 {fragmented}")),
        ("type0.mp4", "video/mp4;codecs=avc1.64000d,opus", format!("-preset ultrafast -bf 0 {fragmented}")),
        ("type2.mp4", "video/mp4;codecs=avc1.64000d,opus", format!("-tune zerolatency {fragmented}")),
        ("refs-b.mp4", "video/mp4;codecs=avc1.64000d,opus", format!("-bf 2 -refs 4 -weightp 2 {fragmented}")),
    ] {
        let (bytes, segments) = encoded(&format!("still-{name}"), &format!("{lacking} {options}"));
        let original = decode(bytes);
        let take = Take::parse(mime, segments);
        take.assert_plays_on();
        let decoding = take.decode(Rendition::Mp4);
        let (again, own): (Vec<_>, Vec<_>) =
            decoding.pictures.iter().partition(|picture| (2_150_000..4_990_000).contains(&picture.pts_us));
        let own: Vec<_> = own.into_iter().map(|picture| picture.checksum.as_str()).collect();
        assert_eq!(own, checksums(&original), "{name}");
        let stood = original.pictures.iter().rfind(|picture| picture.pts_us < 2_150_000).unwrap();
        // Where B-frames reach over the hole, the picture after it is there before it: then nothing is missing.
        assert_eq!(again.len() > 5, !name.contains("-b"), "{name}: {again:?}");
        assert!(
            again.iter().all(|picture| picture.checksum == stood.checksum),
            "{name}: {again:?} {stood:?}"
        );
    }
}
