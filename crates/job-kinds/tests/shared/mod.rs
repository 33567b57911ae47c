//! An object store in memory, and takes that are made of files as the library makes them.

// Each test program uses its own part of this, and all of it is for tests.
#![allow(dead_code, unused_imports, clippy::unwrap_used)]

#[path = "../../../media-file/tests/common/files.rs"]
mod files;

use std::{
    collections::HashMap,
    fs::{self, File},
    path::Path,
    sync::Mutex,
};

use bytes::Bytes;
use job_kinds::{Blobs, Failed};
use protocol::{
    ItemId,
    item::{Alternative, Blob, Fragment, Manifest, ManifestTake},
    job::Failure,
};
use serde::de::DeserializeOwned;

pub(crate) use files::{encoded, path, run};

/// An object store in memory.
#[derive(Default)]
pub(crate) struct Memory(Mutex<HashMap<String, Bytes>>);

impl Memory {
    pub(crate) fn add(&self, bytes: impl Into<Bytes>) -> Blob {
        let bytes = bytes.into();
        let blob = Blob { hash: blake3::hash(&bytes).to_hex().to_string(), bytes: bytes.len() as u64 };
        self.0.lock().unwrap().insert(blob.hash.clone(), bytes);
        blob
    }

    /// Damages a blob: it has other bytes from now on.
    pub(crate) fn replace(&self, blob: &Blob, bytes: Bytes) {
        self.0.lock().unwrap().insert(blob.hash.clone(), bytes);
    }

    pub(crate) fn remove(&self, blob: &Blob) {
        self.0.lock().unwrap().remove(&blob.hash);
    }

    /// A value that is stored as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, blob: &Blob) -> T {
        serde_json::from_slice(&self.get(blob).unwrap()).unwrap()
    }

    /// The bytes of several blobs.
    pub(crate) fn joined<'a>(&self, blobs: impl IntoIterator<Item = &'a Blob>) -> Vec<u8> {
        blobs.into_iter().flat_map(|blob| self.get(blob).unwrap()).collect()
    }

    /// The take of an item that is made of an uploaded file.
    pub(crate) fn take(&self, path: &Path) -> ManifestTake {
        let size = fs::metadata(path).unwrap().len();
        let mut file = media_file::open(File::open(path).unwrap(), size, "a file").unwrap();
        let formats = file.formats();
        let fragments: Vec<_> = file.by_ref().collect::<Result<_, _>>().unwrap();
        let fragment = |index: usize, fragment: &media_file::Fragment| Fragment {
            blob: self.add(fragment.media[index].clone()),
            start_ms: fragment.start_ms,
            duration_ms: fragment.duration_ms,
        };
        let mut of_formats = formats.into_iter().enumerate().map(|(index, format)| Alternative {
            mime: format.mime,
            init: format.init.map(|init| self.add(init)),
            fragments: fragments.iter().map(|part| fragment(index, part)).collect(),
        });
        let Alternative { mime, init, fragments } = of_formats.next().unwrap();
        ManifestTake { mime, init, fragments, offset_ms: 0, alternatives: of_formats.collect() }
    }
}

impl Blobs for Memory {
    fn get(&self, blob: &Blob) -> Result<Bytes, Failed> {
        let gone = || Failed { failure: Failure::InputGone, reason: format!("no blob {}", blob.hash) };
        self.0.lock().unwrap().get(&blob.hash).cloned().ok_or_else(gone)
    }

    fn put(&self, bytes: Bytes) -> Result<Blob, Failed> {
        Ok(self.add(bytes))
    }
}

/// The manifest of an item with these takes.
pub(crate) fn manifest(takes: Vec<ManifestTake>) -> Manifest {
    Manifest { item_id: ItemId::from_bytes([7; 16]), is_growing: false, takes }
}
