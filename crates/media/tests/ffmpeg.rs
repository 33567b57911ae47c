//! What nobody here wrote agrees: ffmpeg decodes what a viewer gets, from every join point of every recording, without a
//! word of complaint, and shows the very pictures of the recording at their times.
//!
//! The truth is ffmpeg's own decoding of the recording itself. Its complaints about the recording do not count: most end
//! in the middle of an element. Timestamps are passed through, because ffmpeg else rounds them to the frame rate that it
//! guesses. Needs the program `ffmpeg`; without it the tests fail.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use common::{Fixture, repackage};
use media::{Init, repackager::Chunk};

/// Times differ at most by a sample of Opus: they are rounded to one of 48 000 a second in MP4.
const ROUNDING_US: u64 = 21;

/// How far a chunk's first sound may be from its first picture.
const LONGEST_PACKET_US: u64 = 60_000;

/// A decoded picture, or a packet of sound as it is: what decodes from a packet depends on those before it.
#[derive(Clone, Debug)]
struct Timed {
    pts_us: u64,
    checksum: String,
}

/// What ffmpeg made of an input.
#[derive(Debug, Default)]
struct Decoding {
    pictures: Vec<Timed>,
    packets: Vec<Timed>,
    /// Warnings and errors about either, sound decoded too.
    complaints: String,
}

/// Decodes all tracks of `input`.
fn decode(input: Vec<u8>) -> Decoding {
    const PICTURES_PACKETS_SOUND: &str = "-copyts -i pipe:0 -map 0:v? -map 0:a -map 0:a -c:a:0 copy \
                                          -fps_mode passthrough -enc_time_base -1 -f framecrc -";
    let (stdout, complaints) = ffmpeg(PICTURES_PACKETS_SOUND, input);
    Decoding { complaints, ..read_framecrc(&stdout) }
}

/// Standard output, and standard error with warnings and errors.
fn ffmpeg(arguments: &str, input: Vec<u8>) -> (String, String) {
    let mut child = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "warning"])
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the program ffmpeg");
    let mut stdin = child.stdin.take().unwrap();
    // ffmpeg may stop reading early, which then shows in what it says.
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "ffmpeg {arguments}: {complaints}");
    (String::from_utf8(output.stdout).unwrap(), complaints)
}

/// Reads lines of `stream, dts, pts, duration, size, checksum`, behind a header that has for each stream lines of
/// `#tb 0: 1/1000` and `#codec_id 0: opus`.
fn read_framecrc(text: &str) -> Decoding {
    let (mut time_bases, mut codecs) = (HashMap::new(), HashMap::new());
    let mut decoding = Decoding::default();
    for line in text.lines() {
        if let Some((key, value)) = line.strip_prefix('#').and_then(|header| header.split_once(": ")) {
            match key.split_once(' ') {
                Some(("tb", stream)) => drop(time_bases.insert(stream, value.strip_prefix("1/").unwrap())),
                Some(("codec_id", stream)) => drop(codecs.insert(stream, value)),
                _ => {}
            }
            continue;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let ticks_a_second: u64 = time_bases[fields[0]].parse().unwrap();
        let pts: u64 = fields[2].parse().expect("no time is before 0");
        let timed = Timed { pts_us: pts * 1_000_000 / ticks_a_second, checksum: fields[5].to_owned() };
        match codecs[fields[0]] {
            "rawvideo" => decoding.pictures.push(timed),
            "opus" => decoding.packets.push(timed),
            _ => {}
        }
    }
    decoding
}

fn join(init: &Init, chunks: &[Chunk]) -> Vec<u8> {
    std::iter::once(&init.data).chain(chunks.iter().map(|chunk| &chunk.data)).flatten().copied().collect()
}

/// Checks what is decoded from the chunk at `start` on against the recording.
fn check_from(fixture: &Fixture, recording: &Decoding, init: &Init, chunks: &[Chunk], start: usize) {
    let from = &chunks[start];
    let what = format!("{} from group {} at {} ms", fixture.name, from.group, from.pts_ms);
    let decoding = decode(join(init, &chunks[start..]));
    assert_eq!(decoding.complaints, "", "{what}");
    let first_us = decoding.pictures.first().or(decoding.packets.first()).unwrap().pts_us;
    assert!(first_us.abs_diff(from.pts_ms * 1000) <= LONGEST_PACKET_US, "{what} starts at {first_us} µs");
    assert_same(&decoding.pictures, &recording.pictures, first_us, &what);
    let sound_us = decoding.packets.first().map_or(first_us, |packet| packet.pts_us);
    assert!(sound_us.abs_diff(first_us) <= LONGEST_PACKET_US, "{what}: sound starts at {sound_us} µs");
    assert_same(&decoding.packets, &recording.packets, sound_us, &what);
}

/// Everything recorded from `start_us` on, and nothing else.
fn assert_same(decoded: &[Timed], recorded: &[Timed], start_us: u64, what: &str) {
    let recorded: Vec<_> = recorded.iter().filter(|timed| timed.pts_us + ROUNDING_US >= start_us).collect();
    assert_eq!(decoded.len(), recorded.len(), "{what}");
    for (decoded, recorded) in decoded.iter().zip(recorded) {
        let same_time = decoded.pts_us.abs_diff(recorded.pts_us) <= ROUNDING_US;
        assert!(
            same_time && decoded.checksum == recorded.checksum,
            "{what}: {decoded:?} is not {recorded:?}"
        );
    }
}

#[test]
fn every_join_point_of_every_recording_decodes_to_the_recorded_frames() {
    for fixture in Fixture::all() {
        let recording = decode(fixture.stream());
        let (init, chunks) = repackage(&fixture.mime, &fixture.segments);
        for start in (0..chunks.len()).filter(|&index| chunks[index].key) {
            check_from(&fixture, &recording, &init, &chunks, start);
        }
    }
}

#[test]
fn a_saved_take_decodes_silently_without_any_option() {
    for fixture in Fixture::all() {
        let (init, chunks) = repackage(&fixture.mime, &fixture.segments);
        let saved = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&fixture.name);
        fs::write(&saved, join(&init, &chunks)).unwrap();
        let (_, complaints) = ffmpeg(&format!("-i {} -f null -", saved.display()), Vec::new());
        assert_eq!(complaints, "", "{}", fixture.name);
    }
}
