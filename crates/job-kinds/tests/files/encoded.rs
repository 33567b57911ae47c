//! Exports that `ffmpeg` encodes.

use std::{fs, os::unix::fs::PermissionsExt};

use protocol::{
    item::{Manifest, ManifestTake},
    job::{
        ExportFormat::{self, Flac, Mkv, Mp3, Mp4, Opus, Webm},
        ExportQuality::{High, Small},
        Failure, Params,
    },
};

use super::item::{H264, PICTURES, Reports, SOUND, VP8, World, clip, params};

/// Fourteen seconds, in two fragments.
fn film(world: &World) -> Manifest {
    world.item("film.webm", &format!("{PICTURES}14 {SOUND}14 {VP8}"))
}

fn quality(format: ExportFormat, quality: protocol::job::ExportQuality) -> Params {
    Params { quality: Some(quality), ..params(format) }
}

#[test]
fn a_video_gets_the_codecs_of_its_container() {
    let world = World::with_ffmpeg();
    let item = film(&world);
    for (params, video, sound) in [
        (params(Mp4), "h264", "aac"),
        (quality(Mkv, High), "h264", "opus"),
        (quality(Webm, High), "vp9", "opus"),
    ] {
        let file = world.export(&item, params).unwrap();
        for line in [&format!("codec_name={video}"), &format!("codec_name={sound}"), "TAG:title=A title"] {
            assert!(file.has(line), "{line}: {}", file.probed());
        }
        assert!((file.duration_s() - 14.0).abs() < 0.2, "{}", file.duration_s());
        assert_eq!(file.packets("v").len(), 14 * 12);
        file.decodes();
    }
}

#[test]
fn sound_becomes_a_file_of_its_own() {
    let world = World::with_ffmpeg();
    let items = [film(&world), world.item("song.mp3", &format!("{SOUND}14 -c:a libmp3lame -b:a 64k"))];
    for item in items {
        for (format, codec) in [(Mp3, "mp3"), (Flac, "flac"), (Opus, "opus")] {
            let file = world.export(&item, params(format)).unwrap();
            assert!(file.has(&format!("codec_name={codec}")) && !file.has("codec_type=video"));
            assert!((file.duration_s() - 14.0).abs() < 0.15, "{codec}: {}", file.duration_s());
        }
    }
}

#[test]
fn a_small_file_has_at_most_720_lines_and_about_a_third_of_the_bytes() {
    let world = World::with_ffmpeg();
    let noise = "-f lavfi -i testsrc2=s=1280x960:r=12:d=6,noise=alls=20:allf=t";
    let item = world.item("large.mp4", &format!("{noise} {SOUND}6 {H264} -b:v 3M"));
    let bytes: u64 = item.takes[0].fragments.iter().map(|fragment| fragment.blob.bytes).sum();
    let file = world.export(&item, quality(Mp4, Small)).unwrap();
    assert!(file.has("height=720") && file.has("width=960"), "{}", file.probed());
    let part = file.content.len() as f64 / bytes as f64;
    assert!((0.1..0.4).contains(&part), "{part} of the item");
}

#[test]
fn an_encoded_clip_is_exact() {
    let world = World::with_ffmpeg();
    let item = film(&world);
    // Within the second fragment, and over the seam of both.
    for (from_ms, to_ms) in [(12_730, 13_480), (9_100, 12_000)] {
        let params = Params { quality: Some(High), ..clip(Mp4, from_ms, to_ms) };
        let file = world.export(&item, params).unwrap();
        let wanted_s = (to_ms - from_ms) as f64 / 1000.0;
        assert!((file.duration_s() - wanted_s).abs() < 0.1, "{} of {wanted_s}", file.duration_s());
        file.decodes();
    }
    let file = world.export(&item, clip(Flac, 12_730, 13_480)).unwrap();
    assert!((file.duration_s() - 0.75).abs() < 0.03, "{}", file.duration_s());
}

#[test]
fn parts_with_other_codecs_and_sizes_become_one_file() {
    let world = World::with_ffmpeg();
    let mut item = world.item("first.webm", &format!("{PICTURES}4 {SOUND}4 {VP8}"));
    let wide = "-f lavfi -i testsrc2=s=320x120:r=12:d=3";
    item.takes.push(later(world.take(&world.file("second.mp4", &format!("{wide} {SOUND}3 {H264}")))));
    for (params, length_s) in [(params(Mp4), 7.0), (clip(Webm, 3_000, 5_100), 2.0), (params(Mp3), 7.0)] {
        let file = world.export(&item, params).unwrap();
        assert!((file.duration_s() - length_s).abs() < 0.3, "{} of {length_s}", file.duration_s());
        file.decodes();
        let has_video = file.has("codec_type=video");
        assert!(!has_video || file.has("width=160") && file.has("height=120"), "{}", file.probed());
        assert!(file.has("TAG:title=A title"));
    }
}

/// Moves a take to 4.1 s of its item.
fn later(mut take: ManifestTake) -> ManifestTake {
    take.offset_ms = 4_100;
    take.fragments.iter_mut().for_each(|fragment| fragment.start_ms += 4_100);
    take
}

#[test]
fn parts_without_sound_or_pictures_lose_nothing_of_the_others() {
    let world = World::with_ffmpeg();
    let mute = world.item("mute.webm", &format!("{PICTURES}4 -an {VP8}"));
    let mut blind = world.item("blind.webm", &format!("{SOUND}4 -c:a libopus"));
    blind.takes[0].mime = "video/webm; codecs=\"opus\"".into();
    let film = later(world.take(&world.file("film.mp4", &format!("{PICTURES}3 {SOUND}3 {H264}"))));
    // The first part is silent or black, but files of sound leave out what has none.
    for (mut item, params, length_s) in [
        (mute.clone(), params(Mp4), 7.0),
        (mute.clone(), clip(Webm, 3_000, 6_100), 3.0),
        (mute, params(Mp3), 3.0),
        (blind.clone(), params(Mp4), 7.0),
        (blind, params(Mp3), 7.0),
    ] {
        item.takes.push(film.clone());
        let file = world.export(&item, params.clone()).unwrap();
        assert!((file.duration_s() - length_s).abs() < 0.3, "{params:?}: {}", file.probed());
        file.decodes();
        let sound_s = *file.times_s("a").last().unwrap();
        assert!((sound_s - length_s).abs() < 0.3, "{params:?}: {sound_s} s of sound");
        if params.format != Some(Mp3) {
            assert!(file.has("width=160") && file.has("height=120"), "{}", file.probed());
            let pictures_s = *file.times_s("v").last().unwrap();
            assert!((pictures_s - length_s).abs() < 0.3, "{params:?}: {pictures_s} s of pictures");
        }
    }
}

#[test]
fn parts_of_a_flac_have_one_header() {
    let world = World::with_ffmpeg();
    let mono = "-f lavfi -i aevalsrc=sin(300*t)*0.4:s=44100:d=4 -c:a flac";
    let mut item = world.item("mono.flac", mono);
    item.takes.push(later(world.take(&world.file("stereo.webm", &format!("{SOUND}3 -c:a libopus")))));
    let file = world.export(&item, params(Flac)).unwrap();
    assert!((file.duration_s() - 7.0).abs() < 0.1, "{}", file.probed());
    assert!(file.has("channels=2"), "{}", file.probed());
    file.decodes();
}

#[test]
fn holes_are_silent_in_files_of_sound() {
    let world = World::with_ffmpeg();
    let mut item = world.item("holes.webm", &format!("{SOUND}2 -c:a libopus"));
    item.takes.push(later(item.takes[0].clone()));
    for format in [Mp3, Flac] {
        let file = world.export(&item, params(format)).unwrap();
        assert!((file.duration_s() - 6.1).abs() < 0.1, "{}", file.probed());
    }
}

#[test]
fn the_same_export_is_the_same_bytes() {
    let world = World::with_ffmpeg();
    let item = film(&world);
    for params in [clip(Mp4, 0, 3_000), clip(Mp3, 0, 3_000), quality(Mkv, Small)] {
        let twice = [(); 2].map(|()| world.export(&item, params.clone()).unwrap().blobs);
        assert_eq!(twice[0], twice[1], "{params:?}");
    }
    assert!(world.reports.told_progress());
}

#[test]
fn a_cancelled_run_ends_ffmpeg() {
    let mut world = World::plain();
    let item = film(&world);
    // It would run for ever, and its output pipes stay open as long as it does: the task ends only if it ends.
    world.ffmpeg = Some(program(&world, "while :; do :; done"));
    for reports in [0, 2] {
        world.reports = Reports::new(reports);
        let failed = world.export(&item, params(Mp4)).unwrap_err();
        assert_eq!(failed.failure, Failure::HandedBack);
    }
}

#[test]
fn a_worker_without_ffmpeg_leaves_the_task_to_others() {
    let mut world = World::plain();
    let item = film(&world);
    assert_eq!(world.export(&item, params(Mp4)).unwrap_err().failure, Failure::Again);
    world.ffmpeg = Some(world.folder.path().join("no such program"));
    let failed = world.export(&item, params(Mp4)).unwrap_err();
    assert_eq!(failed.failure, Failure::Again, "{}", failed.reason);
}

#[test]
fn what_ffmpeg_says_last_is_the_reason() {
    let mut world = World::plain();
    let item = film(&world);
    for (script, failure, reason) in [
        ("echo one >&2; echo 'it is broken' >&2; exit 1", Failure::ForGood, "it is broken"),
        ("echo 'av_interleaved: No space left on device' >&2; exit 1", Failure::Again, "No space left"),
        ("echo 'a filter: Cannot allocate memory' >&2; exit 1", Failure::ForGood, "Cannot allocate"),
        ("kill -9 $$", Failure::Again, "signal: 9"),
        ("exit 0", Failure::Again, "cannot be read"),
        ("head -c 100000 /dev/zero >&2; echo >&2; echo end >&2; exit 3", Failure::ForGood, "end"),
    ] {
        world.ffmpeg = Some(program(&world, script));
        let failed = world.export(&item, params(Mp4)).unwrap_err();
        assert_eq!(failed.failure, failure, "{}", failed.reason);
        assert!(failed.reason.contains(reason), "{}", failed.reason);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_memory_of_the_program_is_limited() {
    let mut world = World::plain();
    let item = film(&world);
    // The limit is set while it starts.
    let wait = "n=0; while [ $(ulimit -v) = unlimited ] && [ $n -lt 100000 ]; do n=$((n + 1)); done";
    world.ffmpeg = Some(program(&world, &format!("{wait}; ulimit -v > export")));
    let file = world.export(&item, params(Mp4)).unwrap();
    assert_eq!(String::from_utf8(file.content).unwrap().trim(), (8 << 20).to_string(), "KiB");
}

#[test]
fn a_file_beyond_the_bound_ends_the_run() {
    let mut world = World::plain();
    let item = film(&world);
    world.ffmpeg = Some(program(&world, "truncate -s 200M export; while :; do :; done"));
    let failed = world.export(&item, params(Mp4)).unwrap_err();
    assert_eq!(failed.failure, Failure::ForGood);
    assert!(failed.reason.contains("over the limit"), "{}", failed.reason);
}

#[test]
fn nothing_from_outside_becomes_an_option_or_reaches_the_program() {
    let mut world = World::plain();
    let item = film(&world);
    let script = "printf '%s\\n' \"$@\" > export; env >> export";
    world.ffmpeg = Some(program(&world, script));
    let file = world.export(&item, params(Mp4)).unwrap();
    let said = String::from_utf8(file.content).unwrap();
    let lines: Vec<_> = said.lines().collect();
    let at = lines.iter().position(|line| *line == "title=A title").unwrap();
    assert_eq!(lines[at - 1], "-metadata");
    assert!(lines.windows(2).any(|two| two == ["-protocol_whitelist", "pipe"]));
    assert!(lines.contains(&"-nostdin") && lines.contains(&"-bitexact"));
    assert!(!said.contains("CARGO"), "the environment of the worker has secrets");
}

#[test]
fn hostile_fragments_fail_for_good() {
    let world = World::with_ffmpeg();
    let item = film(&world);
    let fragment = &item.takes[0].init.clone().unwrap();
    let size = usize::try_from(fragment.bytes).unwrap();
    let playlist = [&b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"[..], &vec![b'\n'; size]].concat();
    for hostile in [vec![0; size], playlist[..size].to_vec()] {
        world.blobs.replace(fragment, hostile.into());
        let failed = world.export(&item, params(Mp4)).unwrap_err();
        assert_eq!(failed.failure, Failure::ForGood, "{}", failed.reason);
        assert!(!failed.reason.contains("root:"));
    }
}

/// A program in the place of ffmpeg.
fn program(world: &World, script: &str) -> std::path::PathBuf {
    let path = world.folder.path().join("a-program");
    fs::write(&path, format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}
