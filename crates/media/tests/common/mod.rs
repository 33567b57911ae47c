//! The recordings in `fixtures/`, with the segments as the browser emitted them.

// Every test program uses its own part of this, and all of it is for tests.
#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod decoding;
pub(crate) mod take;

use std::{fs, path::Path};

use media::{
    Init, Packet, Track,
    demux::{Event, fmp4, webm},
    repackager::{Chunk, Output, Repackager},
};
use serde::Deserialize;

/// One recording.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) mime: String,
    pub(crate) segments: Vec<Vec<u8>>,
}

#[derive(Deserialize)]
struct Index {
    mime: String,
    file: String,
    segments: Vec<IndexEntry>,
}

#[derive(Deserialize)]
struct IndexEntry {
    bytes: usize,
}

impl Fixture {
    /// The recording in the folder `name`.
    pub(crate) fn load(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        let index: Index = serde_json::from_slice(&fs::read(folder.join("segments.json")).unwrap()).unwrap();
        let stream = fs::read(folder.join(index.file)).unwrap();
        let mut rest = stream.as_slice();
        let mut segments = Vec::new();
        for entry in index.segments {
            let (segment, after) = rest.split_at(entry.bytes);
            segments.push(segment.to_vec());
            rest = after;
        }
        assert!(rest.is_empty(), "{name}: the segments are the whole stream");
        Self { name: name.into(), mime: index.mime, segments }
    }

    /// Every recording, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names.iter().map(|name| Self::load(name)).collect()
    }

    /// All of it as one piece.
    pub(crate) fn stream(&self) -> Vec<u8> {
        self.segments.concat()
    }
}

/// Everything a repackager makes of these segments.
pub(crate) fn repackage<S: AsRef<[u8]>>(mime: &str, segments: &[S]) -> (Init, Vec<Chunk>) {
    let mut repackager = Repackager::new(mime).unwrap();
    let outputs = segments.iter().flat_map(|segment| repackager.push_segment(segment.as_ref()).unwrap());
    split(outputs.collect())
}

/// The one init segment, which comes first, and the chunks.
pub(crate) fn split(outputs: Vec<Output>) -> (Init, Vec<Chunk>) {
    let mut outputs = outputs.into_iter();
    let Some(Output::Init(init)) = outputs.next() else { panic!("the init segment comes first") };
    let chunks = outputs.map(|output| match output {
        Output::Chunk(chunk) => chunk,
        Output::Init(_) => panic!("a second init segment"),
    });
    (init, chunks.collect())
}

/// What the demuxer for `mime` finds in `pieces`.
pub(crate) fn demux<S: AsRef<[u8]>>(mime: &str, pieces: &[S]) -> (Vec<Track>, Vec<Packet>) {
    let (mut webm, mut fmp4) = (webm::Demuxer::new(), fmp4::Demuxer::new());
    let is_mp4 = mime.contains("mp4");
    let mut next = |piece: Option<&[u8]>| {
        if is_mp4 {
            piece.inspect(|piece| fmp4.push(piece));
            fmp4.next_event()
        } else {
            piece.inspect(|piece| webm.push(piece));
            webm.next_event()
        }
    };
    let (mut tracks, mut frames) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut event = next(Some(piece.as_ref())).unwrap();
        while let Some(found) = event {
            match found {
                Event::Tracks(found) => tracks = found,
                Event::Packet(packet) => frames.push(packet),
            }
            event = next(None).unwrap();
        }
    }
    (tracks, frames)
}
