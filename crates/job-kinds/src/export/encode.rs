//! Exports that `ffmpeg` encodes.
//!
//! Takes that join are one run of the program. Where the item has several such runs, each becomes a file with the same codecs and size,
//! and a last run of the program puts them one after another.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Read,
    ops::Range,
    path::Path,
};

use bytes::Bytes;
use protocol::{
    export::{end_ms, is_sound},
    item::{Blob, Fragment, Manifest},
    job::{Export, ExportQuality, Output},
};

use super::{
    arguments::{Encoding, Lack},
    clip, file_type,
};
use crate::{
    Failed, Tools,
    ffmpeg::{self, Run},
    item::{self, Media},
    pieces::Pieces,
};

/// The file that is made, and the list of what it is joined from. Names are fixed: nothing from outside becomes one.
const FILE: &str = "export";
const LIST: &str = "parts";
/// Most parts with different codecs.
const MAX_PARTS: usize = 50;
/// How much larger than the item a file may be, and what a second of it may take: that of FLAC.
const TIMES_LARGER: u64 = 2;
const BYTES_PER_S: u64 = 400_000;
const LEAST_BYTES: u64 = 64 << 20;

pub(super) fn run(export: &Export, manifest: &Manifest, tools: &Tools<'_>) -> Result<Output, Failed> {
    let format = export.params.format.ok_or_else(|| Failed::for_good("an export needs a format"))?;
    let clip = clip(&export.params);
    let mut parts = parts(manifest, &clip, tools)?;
    let has_video = !is_sound(format) && parts.iter().any(Media::has_pictures);
    if !has_video {
        parts.retain(Media::has_sound);
    }
    if parts.is_empty() {
        return Err(Failed::for_good("the clip has no sound"));
    }
    let has_sound = parts.iter().any(Media::has_sound);
    let bytes = parts.iter().map(Media::bytes).fold(0, u64::saturating_add);
    let media_ms = parts.iter().map(Media::length_ms).fold(1, u64::saturating_add);
    let is_one = parts.len() == 1;
    let encoding = Encoding {
        format,
        has_video,
        quality: export.params.quality.unwrap_or(ExportQuality::High),
        bits_per_s: bytes.saturating_mul(8000) / media_ms,
        joined: (!is_one).then(|| size(&parts)),
        lacks: None,
        skip_ms: 0,
        length_ms: None,
    };
    let max_bytes = BYTES_PER_S
        .saturating_mul(media_ms / 1000)
        .saturating_add(bytes.saturating_mul(TIMES_LARGER))
        .saturating_add(LEAST_BYTES);
    // All parts are there while they are joined.
    let max_bytes = if is_one { max_bytes } else { max_bytes.saturating_mul(2) };
    let share = if is_one { 0.95 } else { 0.9 / parts.len() as f32 };
    for (number, media) in parts.iter().enumerate() {
        let lacks = match has_video && !is_one {
            true if !media.has_pictures() => Some(Lack::Pictures),
            true if has_sound && !media.has_sound() => Some(Lack::Sound),
            _ => None,
        };
        let encoding = Encoding {
            skip_ms: clip.start.saturating_sub(media.begins_ms),
            length_ms: (lacks.is_some() || clip.end < media.ends_ms)
                .then(|| clip.end.min(media.ends_ms).saturating_sub(clip.start.max(media.begins_ms))),
            lacks,
            ..encoding
        };
        let mut arguments = ffmpeg::input(&media.container)?;
        arguments.extend(encoding.arguments());
        if is_one {
            arguments.extend(words(export));
        }
        arguments.push(file_option(if is_one { FILE.into() } else { part_name(number) }));
        let progress = share * number as f32..share * (number + 1) as f32;
        let output_ms = encoding.length_ms.unwrap_or(media.length_ms());
        Run { arguments, media: Some(media), max_bytes, output_ms, progress }.run(tools)?;
    }
    if !is_one {
        join(export, &encoding, parts.len(), max_bytes, tools)?;
    }
    let (blobs, bytes) = store(&tools.scratch.join(FILE), tools)?;
    let (extension, mime) = file_type(format, has_video);
    Ok(Output::File { extension: extension.into(), mime: mime.into(), blobs, bytes })
}

/// Width and height of the first pictures.
fn size(parts: &[Media]) -> (u32, u32) {
    parts.iter().map(Media::size).find(|&size| size != (0, 0)).unwrap_or_default()
}

/// The runs of takes that join, as far as they overlap the clip.
fn parts(manifest: &Manifest, clip: &Range<u64>, tools: &Tools<'_>) -> Result<Vec<Media>, Failed> {
    let runs = item::runs(manifest);
    let overlaps = |fragment: &Fragment| fragment.start_ms < clip.end && end_ms(fragment) > clip.start;
    let parts = runs.iter().map(|takes| Media::of_fragments(takes, overlaps, tools));
    let parts: Vec<_> = parts.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    match parts.len() {
        0 => Err(Failed::for_good("the clip has no media")),
        1..=MAX_PARTS => Ok(parts),
        count => Err(Failed::for_good(format!("the item has {count} parts with different codecs"))),
    }
}

/// Puts the encoded parts one after another.
fn join(
    export: &Export,
    encoding: &Encoding,
    parts: usize,
    max_bytes: u64,
    tools: &Tools<'_>,
) -> Result<(), Failed> {
    let list: String = (0..parts).map(|number| format!("file {}\n", part_name(number))).collect();
    fs::write(tools.scratch.join(LIST), list).map_err(|error| Failed::again(error.to_string()))?;
    let fixed = format!(
        "-protocol_whitelist file -f concat -i file:{LIST} -map 0 {} -map_metadata -1 {}",
        encoding.joining(),
        encoding.container()
    );
    let mut arguments: Vec<OsString> = fixed.split(' ').map(OsString::from).collect();
    arguments.extend(words(export));
    arguments.push(file_option(FILE.into()));
    Run { arguments, media: None, max_bytes, output_ms: 1, progress: 0.9..0.95 }.run(tools)
}

fn part_name(number: usize) -> String {
    format!("part{number}")
}

fn file_option(name: String) -> OsString {
    format!("file:{name}").into()
}

/// Title and artist: values of an option, whatever they are.
fn words(export: &Export) -> Vec<OsString> {
    let words = [("title", Some(&export.title)), ("artist", export.artist.as_ref())];
    let option = |(name, text): (&str, &String)| {
        // A zero byte would end the argument.
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        [OsString::from("-metadata"), format!("{name}={text}").into()]
    };
    words.into_iter().filter_map(|(name, text)| Some((name, text?))).flat_map(option).collect()
}

/// Stores a file in pieces.
fn store(path: &Path, tools: &Tools<'_>) -> Result<(Blob, u64), Failed> {
    let unreadable =
        |error: std::io::Error| Failed::again(format!("what ffmpeg made cannot be read: {error}"));
    let mut file = File::open(path).map_err(unreadable)?;
    let all = file.metadata().map_err(unreadable)?.len();
    if all == 0 {
        return Err(Failed::for_good("ffmpeg made an empty file"));
    }
    let (mut pieces, mut piece, mut done) = (Pieces::new(tools), vec![0; 1 << 20], 0_u64);
    loop {
        let read = file.read(&mut piece).map_err(unreadable)?;
        if read == 0 {
            return pieces.finish(Bytes::new());
        }
        pieces.push(&piece[..read])?;
        done += read as u64;
        tools.report.progress(0.95 + 0.05 * done as f32 / all as f32)?;
    }
}
