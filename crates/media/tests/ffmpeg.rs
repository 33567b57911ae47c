//! What nobody here wrote agrees: ffmpeg decodes what a viewer gets, from every join point of every recording, without a
//! word of complaint, and shows the very pictures of the recording at their times.
//!
//! The truth is ffmpeg's own decoding of the recording itself. Its complaints about the recording do not count: most end
//! in the middle of an element. Timestamps are passed through, because ffmpeg else rounds them to the frame rate that it
//! guesses. Needs the program `ffmpeg`; without it the tests fail.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::{fs, path::Path, sync::Arc};

use bytes::{Bytes, BytesMut};
use common::{
    Chunk, Fixture,
    decoding::{Decoding, Timed, decode, ffmpeg},
    repackage,
    take::Take,
};
use media::{Init, Muxer, Rendition, demux::frames};

/// Times differ at most by a sample of Opus: they are rounded to one of 48 000 a second in MP4.
const ROUNDING_US: u64 = 21;

/// How far a chunk's first sound may be from its first picture.
const LONGEST_PACKET_US: u64 = 60_000;

fn join(init: &Init, chunks: &[Chunk]) -> Vec<u8> {
    std::iter::once(&init.data).chain(chunks.iter().map(|chunk| &chunk.data)).flatten().copied().collect()
}

/// Checks what is decoded from the chunk at `start` on against the recording.
fn check_from(fixture: &Fixture, recording: &Decoding, init: &Init, chunks: &[Chunk], start: usize) {
    let from = &chunks[start];
    let what = format!("{} from group {} at {} ms", fixture.name, from.run.group, from.pts_ms());
    let decoding = decode(join(init, &chunks[start..]));
    assert_eq!(decoding.complaints, "", "{what}");
    let first_us = decoding.pictures.first().or(decoding.packets.first()).unwrap().pts_us;
    assert!(first_us.abs_diff(from.pts_ms() * 1000) <= LONGEST_PACKET_US, "{what} starts at {first_us} µs");
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
        for start in (0..chunks.len()).filter(|&index| chunks[index].run.key()) {
            check_from(&fixture, &recording, &init, &chunks, start);
        }
    }
}

#[test]
fn every_format_has_the_recorded_frames() {
    for fixture in Fixture::all() {
        let recording = decode(fixture.stream());
        let take = Take::parse(&fixture.mime, fixture.segments.iter().cloned().map(Bytes::from));
        for format in [Rendition::WebM, Rendition::Mp4] {
            let Ok(muxer) = Muxer::new(format, Arc::clone(&take.tracks)) else { continue };
            let what = format!("{} as {}", fixture.name, muxer.init().mime);
            let decoding = take.decode(format);
            assert_same(&decoding.pictures, &recording.pictures, 0, &what);
            assert_same(&decoding.packets, &recording.packets, 0, &what);
        }
    }
}

#[test]
fn bare_frames_read_back_as_they_are() {
    for fixture in Fixture::all() {
        let take = Take::parse(&fixture.mime, fixture.segments.iter().cloned().map(Bytes::from));
        let muxer = Muxer::new(Rendition::Frames, Arc::clone(&take.tracks)).unwrap();
        assert_eq!(frames::read_init(&muxer.init().data).unwrap(), take.tracks[..], "{}", fixture.name);
        for run in &take.runs {
            let mut chunk = BytesMut::new();
            muxer.write_chunk(run, &mut chunk);
            assert_eq!(frames::read_chunk(take.tracks.len(), chunk.freeze()).unwrap(), run.frames);
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
