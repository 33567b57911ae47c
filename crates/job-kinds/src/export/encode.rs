//! Exports that `ffmpeg` encodes.
//!
//! One call of the program encodes takes that join. If the item has several such parts, each becomes a file with the same codecs and
//! picture size, and a last call concatenates the files.

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
    ffmpeg::{self, Run, unreadable},
    item::{self, Media},
    pieces::Pieces,
};

/// The file that is made. File names are fixed, so no input can choose one.
const FILE: &str = "export";
/// The list of parts that it is joined from.
const LIST: &str = "parts";
/// The most parts with different codecs or sizes.
const MAX_PARTS: usize = 50;
/// A file may have this many times the bytes of the item,
const TIMES_LARGER: u64 = 2;
/// and for each second as many bytes as FLAC may take,
const BYTES_PER_S: u64 = 400_000;
/// and these.
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
    // While parts are joined, the scratch folder holds them and the result.
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
            arguments.extend(tags(export));
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

/// Picture size of the first part that has video; 0 by 0 without video.
fn size(parts: &[Media]) -> (u32, u32) {
    parts.iter().map(Media::size).find(|&size| size != (0, 0)).unwrap_or_default()
}

/// The parts of the item that overlap the clip. The takes of a part join in one file.
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

/// Concatenates the encoded parts.
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
    arguments.extend(tags(export));
    arguments.push(file_option(FILE.into()));
    Run { arguments, media: None, max_bytes, output_ms: 1, progress: 0.9..0.95 }.run(tools)
}

fn part_name(number: usize) -> String {
    format!("part{number}")
}

fn file_option(name: String) -> OsString {
    format!("file:{name}").into()
}

/// Options for title and artist, whose texts are values of `-metadata` whatever they contain.
fn tags(export: &Export) -> Vec<OsString> {
    let tags = [("title", Some(&export.title)), ("artist", export.artist.as_ref())];
    let option = |(name, text): (&str, &String)| {
        // An argument cannot contain a zero byte.
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        [OsString::from("-metadata"), format!("{name}={text}").into()]
    };
    tags.into_iter().filter_map(|(name, text)| Some((name, text?))).flat_map(option).collect()
}

/// Stores a file in several blobs.
fn store(path: &Path, tools: &Tools<'_>) -> Result<(Blob, u64), Failed> {
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
