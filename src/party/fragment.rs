//! A fragment of an item, cut into the chunks it was written in.

use std::{ops::Range, sync::Arc};

use media::Shift;
use protocol::item::{Blob, Fragment, joins};

use super::{
    client::{CallError, Party},
    place::Place,
    source::Source,
};
use crate::failure::Failure;

/// What a decoder is set up by.
pub(super) struct Format {
    mime: String,
    /// The name and the bytes of the init segment, if there is one.
    init: Option<(Blob, Vec<u8>)>,
}

impl Format {
    /// What changes the times of fragments; none in formats without times.
    fn shift(&self, by_ms: i64) -> Result<Option<Shift>, Failure> {
        let shift = self.init.as_ref().map(|(_, init)| Shift::new(init, by_ms)).transpose();
        shift.map_err(Failure::run("the media cannot be joined"))
    }

    /// Whether players go on with `next` in the same stream. Most of them skip another init segment, so that tracks, their units of
    /// time and codecs have to be the same.
    pub(super) fn can_go_on_with(&self, next: &Self) -> Result<bool, Failure> {
        Ok(self.mime == next.mime && self.shift(0)? == next.shift(0)?)
    }

    /// Whether `next` needs no other init segment.
    pub(super) fn joins(&self, next: &Self) -> bool {
        let name = |format: &Self| format.init.as_ref().map(|(name, _)| name.clone());
        joins((&self.mime, name(self).as_ref()), (&next.mime, name(next).as_ref()))
    }
}

/// A part of a fragment that can be decoded after the part before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// When it begins in the item, ms.
    pub(super) start_ms: u64,
    pub(super) duration_ms: u64,
    bytes: Range<usize>,
}

/// A fragment that was read.
pub(super) struct Loaded {
    pub(super) place: Place,
    pub(super) format: Arc<Format>,
    /// In order; one at least.
    pub(super) chunks: Vec<Chunk>,
    /// By how much the times in the media are less than the item's, ms.
    offset_ms: i64,
    bytes: Vec<u8>,
}

impl Loaded {
    /// Reads a fragment. None if the item has no such one.
    ///
    /// # Errors
    /// No node has it.
    pub(super) async fn read(
        party: &Party,
        source: &Source,
        place: Place,
    ) -> Result<Option<Self>, CallError> {
        let take = source.manifest.takes.get(place.take);
        let found = take.and_then(|take| Some((take, take.fragments.get(place.fragment)?)));
        let Some((take, fragment)) = found else { return Ok(None) };
        let init = match &take.init {
            Some(init) => Some((init.clone(), source.read(party, init).await?)),
            None => None,
        };
        let bytes = source.read(party, &fragment.blob).await?;
        let format = Format { mime: take.mime.clone(), init };
        let chunks = chunks(&format, fragment, take.offset_ms, &bytes);
        Ok(Some(Self { place, format: Arc::new(format), chunks, offset_ms: take.offset_ms, bytes }))
    }

    /// The bytes of a chunk as it follows `written_ms` of media, after the init segment if the decoder needs it.
    ///
    /// # Errors
    /// The media is not as this project writes it.
    pub(super) fn bytes_at(
        &self,
        chunk: usize,
        written_ms: u64,
        with_init: bool,
    ) -> Result<Vec<u8>, Failure> {
        let Chunk { start_ms, bytes, .. } = &self.chunks[chunk];
        let mut bytes = self.bytes[bytes.clone()].to_vec();
        let media_ms = start_ms.saturating_sub_signed(self.offset_ms);
        if let Some(shift) = self.format.shift(written_ms.cast_signed() - media_ms.cast_signed())? {
            for edit in shift.edits(&bytes).map_err(Failure::run("the media cannot be joined"))? {
                bytes[edit.at..][..edit.bytes().len()].copy_from_slice(edit.bytes());
            }
        }
        if let Some((_, init)) = self.format.init.as_ref().filter(|_| with_init) {
            bytes.splice(..0, init.iter().copied());
        }
        Ok(bytes)
    }
}

/// The chunks of a fragment. Pictures need those before, so with them, and where the chunks are not known, it is one.
fn chunks(format: &Format, fragment: &Fragment, offset_ms: i64, bytes: &[u8]) -> Vec<Chunk> {
    let shift = format.shift(offset_ms).ok().flatten().filter(|_| format.mime.starts_with("audio/"));
    let starts = shift.and_then(|shift| shift.chunks(bytes).ok()).unwrap_or_default();
    let mut starts: Vec<_> = starts.into_iter().skip(1).collect();
    starts.insert(0, (0, fragment.start_ms));
    let ends =
        starts.iter().copied().skip(1).chain([(bytes.len(), fragment.start_ms + fragment.duration_ms)]);
    let chunk = |((from, start_ms), (to, end_ms)): ((usize, u64), (usize, u64))| Chunk {
        start_ms,
        duration_ms: end_ms.saturating_sub(start_ms),
        bytes: from..to,
    };
    starts.iter().copied().zip(ends).map(chunk).collect()
}
