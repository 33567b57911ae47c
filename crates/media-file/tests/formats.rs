//! Of every format: fragments have the very packets of the file at their times, and each plays alone. Needs `ffmpeg` and `ffprobe`.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::path::Path;

use common::{PICTURES, Read, SOUND, encoded, packets, read};

/// Times differ by what a container rounds them to: milliseconds.
const ROUNDING_S: f64 = 0.001;

/// Checks that a format's fragments have the file's packets, those of a stream.
fn assert_same_packets(file: &Path, read: &Read, format: usize, stream: &str, rounding_s: f64) {
    let what = format!("{} {stream} as {}", read.name, read.formats[format].mime);
    let given = packets(&read.saved(format, read.all()), stream);
    let expected = packets(file, stream);
    assert_eq!(given.len(), expected.len(), "{what}");
    let (given_0, expected_0) = (given[0].pts_s, expected[0].pts_s);
    for (at, (given, expected)) in given.iter().zip(&expected).enumerate() {
        assert_eq!(given.hash, expected.hash, "{what}: packet {at}");
        let apart_s = (given.pts_s - given_0) - (expected.pts_s - expected_0);
        assert!(apart_s.abs() <= rounding_s, "{what}: packet {at} at {} not {}", given.pts_s, expected.pts_s);
    }
}

/// Checks that fragments follow each other, and that each decodes alone.
fn assert_fragments(read: &Read) {
    let mut end_ms = 0;
    for (at, fragment) in read.fragments.iter().enumerate() {
        assert_eq!(fragment.start_ms, end_ms, "{}: fragment {at}", read.name);
        end_ms += fragment.duration_ms;
        for format in 0..read.formats.len() {
            let (_, complaints) = common::decoded(&read.saved(format, at..at + 1), "-map 0");
            // A frame of MP3 may need bits of those before it, and bare ones do not tell how many follow.
            let expected = ["invalid new backstep", "Estimating duration"];
            let is_expected = |line: &&str| expected.iter().any(|known| line.contains(known));
            let complaints: Vec<_> = complaints.lines().filter(|line| !is_expected(line)).collect();
            assert!(complaints.is_empty(), "{}: fragment {at}: {complaints:?}", read.name);
        }
    }
}

#[test]
fn mp3_is_given_in_mp4_and_bare() {
    for (name, options) in [("cbr.mp3", "-b:a 128k"), ("vbr.mp3", "-q:a 4"), ("mono.mp3", "-ac 1 -ar 22050")]
    {
        let file = encoded(name, &format!("{SOUND}23 -c:a libmp3lame {options}"));
        let read = read(&file);
        let mimes: Vec<_> = read.formats.iter().map(|format| format.mime.as_str()).collect();
        assert_eq!(mimes, ["audio/mp4;codecs=\"mp3\"", "audio/mpeg"]);
        assert_eq!(read.fragments.len(), 3, "{name}");
        assert_same_packets(&file, &read, 0, "a:0", 0.000_002);
        assert_same_packets(&file, &read, 1, "a:0", 0.000_002);
        assert_fragments(&read);
        assert!(read.duration_ms().abs_diff(23_000) < 30, "{name}: {} ms", read.duration_ms());
    }
}

#[test]
fn webm_and_matroska_keep_packets_and_times() {
    for (name, options, mime) in [
        ("vp8.webm", "-c:v libvpx -g 24 -b:v 200k -c:a libvorbis", "video/webm;codecs=\"vp8,vorbis\""),
        (
            "vp9.webm",
            "-c:v libvpx-vp9 -g 30 -deadline realtime -cpu-used 8 -c:a libopus",
            "video/webm;codecs=\"vp9,opus\"",
        ),
        ("h264.mkv", "-c:v libx264 -g 24 -bf 2 -c:a aac", "video/mp4;codecs=\"avc1.64000a,mp4a.40.2\""),
        ("flac.mkv", "-c:v libx264 -g 24 -bf 0 -c:a flac", "video/mp4;codecs=\"avc1.64000a,flac\""),
    ] {
        let file = encoded(name, &format!("{PICTURES}24 {SOUND}24 {options} -pix_fmt yuv420p"));
        let read = read(&file);
        assert_eq!(read.formats[0].mime, mime);
        assert_same_packets(&file, &read, 0, "v:0", ROUNDING_S);
        assert_same_packets(&file, &read, 0, "a:0", 1.5 * ROUNDING_S);
        assert_fragments(&read);
        assert!(read.fragments.len() >= 2, "{name}: {} fragments", read.fragments.len());
        assert!(read.duration_ms().abs_diff(24_000) <= 60, "{name}: {} ms", read.duration_ms());
    }
}
