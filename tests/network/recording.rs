//! A recording to broadcast.

use std::{fs, path::Path};

use serde::Deserialize;

/// See the [module](self).
pub(crate) struct Recording {
    pub(crate) mime: String,
    pub(crate) segments: Vec<Vec<u8>>,
}

#[derive(Deserialize)]
struct Index {
    mime: String,
    file: String,
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    bytes: usize,
}

impl Recording {
    /// At most `count` segments of 100 ms, from the first.
    pub(crate) fn load(count: usize) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = folder.join("crates/media/fixtures/webm-vp9-opus-100ms-key1s");
        let index: Index = serde_json::from_slice(&fs::read(folder.join("segments.json")).unwrap()).unwrap();
        let mut rest = fs::read(folder.join(index.file)).unwrap();
        let take = |segment: &Segment| rest.drain(..segment.bytes).collect();
        Self { mime: index.mime, segments: index.segments.iter().take(count).map(take).collect() }
    }
}
