//! The media of one item: its manifest as the main server wrote it, and which blobs it names.

use std::{collections::HashMap, fmt::Write, sync::Arc};

use axum::http::HeaderValue;
use bytes::Bytes;
use media::Shift;
use objects::Hash;
use protocol::{
    item::{Blob, Manifest},
    rendition::renditions,
};

use super::{content::Part, refusal::Refusal};

/// What a blob named by a manifest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) bytes: u64,
    /// The index of its rendition's type in [`ItemMedia::mimes`].
    mime: u16,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct ItemMedia {
    pub(super) manifest: Manifest,
    /// As it came, with fields that this version does not know.
    pub(super) json: Bytes,
    /// With its quotes.
    pub(super) etag: HeaderValue,
    blobs: HashMap<Hash, Named>,
    mimes: Vec<HeaderValue>,
}

/// A manifest that names a blob by an invalid hash, or cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the manifest of a main server is not one: {0}")]
pub(crate) struct InvalidManifest(String);

/// A blob as a part of an answer.
pub(super) fn blob_part(blob: &Blob, shift: Option<Arc<Shift>>) -> Result<Part, Refusal> {
    let hash = blob.hash.parse().map_err(|_| Refusal::unknown_blob(&blob.hash))?;
    Ok(Part::Blob { hash, bytes: blob.bytes, shift })
}

impl ItemMedia {
    /// Reads a manifest; `etag` is the entity tag that the main server gave it. Without one, it is that of the bytes.
    pub(crate) fn read(json: Bytes, etag: Option<HeaderValue>) -> Result<Self, InvalidManifest> {
        let manifest: Manifest =
            serde_json::from_slice(&json).map_err(|error| InvalidManifest(error.to_string()))?;
        let (mut blobs, mut mimes) = (HashMap::new(), Vec::new());
        for rendition in manifest.takes.iter().flat_map(renditions) {
            let mime = index_of(&mut mimes, rendition.mime)?;
            for blob in rendition.blobs() {
                let hash =
                    blob.hash.parse().map_err(|_| InvalidManifest(format!("{:?} is no hash", blob.hash)))?;
                blobs.entry(hash).or_insert(Named { bytes: blob.bytes, mime });
            }
        }
        let etag = etag.unwrap_or_else(|| quoted(&Hash::of(&json)));
        Ok(Self { manifest, json, etag, blobs, mimes })
    }

    /// The blob called `hash`, if the manifest names it.
    pub(super) fn named(&self, hash: &Hash) -> Option<Named> {
        self.blobs.get(hash).copied()
    }

    /// The type of what the blob is part of.
    pub(super) fn mime(&self, named: Named) -> HeaderValue {
        self.mimes[usize::from(named.mime)].clone()
    }

    /// About what it takes in memory, in bytes.
    pub(super) fn cost_bytes(&self) -> u64 {
        // The text, and as much again twice for what was read from it.
        self.json.len() as u64 * 3
    }
}

/// Where the type stands in the list; it is added if it is new.
fn index_of(mimes: &mut Vec<HeaderValue>, mime: &str) -> Result<u16, InvalidManifest> {
    let value = HeaderValue::from_str(mime).map_err(|_| InvalidManifest(format!("{mime:?} is no type")))?;
    let index = mimes.iter().position(|known| *known == value).unwrap_or(mimes.len());
    if index == mimes.len() {
        mimes.push(value);
    }
    u16::try_from(index).map_err(|_| InvalidManifest("it has too many types".into()))
}

/// The entity tag of what has this hash.
pub(super) fn quoted(hash: &Hash) -> HeaderValue {
    let mut tag = String::with_capacity(2 + 64);
    write!(tag, "\"{hash}\"").expect("a String takes everything");
    HeaderValue::try_from(tag).expect("hex digits are fine in a header")
}
