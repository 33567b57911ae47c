//! Exports that `ffmpeg` encodes.
//!
//! Takes that join are one run of the program. Where the item has several such runs, each becomes a file with the same codecs and size,
//! and a last run of the program puts them one after another.

use std::{ffi::OsString, fs::File, io::Read, path::Path};

use bytes::Bytes;
use protocol::{
    export::is_sound,
    item::{Blob, Manifest},
    job::{Export, ExportQuality, Output},
};

use super::{arguments::Encoding, clip, file_type};
use crate::{
    Failed, Tools,
    ffmpeg::{self, Run},
    item::{self, Media},
    pieces::Pieces,
};

/// The file that is made. Names are fixed: nothing from outside becomes one.
const FILE: &str = "export";
/// How much larger than the item a file may be, and what a second of it may take: that of FLAC.
const TIMES_LARGER: u64 = 2;
const BYTES_PER_S: u64 = 400_000;
const LEAST_BYTES: u64 = 64 << 20;

pub(super) fn run(export: &Export, manifest: &Manifest, tools: &Tools<'_>) -> Result<Output, Failed> {
    let format = export.params.format.ok_or_else(|| Failed::for_good("an export needs a format"))?;
    let clip = clip(&export.params);
    let runs = item::runs(manifest);
    let [takes] = &runs[..] else {
        return Err(Failed::for_good(format!("the item has {} parts with different codecs", runs.len())));
    };
    let media = Media::new(takes, &clip, tools)?;
    let length_ms = clip.end.min(media.ends_ms).saturating_sub(clip.start.max(media.begins_ms)).max(1);
    let has_video = media.container.starts_with("video/") && !is_sound(format);
    let media_ms = media.ends_ms.saturating_sub(media.begins_ms).max(1);
    let encoding = Encoding {
        format,
        has_video,
        quality: export.params.quality.unwrap_or(ExportQuality::High),
        bits_per_s: media.bytes().saturating_mul(8000) / media_ms,
        skip_ms: clip.start.saturating_sub(media.begins_ms),
        length_ms: export.params.to_ms.map(|_| length_ms),
    };
    let mut arguments = ffmpeg::input(&media.container)?;
    arguments.extend(encoding.arguments());
    arguments.extend(words(export));
    arguments.push(format!("file:{FILE}").into());
    let max_bytes =
        media.bytes().saturating_mul(TIMES_LARGER) + BYTES_PER_S * (length_ms / 1000) + LEAST_BYTES;
    Run { arguments, media: Some(&media), max_bytes, output_ms: length_ms, progress: 0.0..0.95 }
        .run(tools)?;
    let (blobs, bytes) = store(&tools.scratch.join(FILE), tools)?;
    let (extension, mime) = file_type(format, has_video);
    Ok(Output::File { extension: extension.into(), mime: mime.into(), blobs, bytes })
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
