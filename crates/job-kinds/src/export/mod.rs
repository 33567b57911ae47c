//! Writes an item, or a part of it, as one file. Frames are copied if the container holds their codecs, and encoded by `ffmpeg` otherwise.

mod arguments;
mod copy;
mod encode;

use std::ops::Range;

use protocol::{
    export::{copied, needs_ffmpeg},
    job::{Export, ExportFormat, Output, Params},
};

use crate::{Failed, Tools, item};

/// Writes the file, and stores it.
pub(crate) fn run(export: &Export, tools: &Tools<'_>) -> Result<Output, Failed> {
    let manifest = item::manifest(&export.source, tools)?;
    let params = &export.params;
    needs_ffmpeg(&manifest, params).map_err(|invalid| Failed::for_good(invalid.to_string()))?;
    match copied(&manifest, params) {
        Some(takes) => copy::run(export, &takes, tools),
        None => encode::run(export, &manifest, tools),
    }
}

/// The part of the item that is written, in ms of its time.
fn clip(params: &Params) -> Range<u64> {
    params.from_ms.unwrap_or(0)..params.to_ms.unwrap_or(u64::MAX)
}

/// Extension and type of the file.
fn file_type(format: ExportFormat, has_video: bool) -> (&'static str, &'static str) {
    match (format, has_video) {
        (ExportFormat::Mp4, true) => ("mp4", "video/mp4"),
        (ExportFormat::Mp4, false) => ("m4a", "audio/mp4"),
        (ExportFormat::Webm, true) => ("webm", "video/webm"),
        (ExportFormat::Webm, false) => ("webm", "audio/webm"),
        (ExportFormat::Mkv, true) => ("mkv", "video/x-matroska"),
        (ExportFormat::Mkv, false) => ("mka", "audio/x-matroska"),
        (ExportFormat::Mp3, _) => ("mp3", "audio/mpeg"),
        (ExportFormat::Flac, _) => ("flac", "audio/flac"),
        (ExportFormat::Opus, _) => ("opus", "audio/ogg"),
    }
}
