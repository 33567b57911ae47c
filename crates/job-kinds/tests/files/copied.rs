//! Exports that copy frames, on a worker without `ffmpeg`.

use protocol::{
    item::Manifest,
    job::{
        ExportFormat::{Flac, Mkv, Mp3, Mp4, Opus, Webm},
        Failure,
    },
};

use super::item::{H264, PICTURES, SOUND, VP8, World, clip, packets, params, times_s};

/// Twelve seconds of VP8 and Opus, a keyframe every two.
fn film(world: &World) -> Manifest {
    world.item("film.webm", &format!("{PICTURES}12 {SOUND}12 {VP8}"))
}

/// The same of H.264, with pictures out of order, and AAC.
fn other_film(world: &World) -> Manifest {
    world.item("film.mp4", &format!("{PICTURES}12 {SOUND}12 {H264}"))
}

#[test]
fn every_frame_of_a_video_is_in_each_container_that_holds_it() {
    let world = World::plain();
    for (item, name, formats) in [
        (film(&world), "film.webm", [(Webm, "video/webm", "webm"), (Mkv, "video/x-matroska", "mkv")]),
        (other_film(&world), "film.mp4", [(Mp4, "video/mp4", "mp4"), (Mkv, "video/x-matroska", "mkv")]),
    ] {
        let original = world.folder.path().join(name);
        for (format, mime, extension) in formats {
            let file = world.export(&item, params(format)).unwrap();
            assert_eq!((&*file.mime, file.path.extension().unwrap().to_str()), (mime, Some(extension)));
            for kind in ["v", "a"] {
                let (found, wanted) = (file.packets(kind), packets(&original, kind));
                assert!(found == wanted, "{name} in {format:?}, {kind}: {} of {}", found.len(), wanted.len());
            }
            assert!((file.duration_s() - 12.0).abs() < 0.2, "{format:?}: {}", file.duration_s());
            file.decodes();
        }
    }
    assert!(world.reports.told_progress());
}

#[test]
fn pictures_and_sound_stay_in_step_in_another_container() {
    let world = World::plain();
    let item = other_film(&world);
    let file = world.export(&item, params(Mkv)).unwrap();
    let original = world.folder.path().join("film.mp4");
    let apart = |video: &[f64], sound: &[f64]| video[0] - sound.iter().find(|&&time| time > 1.0).unwrap();
    let before = apart(&times_s(&original, "v"), &times_s(&original, "a"));
    let after = apart(&file.times_s("v"), &file.times_s("a"));
    assert!((before - after).abs() < 0.025, "{before} and {after}");
}

#[test]
fn the_sound_of_a_video_is_a_file_of_its_own() {
    let world = World::plain();
    let item = film(&world);
    let file = world.export(&item, params(Opus)).unwrap();
    assert_eq!(file.mime, "audio/ogg");
    assert_eq!(file.packets("a"), packets(&world.folder.path().join("film.webm"), "a"));
    assert!(file.has("codec_name=opus") && file.has("TAG:title=A title") && file.has("TAG:artist=An artist"));
    assert!((file.duration_s() - 12.0).abs() < 0.1, "{}", file.duration_s());
    file.decodes();
}

#[test]
fn songs_are_copied_with_title_and_artist() {
    let world = World::plain();
    for (name, arguments, format, codec) in [
        ("song.mp3", "-c:a libmp3lame -b:a 64k", Mp3, "mp3"),
        ("song.flac", "-c:a flac", Flac, "flac"),
        ("song.opus", "-c:a libopus -b:a 48k", Opus, "opus"),
    ] {
        let item = world.item(name, &format!("{SOUND}12 {arguments}"));
        let file = world.export(&item, params(format)).unwrap();
        assert!(
            file.has(&format!("codec_name={codec}")) && file.has("TAG:title=A title"),
            "{}",
            file.probed()
        );
        let original = packets(&world.folder.path().join(name), "a");
        assert!(file.packets("a") == original, "{codec}");
        assert!((file.duration_s() - 12.0).abs() < 0.1, "{codec}: {}", file.duration_s());
        file.decodes();
    }
}

#[test]
fn a_clip_begins_with_the_keyframe_before_it() {
    let world = World::plain();
    let mut twenty = world.item("long.webm", &format!("{PICTURES}26 {SOUND}26 {VP8}"));
    let other = world.item("long.mp4", &format!("{PICTURES}26 {SOUND}26 {H264}"));
    for (item, format) in [(&twenty, Webm), (&twenty, Mkv), (&other, Mp4), (&other, Mkv)] {
        // A keyframe every two seconds.
        for (from_ms, begins_s) in [(15_900, 14.0), (13_900, 12.0)] {
            let file = world.export(item, clip(format, from_ms, from_ms + 4_000)).unwrap();
            let end_s = (from_ms + 4_000) as f64 / 1000.0;
            let times = file.times_s("v");
            let length_s = times.last().unwrap() - times[0] + 1.0 / 12.0;
            let wanted_s = end_s - begins_s;
            assert!(
                (length_s - wanted_s).abs() < 0.3,
                "{format:?} from {from_ms}: {length_s}, not {wanted_s}"
            );
            let sound = file.times_s("a");
            assert!(
                (sound[0] - times[0]).abs() < 0.06,
                "{format:?} from {from_ms}: sound begins with the picture"
            );
            let of_sound = sound.last().unwrap() - sound[0];
            assert!((of_sound - wanted_s).abs() < 0.1, "{format:?} from {from_ms}: {of_sound} of sound");
            file.decodes();
        }
    }
    // In MP4, times of pictures are later by what decoders need first; they are shown at the begin of a second all the same.
    let file = world.export(&other, clip(Mp4, 14_000, 18_000)).unwrap();
    assert!((file.duration_s() - 4.0).abs() < 0.2, "{}", file.duration_s());
    // A clip reads its own fragments alone.
    let last = twenty.takes[0].fragments.pop().unwrap();
    world.blobs.remove(&last.blob);
    twenty.takes[0].fragments.push(last);
    world.export(&twenty, clip(Webm, 1_000, 5_000)).unwrap();
    let failed = world.export(&twenty, clip(Webm, 1_000, 25_000)).unwrap_err();
    assert_eq!(failed.failure, Failure::InputGone);
}

#[test]
fn takes_that_join_are_one_file() {
    let world = World::plain();
    let mut item = film(&world);
    let mut second = item.takes[0].clone();
    // Some ms after the first one, as after a recorder began again.
    second.offset_ms = 12_100;
    second.fragments.iter_mut().for_each(|fragment| fragment.start_ms += 12_100);
    item.takes.push(second);
    for format in [Webm, Mkv, Opus] {
        let file = world.export(&item, params(format)).unwrap();
        assert!((file.duration_s() - 24.1).abs() < 0.3, "{format:?}: {}", file.duration_s());
        file.decodes();
    }
    let file = world.export(&item, clip(Mkv, 11_000, 15_000)).unwrap();
    assert!((file.duration_s() - 5.0).abs() < 0.3, "over the seam: {}", file.duration_s());
}

#[test]
fn the_same_export_is_the_same_bytes() {
    let world = World::plain();
    let item = film(&world);
    for format in [Webm, Mkv, Opus] {
        let twice = [(); 2].map(|()| world.export(&item, params(format)).unwrap().blobs);
        assert_eq!(twice[0], twice[1]);
    }
}

#[test]
fn a_cancelled_export_is_handed_back() {
    let mut world = World::plain();
    let item = film(&world);
    for (reports, format) in [(0, Webm), (0, Mkv), (1, Mkv)] {
        world.reports = super::item::Reports::new(reports);
        assert_eq!(world.export(&item, params(format)).unwrap_err().failure, Failure::HandedBack);
    }
}

#[test]
fn hostile_fragments_fail_for_good() {
    let world = World::plain();
    let item = film(&world);
    let fragment = &item.takes[0].fragments[0].blob;
    let size = usize::try_from(fragment.bytes).unwrap();
    let good = job_kinds::Blobs::get(&world.blobs, fragment).unwrap();
    let mut torn = good.to_vec();
    torn[size / 2..].fill(0xff);
    let playlist = [&b"#EXTM3U\nfile:///etc/passwd\n"[..], &vec![b'\n'; size]].concat();
    for hostile in [torn, vec![0; size], vec![0xff; size], playlist[..size].to_vec()] {
        world.blobs.replace(fragment, hostile.into());
        let failed = world.export(&item, params(Mkv)).unwrap_err();
        assert_eq!(failed.failure, Failure::ForGood, "{}", failed.reason);
    }
    world.blobs.replace(fragment, good.slice(..size - 1));
    for format in [Webm, Mkv] {
        let failed = world.export(&item, params(format)).unwrap_err();
        assert_eq!(failed.failure, Failure::ForGood, "of another size: {}", failed.reason);
    }
    world.blobs.remove(fragment);
    for format in [Webm, Mkv] {
        let failed = world.export(&item, params(format)).unwrap_err();
        assert_eq!(failed.failure, Failure::InputGone, "{}", failed.reason);
    }
}
