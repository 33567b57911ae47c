//! A whole item as one file: an init segment, and the fragments of takes one after another in one timeline, every frame once.
//!
//! ```text
//! init │ fragment │ fragment │ … │ fragment of the next take, its times shifted in place │ …
//! ```
//!
//! In WebM, the init segment gets the duration and an index, so that players can seek.
//! The size of every part is in the manifest, so the length of the file is known before anything is read, and any range of it can be sent.
//! Takes fit in one file if the first one's init segment serves all of them. A file has the longest run of takes that fit.

use std::{ops::Range, sync::Arc};

use media::{FilePart, Shift, webm_head};
use protocol::{
    item::{Fragment, Manifest, ManifestTake},
    rendition::{Rendition, preferred, renditions},
};

use super::{
    blobs::Blobs,
    content::{Content, Part},
    media::blob_part,
    refusal::Refusal,
};

/// What a file consists of.
pub(super) struct Plan<'a> {
    /// The takes that fit, in order.
    takes: Vec<(&'a ManifestTake, Rendition<'a>)>,
    /// Their indices in the manifest.
    pub(super) indices: Range<usize>,
}

/// The longest run of takes that fit in one file, each in the rendition of the type `mime`, or in its own; from the take `first` on, if given.
///
/// # Errors
/// `item_not_ready` for an item without fragments; `unsupported_format` if no take is available in the type; `invalid_request` if
/// there is no such take.
pub(super) fn plan<'a>(
    manifest: &'a Manifest,
    mime: Option<&str>,
    first: Option<usize>,
) -> Result<Plan<'a>, Refusal> {
    let takes = &manifest.takes;
    if takes.iter().all(|take| take.fragments.is_empty()) {
        return Err(Refusal::not_ready(manifest.item_id));
    }
    let chosen: Vec<_> = takes.iter().map(|take| chosen(take, mime)).collect();
    let mut best: Option<Range<usize>> = None;
    let mut from = first.unwrap_or(0);
    while from < takes.len() {
        let run = run_from(&chosen, from);
        let next = run.end.max(from + 1);
        if best.as_ref().is_none_or(|best| length_ms(takes, best) < length_ms(takes, &run)) {
            best = Some(run);
        }
        if first.is_some() {
            break;
        }
        from = next;
    }
    let indices = best.ok_or_else(|| Refusal::invalid(format!("the item has {} takes", takes.len())))?;
    let run = indices.clone().filter_map(|at| Some((&takes[at], chosen[at]?)));
    let run: Vec<_> = run.filter(|(take, _)| !take.fragments.is_empty()).collect();
    if run.is_empty() {
        return Err(Refusal::unsupported("no take of the item is available in the type that `mime` names"));
    }
    Ok(Plan { takes: run, indices })
}

impl<'a> Plan<'a> {
    /// The rendition of the first take, whose init segment the file has.
    pub(super) fn rendition(&self) -> Rendition<'a> {
        self.takes[0].1
    }

    /// The file. Its times begin at 0.
    ///
    /// # Errors
    /// Why the init segment cannot be read.
    pub(super) async fn content(&self, blobs: &Arc<Blobs>) -> Result<Content, Refusal> {
        let first = self.rendition();
        let begins_ms = first.fragments.first().map_or(0, |fragment| fragment.start_ms);
        let init = match first.init {
            Some(init) => Some((blob_part(init, None)?, blobs.get_named(init).await?.whole())),
            None => None,
        };
        let head = init.as_ref().map(|(part, init)| match webm_head(init, &self.file_parts(begins_ms)) {
            Ok(head) => Part::Made(head),
            // Files of other types have no index.
            Err(_) => part.clone(),
        });
        let mut parts: Vec<Part> = head.into_iter().collect();
        for (take, rendition) in &self.takes {
            let by_ms = take.offset_ms.saturating_sub_unsigned(begins_ms);
            let shift = match &init {
                // What has no init segment has no times either.
                Some((_, init)) if by_ms != 0 => Some(shift(init, by_ms)?),
                _ => None,
            };
            for fragment in rendition.fragments {
                parts.push(blob_part(&fragment.blob, shift.clone())?);
            }
        }
        Ok(Content::of(parts))
    }
}

impl Plan<'_> {
    /// Its fragments, in a file that begins at `begins_ms` of the item.
    fn file_parts(&self, begins_ms: u64) -> Vec<FilePart> {
        let fragments = self.takes.iter().flat_map(|(_, rendition)| rendition.fragments);
        let part = |fragment: &Fragment| FilePart {
            start_ms: fragment.start_ms.saturating_sub(begins_ms),
            duration_ms: fragment.duration_ms,
            bytes: fragment.blob.bytes,
        };
        fragments.map(part).collect()
    }
}

fn shift(init: &[u8], by_ms: i64) -> Result<Arc<Shift>, Refusal> {
    let shift = Shift::new(init, by_ms).map_err(|error| {
        Refusal::unsupported(format!("the takes of the item cannot be joined in one file: {error}"))
    });
    shift.map(Arc::new)
}

fn chosen<'a>(take: &'a ManifestTake, mime: Option<&str>) -> Option<Rendition<'a>> {
    match mime {
        None => Some(preferred(take)),
        Some(mime) => renditions(take).find(|rendition| rendition.is(mime)),
    }
}

/// The takes from `from` on that fit with it.
fn run_from(chosen: &[Option<Rendition<'_>>], from: usize) -> Range<usize> {
    let Some(first) = &chosen[from] else { return from..from };
    let fitting =
        chosen[from..].iter().take_while(|take| take.as_ref().is_some_and(|take| take.follows(first)));
    from..from + fitting.count()
}

fn length_ms(takes: &[ManifestTake], run: &Range<usize>) -> u64 {
    let fragments = takes[run.clone()].iter().flat_map(|take| &take.fragments);
    fragments.map(|Fragment { duration_ms, .. }| duration_ms).fold(0, |sum, ms| sum.saturating_add(*ms))
}

/// What files of this type are called.
pub(super) fn extension(container: &str) -> &'static str {
    match container {
        "video/webm" | "audio/webm" => "webm",
        "video/mp4" => "mp4",
        "audio/mp4" => "m4a",
        "audio/mpeg" => "mp3",
        "audio/flac" => "flac",
        "audio/ogg" => "ogg",
        "audio/aac" => "aac",
        _ => "bin",
    }
}
