//! The recordings in `fixtures/`, with the segments as the browser emitted them.

// Every test program uses its own part of this, and all of it is for tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::{fs, path::Path};

use media::{Chunk, Event, Frame, Init, Output, Repackager, Track, webm};
use serde::Deserialize;

/// One recording.
pub struct Fixture {
    pub name: String,
    pub mime: String,
    pub segments: Vec<Vec<u8>>,
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
    pub fn load(name: &str) -> Self {
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
    pub fn all() -> Vec<Self> {
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

    /// The recordings in WebM or Matroska.
    pub fn all_webm() -> Vec<Self> {
        Self::all().into_iter().filter(|fixture| !fixture.mime.contains("mp4")).collect()
    }

    /// All of it as one piece.
    pub fn stream(&self) -> Vec<u8> {
        self.segments.concat()
    }
}

/// Everything a repackager makes of these segments.
pub fn repackage<S: AsRef<[u8]>>(mime: &str, segments: &[S]) -> (Init, Vec<Chunk>) {
    let mut repackager = Repackager::new(mime).unwrap();
    let outputs = segments.iter().flat_map(|segment| repackager.push_segment(segment.as_ref()).unwrap());
    split(outputs.collect())
}

/// The one init segment, which comes first, and the chunks.
pub fn split(outputs: Vec<Output>) -> (Init, Vec<Chunk>) {
    let mut outputs = outputs.into_iter();
    let Some(Output::Init(init)) = outputs.next() else { panic!("the init segment comes first") };
    let chunks = outputs.map(|output| match output {
        Output::Chunk(chunk) => chunk,
        Output::Init(_) => panic!("a second init segment"),
    });
    (init, chunks.collect())
}

/// What the WebM demuxer finds in `pieces`.
pub fn demux_webm<S: AsRef<[u8]>>(pieces: &[S]) -> (Vec<Track>, Vec<Frame>) {
    let mut demuxer = webm::Demuxer::new();
    let (mut tracks, mut frames) = (Vec::new(), Vec::new());
    for piece in pieces {
        demuxer.push(piece.as_ref());
        while let Some(event) = demuxer.next_event().unwrap() {
            match event {
                Event::Tracks(found) => tracks = found,
                Event::Frame(frame) => frames.push(frame),
            }
        }
    }
    (tracks, frames)
}
