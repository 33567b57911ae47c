//! Tags and covers, as programs write them into every format. Needs `ffmpeg`.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{PICTURES, SOUND, encoded, open, path};
use media_file::Tags;

const WORDS: &str = "-metadata title=Tïtle -metadata artist=Ärtist -metadata album=Album -metadata genre=Polka -metadata date=1999-05-06 -metadata track=7/12";

fn words() -> Tags {
    let word = |word: &str| Some(word.to_owned());
    Tags {
        title: word("Tïtle"),
        artist: word("Ärtist"),
        album: word("Album"),
        genre: word("Polka"),
        year: Some(1999),
        track: Some(7),
        cover: None,
    }
}

/// A file with these tags.
fn tagged(name: &str, input: &str, options: &str) -> PathBuf {
    encoded(name, &format!("{input}1 {options} {WORDS}"))
}

fn tags(file: &Path) -> Tags {
    open(file).unwrap().tags().clone()
}

fn cover(name: &str) -> PathBuf {
    encoded(name, &format!("{PICTURES}1 -frames:v 1 -update 1"))
}

#[test]
fn words_are_read_from_every_format() {
    for (name, options) in [
        ("t.mp3", "-c:a libmp3lame"),
        ("t3.mp3", "-c:a libmp3lame -id3v2_version 3"),
        ("t.m4a", "-c:a aac"),
        ("t.flac", "-c:a flac"),
        ("t.ogg", "-c:a libvorbis"),
        ("t.opus", "-c:a libopus"),
        ("t.mka", "-c:a libopus"),
    ] {
        assert_eq!(tags(&tagged(name, SOUND, options)), words(), "{name}");
    }
    let of_wav = tags(&tagged("t.wav", SOUND, ""));
    assert_eq!((of_wav.title, of_wav.artist), (words().title, words().artist));
    let of_webm = tags(&tagged("t.webm", PICTURES, "-c:v libvpx"));
    assert_eq!((of_webm.title, of_webm.artist), (words().title, words().artist));
}

#[test]
fn id3v1_counts_where_there_is_nothing_else() {
    let file = encoded("v1.mp3", &format!("{SOUND}1 -c:a libmp3lame -id3v2_version 0"));
    let mut bytes = fs::read(&file).unwrap();
    let field = |text: &[u8], bytes: usize| [text, &vec![0; bytes - text.len()]].concat();
    let fields = [field(b"TAGTitle", 33), field(b"Artist", 30), field(b"Album", 30), field(b"1999", 4)];
    bytes.extend([fields.concat(), field(b"a comment", 29), vec![7, 12]].concat());
    fs::write(&file, bytes).unwrap();
    let Tags { title, year, track, .. } = tags(&file);
    assert_eq!((title.as_deref(), year, track), (Some("Title"), Some(1999), Some(7)));
}

#[test]
fn covers_are_read_and_typed_by_their_content() {
    let (png, jpeg) = (cover("cover.png"), cover("cover.jpg"));
    for (name, picture, mime, options) in [
        ("c.mp3", &png, "image/png", "-c:a libmp3lame -map 0 -map 1 -c:v copy -disposition:v attached_pic"),
        ("c.m4a", &jpeg, "image/jpeg", "-c:a aac -map 0 -map 1 -c:v copy -disposition:v attached_pic"),
        ("c.flac", &jpeg, "image/jpeg", "-c:a flac -map 0 -map 1 -c:v copy -disposition:v attached_pic"),
    ] {
        let file = encoded(name, &format!("{SOUND}1 -i {} {options}", picture.display()));
        let found = tags(&file).cover.unwrap();
        assert_eq!((found.mime, &found.data[..]), (mime, &fs::read(picture).unwrap()[..]), "{name}");
        assert_eq!(open(&file).unwrap().tracks().len(), 1, "{name}: a cover is no video");
    }
    let attached = format!(
        "-attach {} -metadata:s:t mimetype=image/jpeg -metadata:s:t filename=cover.jpg",
        jpeg.display()
    );
    let file = encoded("c.mkv", &format!("{PICTURES}1 -c:v libx264 -pix_fmt yuv420p {attached}"));
    assert_eq!(&tags(&file).cover.unwrap().data[..], &fs::read(&jpeg).unwrap()[..]);
}

#[test]
fn what_is_no_picture_is_no_cover() {
    // A FLAC picture block: front cover, "image/png", which it is not.
    let body = [&[0, 0, 0, 3, 0, 0, 0, 9][..], b"image/png", &[0; 20], &[0, 0, 0, 4], b"evil"].concat();
    let file = fs::read(tagged("plain.flac", SOUND, "-c:a flac")).unwrap();
    let block = [&[6, 0, 0, body.len() as u8][..], &body].concat();
    // Behind STREAMINFO.
    let with_picture = [&file[..42], &block, &file[42..]].concat();
    let path = path("no-picture.flac");
    fs::write(&path, with_picture).unwrap();
    assert_eq!(tags(&path).cover, None);
}
