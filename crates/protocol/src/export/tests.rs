//! Pins which exports copy frames.

use super::*;
use crate::{
    ItemId,
    item::{Alternative, Blob, ManifestTake},
    job::ExportQuality,
};

use ExportFormat::{Flac, Mkv, Mp3, Mp4, Opus, Webm};

fn blob(name: char) -> Blob {
    Blob { hash: name.to_string().repeat(64), bytes: 1 }
}

/// Ten seconds from `start_ms` on.
fn take(mime: &str, init: char, start_ms: u64) -> ManifestTake {
    let fragments = vec![Fragment { blob: blob('f'), start_ms, duration_ms: 10_000 }];
    ManifestTake {
        mime: mime.into(),
        init: Some(blob(init)),
        fragments,
        offset_ms: 0,
        alternatives: Vec::new(),
    }
}

fn manifest(takes: Vec<ManifestTake>) -> Manifest {
    let item_id = "00000000000000000000000000000001".parse::<ItemId>().unwrap();
    Manifest { item_id, is_growing: false, takes }
}

fn params(format: ExportFormat) -> Params {
    Params { format: Some(format), ..Params::default() }
}

#[test]
fn frames_are_copied_where_the_container_holds_the_codecs() {
    let needed_by = |mime: &str| {
        let item = manifest(vec![take(mime, 'a', 0)]);
        let formats = [Mp4, Webm, Mkv, Mp3, Flac, Opus];
        formats
            .into_iter()
            .filter(|&format| needs_ffmpeg(&item, &params(format)) == Ok(true))
            .collect::<Vec<_>>()
    };
    assert_eq!(needed_by("video/webm;codecs=\"vp8,opus\""), [Mp4, Mp3, Flac]);
    assert_eq!(needed_by("video/webm;codecs=\"vp9,opus\""), [Mp3, Flac]);
    assert_eq!(needed_by("video/mp4;codecs=\"avc1.42001e,mp4a.40.2\""), [Webm, Mp3, Flac, Opus]);
    assert_eq!(needed_by("audio/mp4;codecs=\"mp3\""), [Webm, Flac, Opus]);
    assert_eq!(needed_by("audio/mp4;codecs=\"flac\""), [Webm, Mp3, Opus]);
    assert_eq!(needed_by("audio/webm;codecs=\"vorbis\""), [Mp4, Mp3, Flac, Opus]);
    assert_eq!(needed_by("video/webm;codecs=\"theora,opus\""), [Mp4, Webm, Mkv, Mp3, Flac, Opus]);
    assert_eq!(needed_by("video/webm"), [Mp4, Webm, Mkv, Mp3, Flac, Opus], "nothing is known of it");
}

#[test]
fn an_alternative_is_copied_too() {
    let mut song = take("audio/mp4;codecs=\"flac\"", 'a', 0);
    let mime = "audio/webm;codecs=\"opus\"".to_owned();
    song.alternatives = vec![Alternative { mime, init: Some(blob('o')), fragments: song.fragments.clone() }];
    let item = manifest(vec![song]);
    for format in [Flac, Opus, Webm, Mp4, Mkv] {
        assert_eq!(needs_ffmpeg(&item, &params(format)), Ok(false), "{format:?}");
    }
    assert_eq!(copied(&item, &params(Opus)).unwrap()[0].1.mime, "audio/webm;codecs=\"opus\"");
    assert_eq!(copied(&item, &params(Mp4)).unwrap()[0].1.mime, "audio/mp4;codecs=\"flac\"");
}

#[test]
fn another_quality_is_encoded() {
    let item = manifest(vec![take("video/webm;codecs=\"vp9,opus\"", 'a', 0)]);
    for quality in [ExportQuality::High, ExportQuality::Small] {
        let params = Params { quality: Some(quality), ..params(Webm) };
        assert_eq!(needs_ffmpeg(&item, &params), Ok(true));
    }
}

#[test]
fn takes_that_do_not_fit_in_one_file_are_encoded() {
    let both = |mime: &str, first: char, second: char| {
        let item = manifest(vec![take(mime, first, 0), take(mime, second, 10_000)]);
        needs_ffmpeg(&item, &params(Mkv))
    };
    assert_eq!(both("video/webm;codecs=\"vp9,opus\"", 'a', 'b'), Ok(false), "frames set decoders up");
    assert_eq!(both("video/mp4;codecs=\"avc1.42001e\"", 'a', 'a'), Ok(false));
    assert_eq!(both("video/mp4;codecs=\"avc1.42001e\"", 'a', 'b'), Ok(true));
}

#[test]
fn flac_is_copied_as_a_whole_only() {
    let song = |start_ms| take("audio/mp4;codecs=\"flac\"", 'a', start_ms);
    let clip = Params { from_ms: Some(1000), ..params(Flac) };
    assert_eq!(needs_ffmpeg(&manifest(vec![song(0)]), &clip), Ok(true));
    assert_eq!(needs_ffmpeg(&manifest(vec![song(0), song(10_000)]), &params(Flac)), Ok(true));
    assert_eq!(
        needs_ffmpeg(&manifest(vec![song(0)]), &Params { from_ms: Some(1000), ..params(Mp4) }),
        Ok(false)
    );
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let item = manifest(vec![take("video/webm;codecs=\"vp9\"", 'a', 0)]);
    let clip = |from_ms, to_ms| Params { from_ms, to_ms, ..params(Webm) };
    assert_eq!(needs_ffmpeg(&item, &Params::default()), Err(Invalid::NoFormat));
    assert_eq!(needs_ffmpeg(&item, &clip(Some(10_000), None)), Err(Invalid::EmptyClip));
    assert_eq!(needs_ffmpeg(&item, &clip(Some(5), Some(5))), Err(Invalid::EmptyClip));
    assert_eq!(needs_ffmpeg(&item, &clip(None, Some(0))), Err(Invalid::EmptyClip));
    assert_eq!(needs_ffmpeg(&item, &clip(Some(9_999), Some(u64::MAX))), Ok(false));
    assert_eq!(needs_ffmpeg(&item, &params(Mp3)), Err(Invalid::NoSound));
    assert_eq!(needs_ffmpeg(&manifest(Vec::new()), &params(Mp4)), Err(Invalid::NoMedia));
}
