//! Recordings of many encoders and containers keep their pictures, their packets, and the times of both against each other.
//!
//! Each is encoded by ffmpeg, whose own reading of the recording is the truth, edit lists included. Needs the program `ffmpeg`;
//! without it the test fails.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::{path::Path, sync::Arc};

use common::{
    decoding::{Decoding, Timed, decode_file},
    take::{Take, encoded},
};
use media::{Muxer, Rendition};

/// Whole milliseconds of WebM.
const PICTURE_ROUNDING_US: u64 = 1_100;

/// The same, and what Opus has decoders leave out, which in WebM moves its packets and in MP4 does not.
const PACKET_ROUNDING_US: u64 = 7_600;

const X264: &str = "-c:v libx264 -preset veryfast -g 30";
const VP9: &str = "-c:v libvpx-vp9 -cpu-used 5 -g 30 -auto-alt-ref 1 -lag-in-frames 16 -c:a libopus";
const AV1: &str = "-c:v libaom-av1 -cpu-used 8 -g 30 -lag-in-frames 16 -c:a libopus";
const FRAGMENTED: &str = "-movflags +frag_keyframe+empty_moov";

/// Checks that a rendition has what the recording has, when it has it. The whole take may be moved, and frames made for what was
/// missing may be between.
fn assert_same(found: &Decoding, recorded: &Decoding, what: &str) {
    let begin_us = |decoding: &Decoding| decoding.pictures[0].pts_us as i64;
    let moved_us = begin_us(found) - begin_us(recorded);
    assert_eq!(found.pictures.len(), recorded.pictures.len(), "{what}");
    for (found, recorded, rounding_us) in [
        (&found.pictures, &recorded.pictures, PICTURE_ROUNDING_US),
        (&found.packets, &recorded.packets, PACKET_ROUNDING_US),
    ] {
        let mut found = found.iter();
        // What is recorded before 0 is told at 0, and may be left out.
        for Timed { pts_us, checksum } in recorded.iter().filter(|recorded| recorded.pts_us > 0) {
            let same = found.find(|found| found.checksum == *checksum);
            let same = same.unwrap_or_else(|| panic!("{what}: nothing of {checksum} at {pts_us} µs"));
            let late_us = same.pts_us as i64 - *pts_us as i64 - moved_us;
            assert!(late_us.unsigned_abs() <= rounding_us, "{what}: {late_us} µs late, of {pts_us}");
        }
    }
}

#[test]
fn pictures_and_sound_stay_in_step_whoever_recorded_them() {
    for (name, arguments) in [
        ("edits.mp4", format!("{X264} -bf 3 -c:a aac {FRAGMENTED}+delay_moov")),
        ("edits-opus.mp4", format!("{X264} -bf 2 -c:a libopus {FRAGMENTED}+delay_moov+default_base_moof")),
        ("late.mp4", format!("{X264} -bf 2 -c:a aac -output_ts_offset 0.1 {FRAGMENTED}+delay_moov")),
        ("early.mp4", format!("{X264} -bf 2 -c:a aac {FRAGMENTED}+delay_moov+frag_discont")),
        ("tracks-apart.mp4", format!("{X264} -bf 2 -ac 6 -c:a aac {FRAGMENTED}+separate_moof")),
        ("surround.mp4", format!("{X264} -bf 2 -ac 6 -c:a libopus {FRAGMENTED}")),
        (
            "short-runs.mp4",
            format!("{X264} -bf 2 -c:a aac -frag_duration 200000 -timecode 01:00:00:00 {FRAGMENTED}"),
        ),
        ("refresh.mp4", format!("{X264} -x264opts intra-refresh=1 -bf 0 -ac 6 -c:a aac {FRAGMENTED}")),
        ("open.mkv", format!("{X264} -bf 3 -x264opts open-gop=1 -c:a libmp3lame -ar 22050")),
        ("pyramid.mkv", format!("{X264} -bf 8 -x264opts b-pyramid=strict:ref=6 -c:a libopus -live 1")),
        ("negative.mkv", format!("{X264} -bf 2 -c:a aac -avoid_negative_ts disabled -write_crc32 1")),
        (
            "uneven.mkv",
            format!("{X264} -vf select='not(mod(n,3))+gt(mod(n,7),4)' -fps_mode vfr -c:a libopus"),
        ),
        ("hidden.webm", VP9.to_owned()),
        ("hidden.mp4", format!("{AV1} {FRAGMENTED}")),
    ] {
        let (_, segments) = encoded(name, &format!("-t 2.5 {arguments}"));
        let recorded = decode_file(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        let mime = if name.ends_with("mp4") { "video/mp4" } else { "video/x-matroska" };
        let take = Take::parse(mime, segments);
        for rendition in [Rendition::WebM, Rendition::Mp4] {
            if Muxer::new(rendition, Arc::clone(&take.tracks)).is_ok() {
                assert_same(&take.decode(rendition), &recorded, &format!("{name}, {rendition:?}"));
            }
        }
        take.assert_plays_on();
        assert_eq!(take.corrections, 0, "{name}");
    }
}
