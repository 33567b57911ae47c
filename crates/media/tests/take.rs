//! What comes out of real recordings: named chunks that a player can start from at every group, the same wherever and by
//! whomever they are made.

mod common;

use std::collections::HashMap;

use common::{Chunk, Fixture, demux, repackage};
use media::{Codec, Error, Init, Packet, TakeParser};

/// The frames of both tracks from `chunks`, by a demuxer of this crate, as they are compared: time in ms, keyframe.
/// MP4 keeps time in finer units than WebM, and H.264 is rewritten, so neither bytes nor µs are the same.
fn frames_of(init: &Init, chunks: &[Chunk]) -> HashMap<bool, Vec<(u64, bool)>> {
    let pieces: Vec<_> = std::iter::once(&init.data).chain(chunks.iter().map(|chunk| &chunk.data)).collect();
    let (tracks, frames) = demux(&init.mime, &pieces);
    by_kind(&frames, |frame| tracks[frame.track].is_video())
}

fn by_kind(frames: &[Packet], is_video: impl Fn(&Packet) -> bool) -> HashMap<bool, Vec<(u64, bool)>> {
    let mut times = HashMap::from([(true, Vec::new()), (false, Vec::new())]);
    for frame in frames {
        times.entry(is_video(frame)).or_default().push((frame.pts_us / 1000, frame.key));
    }
    times
}

#[test]
fn all_frames_of_a_recording_come_out() {
    for fixture in Fixture::all() {
        let (tracks, recorded) = demux(&fixture.mime, &fixture.segments);
        let recorded = by_kind(&recorded, |frame| tracks[frame.track].is_video());
        let (init, chunks) = repackage(&fixture.mime, &fixture.segments);
        let packaged = frames_of(&init, &chunks);
        for is_video in [true, false] {
            assert_eq!(packaged[&is_video].len(), recorded[&is_video].len(), "{}", fixture.name);
            for (packaged, recorded) in packaged[&is_video].iter().zip(&recorded[&is_video]) {
                assert!(packaged.0.abs_diff(recorded.0) <= 1, "{}: {packaged:?}", fixture.name);
                assert_eq!(packaged.1, recorded.1, "{}: {packaged:?}", fixture.name);
            }
        }
    }
}

#[test]
fn pictures_and_sound_stay_the_same_bytes() {
    for fixture in Fixture::all() {
        let (tracks, recorded) = demux(&fixture.mime, &fixture.segments);
        let (init, chunks) = repackage(&fixture.mime, &fixture.segments);
        let pieces: Vec<_> =
            std::iter::once(init.data).chain(chunks.into_iter().map(|chunk| chunk.data)).collect();
        let (made_tracks, packaged) = demux(&init.mime, &pieces);
        for (track, made) in tracks.iter().enumerate().filter(|(_, track)| track.codec != Codec::H264) {
            let made_track = made_tracks.iter().position(|other| other.codec == made.codec).unwrap();
            let data = |frames: &[Packet], of: usize| -> Vec<_> {
                frames.iter().filter(|frame| frame.track == of).map(|frame| frame.data.clone()).collect()
            };
            assert!(data(&recorded, track) == data(&packaged, made_track), "{}", fixture.name);
        }
    }
}

#[test]
fn every_run_of_chunks_from_a_key_chunk_on_is_a_valid_stream() {
    for fixture in Fixture::all() {
        let (init, chunks) = repackage(&fixture.mime, &fixture.segments);
        let has_video = !frames_of(&init, &chunks)[&true].is_empty();
        for start in (0..chunks.len()).filter(|&at| chunks[at].run.key()) {
            for end in [start + 1, (start + chunks.len()).div_ceil(2), chunks.len()] {
                let frames = frames_of(&init, &chunks[start..end]);
                let apart = chunks[start..end].iter().flat_map(|chunk| {
                    let frames = frames_of(&init, std::slice::from_ref(chunk));
                    [true, false].map(|is_video| frames[&is_video].len())
                });
                let count = frames[&true].len() + frames[&false].len();
                assert_eq!(count, apart.sum::<usize>(), "{}: chunks {start}..{end}", fixture.name);
                let first = frames[&has_video].first().expect("a key chunk has what plays first");
                assert!(first.1, "{}: the first picture from chunk {start} is a keyframe", fixture.name);
            }
        }
    }
}

#[test]
fn names_count_groups_and_frames_without_a_gap() {
    for fixture in Fixture::all() {
        let (_, chunks) = repackage(&fixture.mime, &fixture.segments);
        let runs: Vec<_> = chunks.iter().map(|chunk| &chunk.run).collect();
        assert_eq!((runs[0].group, runs[0].index), (0, 0), "{}", fixture.name);
        for pair in runs.windows(2) {
            let name = (pair[1].group, pair[1].index);
            let follows = name == (pair[0].group, pair[0].index + pair[0].frames.len() as u32);
            let starts = name == (pair[0].group + 1, 0);
            assert!(follows || starts, "{}: {name:?}", fixture.name);
        }
    }
}

#[test]
fn a_group_starts_at_every_keyframe() {
    for fixture in Fixture::all() {
        let (tracks, recorded) = demux(&fixture.mime, &fixture.segments);
        let keyframes = recorded.iter().filter(|frame| tracks[frame.track].is_video() && frame.key).count();
        if keyframes > 0 {
            let (_, chunks) = repackage(&fixture.mime, &fixture.segments);
            assert_eq!(chunks.iter().filter(|chunk| chunk.run.key()).count(), keyframes, "{}", fixture.name);
        }
    }
}

#[test]
fn sound_alone_can_be_joined_every_second() {
    let fixture = Fixture::load("audio-webm-opus-250ms");
    let (_, chunks) = repackage(&fixture.mime, &fixture.segments);
    let starts: Vec<_> =
        chunks.iter().filter(|chunk| chunk.run.key()).map(|chunk| chunk.pts_ms() / 1000).collect();
    assert_eq!(starts, [0, 1, 2, 3]);
}

#[test]
fn mime_is_what_players_accept_for_what_comes_out() {
    for (name, mime) in [
        ("audio-webm-opus-250ms", "audio/webm;codecs=\"opus\""),
        ("mkv-h264-opus-250ms", "video/mp4;codecs=\"avc1.42c020,opus\""),
        ("mp4-avc1-opus-250ms", "video/mp4;codecs=\"avc1.42c020,opus\""),
        ("webm-av1-opus-250ms-key2s", "video/webm;codecs=\"av01.0.09M.08,opus\""),
        ("webm-vp8-opus-100ms", "video/webm;codecs=\"vp8,opus\""),
        ("webm-vp9-opus-250ms", "video/webm;codecs=\"vp9,opus\""),
    ] {
        let fixture = Fixture::load(name);
        assert_eq!(repackage(&fixture.mime, &fixture.segments).0.mime, mime, "{name}");
    }
}

#[test]
fn every_segment_of_a_recording_can_be_resumed_after_with_the_same_chunks() {
    for fixture in Fixture::all() {
        let mut first = TakeParser::new(&fixture.mime).unwrap();
        let mut points = Vec::new();
        let mut outputs = Vec::new();
        for segment in &fixture.segments {
            outputs.push(first.push_segment(segment.clone()).unwrap());
            points.push((first.resume_point(), first.tracks(), first.newest_pts_ms()));
        }
        for (at, (point, tracks, newest_pts_ms)) in points.into_iter().enumerate() {
            let point =
                point.unwrap_or_else(|| panic!("{}: no resume point after segment {at}", fixture.name));
            assert!(point.len() <= 8 << 10, "{}: {} bytes", fixture.name, point.len());
            let mut second = TakeParser::resume(&fixture.mime, &point).unwrap();
            assert_eq!(second.tracks(), tracks, "{} after segment {at}", fixture.name);
            assert_eq!(second.newest_pts_ms(), newest_pts_ms, "{} after segment {at}", fixture.name);
            for (segment, expected) in fixture.segments.iter().zip(&outputs).skip(at + 1) {
                let resumed = second.push_segment(segment.clone()).unwrap();
                assert!(resumed == *expected, "{} after segment {at}", fixture.name);
            }
        }
    }
}

#[test]
fn resume_point_of_one_take_is_refused_by_another_container() {
    let fixture = Fixture::load("webm-vp9-opus-250ms");
    let mut parser = TakeParser::new(&fixture.mime).unwrap();
    for segment in &fixture.segments[..2] {
        parser.push_segment(segment.clone()).unwrap();
    }
    let point = parser.resume_point().unwrap();
    assert!(TakeParser::resume(&fixture.mime, &point).is_ok());
    let refused = TakeParser::resume("video/mp4;codecs=avc1,opus", &point).unwrap_err();
    assert_eq!(refused, Error::InvalidResume);
}

#[test]
fn an_error_stays() {
    let mut parser = TakeParser::new("video/webm").unwrap();
    let error = parser.push_segment(&b"GET / HTTP/1.1"[..]).unwrap_err();
    assert_eq!(parser.push_segment(Fixture::load("webm-vp9-opus-250ms").stream()), Err(error));
    assert_eq!(parser.resume_point(), None);
}
