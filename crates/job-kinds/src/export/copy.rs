//! Copies the frames of an item, or of a part of it, to another container, without `ffmpeg`.
//!
//! A whole item in its own container has the same bytes as its download from a node. Otherwise frames are demuxed and muxed again. A
//! part of a video begins with the last keyframe at or before the time asked for, and ends before the first picture that is decoded at
//! or after its end. Sound is exact to a packet (20 ms of Opus).

use bytes::Bytes;
use media::{FilePart, webm_head};
use media_file::{Container, MediaFile, Target, TextTags};
use protocol::{
    item::{Blob, Fragment},
    job::{Export, ExportFormat, Output},
};

use super::{clip, file_type};
use crate::{
    Failed, Tools,
    item::{Chosen, Media, with_reader},
    pieces::Pieces,
};

/// Writes the file, and stores it.
pub(super) fn run(export: &Export, takes: &[Chosen<'_>], tools: &Tools<'_>) -> Result<Output, Failed> {
    let Export { params, .. } = export;
    let format = params.format.ok_or_else(|| Failed::for_good("an export needs a format"))?;
    let clip = clip(params);
    let media = Media::new(takes, &clip, tools)?;
    let is_whole = clip.start == 0 && params.to_ms.is_none();
    let has_video = media.container.starts_with("video/");
    let (extension, mime) = file_type(format, has_video);
    let (blobs, bytes) = if is_whole && is_own(format, &media) {
        join(takes, &media, tools)?
    } else {
        let from_begin_us = |ms: u64| {
            i64::try_from(ms.saturating_sub(media.begins_ms).saturating_mul(1000)).unwrap_or(i64::MAX)
        };
        let target = Target {
            container: container(format),
            from_us: from_begin_us(clip.start),
            to_us: params.to_ms.map(from_begin_us),
            tags: TextTags { title: Some(export.title.clone()), artist: export.artist.clone() },
        };
        rewrite(&target, &media, tools)?
    };
    Ok(Output::File { extension: extension.into(), mime: mime.into(), blobs, bytes })
}

fn container(format: ExportFormat) -> Container {
    match format {
        ExportFormat::Mp4 => Container::Mp4,
        ExportFormat::Webm => Container::WebM,
        ExportFormat::Mkv => Container::Matroska,
        ExportFormat::Mp3 => Container::Mp3,
        ExportFormat::Flac => Container::Flac,
        ExportFormat::Opus => Container::Ogg,
    }
}

/// Whether the item is stored in this container.
fn is_own(format: ExportFormat, media: &Media) -> bool {
    match format {
        ExportFormat::Mp4 => media.container.ends_with("/mp4"),
        ExportFormat::Webm => media.container.ends_with("/webm"),
        _ => false,
    }
}

/// A blob with the list of the file's blobs, and the size of the file in bytes.
type Stored = (Blob, u64);

/// Concatenates the fragments as they are.
fn join(takes: &[Chosen<'_>], media: &Media, tools: &Tools<'_>) -> Result<Stored, Failed> {
    let mut pieces = Pieces::new(tools);
    let all = media.bytes().max(1) as f32;
    let (mut init, mut done) = (Bytes::new(), 0_u64);
    for (number, part) in media.parts(tools).enumerate() {
        let part = part?;
        done += part.len() as u64;
        match number {
            0 => init = part,
            _ => pieces.push(&part)?,
        }
        tools.report.progress(done as f32 / all)?;
    }
    let fragments = takes.iter().flat_map(|(_, rendition)| rendition.fragments);
    let file_part = |fragment: &Fragment| FilePart {
        start_ms: fragment.start_ms.saturating_sub(media.begins_ms),
        duration_ms: fragment.duration_ms,
        bytes: fragment.blob.bytes,
    };
    pieces.finish(seekable(init, &fragments.map(file_part).collect::<Vec<_>>()))
}

/// Demuxes the frames, and muxes them again.
fn rewrite(target: &Target, media: &Media, tools: &Tools<'_>) -> Result<Stored, Failed> {
    with_reader(media, tools, |reader| {
        let mut file = media_file::open_as(reader, media.bytes(), target).map_err(unreadable)?;
        let init = file.formats().pop().and_then(|format| format.init).unwrap_or_default();
        let (pieces, parts) = write(&mut file, media.bytes(), tools)?;
        if parts.is_empty() {
            return Err(Failed::for_good("the clip has no media"));
        }
        pieces.finish(seekable(init, &parts))
    })
}

/// Stores all fragments, and returns their times and sizes.
fn write<'a>(
    file: &mut MediaFile,
    all_bytes: u64,
    tools: &Tools<'a>,
) -> Result<(Pieces<'a>, Vec<FilePart>), Failed> {
    let (mut pieces, mut parts) = (Pieces::new(tools), Vec::new());
    while let Some(fragment) = file.next_fragment().map_err(unreadable)? {
        let bytes = fragment.media.first().cloned().unwrap_or_default();
        let media_file::Fragment { start_ms, duration_ms, .. } = fragment;
        parts.push(FilePart { start_ms, duration_ms, bytes: bytes.len() as u64 });
        pieces.push(&bytes)?;
        tools.report.progress(file.bytes_read() as f32 / all_bytes.max(1) as f32)?;
    }
    match file.damage() {
        None => Ok((pieces, parts)),
        Some(damage) => {
            let (seconds, reason) = (damage.after_ms / 1000, &damage.reason);
            Err(Failed::for_good(format!("the item is damaged after {seconds} s: {reason}")))
        }
    }
}

/// The head of a file with these fragments. WebM and Matroska get an index.
fn seekable(init: Bytes, parts: &[FilePart]) -> Bytes {
    webm_head(&init, parts).unwrap_or(init)
}

fn unreadable(error: media_file::Error) -> Failed {
    match error {
        // A blob could not be read. `with_reader` returns that failure instead of this one.
        media_file::Error::Io(error) => Failed::again(error.to_string()),
        error => Failed::for_good(error.to_string()),
    }
}
