//! Which exports a worker can make by copying frames, and which need `ffmpeg`.
//!
//! A file is copied together if its container holds the codecs of the item, all takes fit in one file, and nothing has to be encoded
//! again. Main servers ask this when a job is made, and workers when they do it: both have to get the same answer.

use crate::{
    item::{Fragment, Manifest, ManifestTake},
    job::{ExportFormat, Params},
    rendition::{Rendition, renditions},
};

/// Why parameters do not fit an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The format is missing.
    #[error("an export needs `format`")]
    NoFormat,
    /// The clip is empty.
    #[error("the clip has no media: `from_ms` has to be less than `to_ms` and than the length of the item")]
    EmptyClip,
    /// The format is for sound alone.
    #[error("the item has no sound")]
    NoSound,
    /// The item is not finished, or it failed.
    #[error("the item has no media")]
    NoMedia,
}

/// Whether a worker needs `ffmpeg` for this export.
///
/// # Errors
/// See [`Invalid`].
pub fn needs_ffmpeg(manifest: &Manifest, params: &Params) -> Result<bool, Invalid> {
    let format = params.format.ok_or(Invalid::NoFormat)?;
    let fragments = manifest.takes.iter().flat_map(|take| &take.fragments);
    let end_ms = fragments.map(end_ms).max().ok_or(Invalid::NoMedia)?;
    let from_ms = params.from_ms.unwrap_or(0);
    if from_ms >= params.to_ms.unwrap_or(u64::MAX).min(end_ms) {
        return Err(Invalid::EmptyClip);
    }
    let has_sound = |rendition: Rendition<'_>| {
        let codecs = rendition.codecs();
        codecs.is_empty() || codecs.iter().any(|codec| Codec::of(codec).is_none_or(Codec::is_sound))
    };
    if is_sound(format) && !manifest.takes.iter().flat_map(renditions).any(has_sound) {
        return Err(Invalid::NoSound);
    }
    Ok(copied(manifest, params).is_none())
}

/// The takes that have media, each with the rendition to copy frames from, in order; none if `ffmpeg` is needed.
pub fn copied<'a>(manifest: &'a Manifest, params: &Params) -> Option<Vec<(&'a ManifestTake, Rendition<'a>)>> {
    let format = params.format.filter(|_| params.quality.is_none())?;
    let takes = manifest.takes.iter().filter(|take| !take.fragments.is_empty());
    let chosen = takes.map(|take| Some((take, renditions(take).find(|rendition| holds(format, rendition))?)));
    let chosen = chosen.collect::<Option<Vec<_>>>()?;
    let (_, first) = chosen.first()?;
    let is_joined = chosen.iter().all(|(_, rendition)| rendition.follows(first));
    // The frames of FLAC are numbered: those of a part of it begin with the wrong number.
    let is_whole = chosen.len() == 1 && params.from_ms.unwrap_or(0) == 0 && params.to_ms.is_none();
    (is_joined && (format != ExportFormat::Flac || is_whole)).then_some(chosen)
}

/// Whether the format is for sound alone.
pub fn is_sound(format: ExportFormat) -> bool {
    matches!(format, ExportFormat::Mp3 | ExportFormat::Flac | ExportFormat::Opus)
}

/// When a fragment ends, in ms of the item's time.
pub fn end_ms(fragment: &Fragment) -> u64 {
    fragment.start_ms.saturating_add(fragment.duration_ms)
}

/// Whether frames of the rendition can be copied into the format: all of them, or the sound alone.
fn holds(format: ExportFormat, rendition: &Rendition<'_>) -> bool {
    let Some(codecs) = rendition.codecs().iter().map(|codec| Codec::of(codec)).collect::<Option<Vec<_>>>()
    else {
        return false;
    };
    let mut codecs = codecs.into_iter();
    match format {
        ExportFormat::Mp4 => {
            codecs.len() > 0 && codecs.all(|codec| !matches!(codec, Codec::Vp8 | Codec::Vorbis))
        }
        ExportFormat::Webm => {
            codecs.len() > 0
                && codecs.all(|codec| {
                    matches!(codec, Codec::Vp8 | Codec::Vp9 | Codec::Av1 | Codec::Opus | Codec::Vorbis)
                })
        }
        ExportFormat::Mkv => codecs.len() > 0,
        ExportFormat::Mp3 => codecs.any(|codec| codec == Codec::Mp3),
        ExportFormat::Flac => codecs.any(|codec| codec == Codec::Flac),
        ExportFormat::Opus => codecs.any(|codec| codec == Codec::Opus),
    }
}

/// The codecs that items have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Vp8,
    Vp9,
    Av1,
    H264,
    Opus,
    Aac,
    Mp3,
    Flac,
    Vorbis,
}

impl Codec {
    /// The codec with this name in a MIME type, in lower case.
    fn of(name: &str) -> Option<Self> {
        match name.split('.').next()? {
            "vp8" | "vp08" => Some(Self::Vp8),
            "vp9" | "vp09" => Some(Self::Vp9),
            "av1" | "av01" => Some(Self::Av1),
            "avc1" | "avc3" | "h264" => Some(Self::H264),
            "opus" => Some(Self::Opus),
            "mp3" => Some(Self::Mp3),
            "mp4a" if matches!(name, "mp4a.6b" | "mp4a.69") => Some(Self::Mp3),
            "mp4a" | "aac" => Some(Self::Aac),
            "flac" => Some(Self::Flac),
            "vorbis" => Some(Self::Vorbis),
            _ => None,
        }
    }

    fn is_sound(self) -> bool {
        matches!(self, Self::Opus | Self::Aac | Self::Mp3 | Self::Flac | Self::Vorbis)
    }
}

#[cfg(test)]
mod tests;
