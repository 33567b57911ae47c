//! The recordings in `fixtures/`, with the segments as the browser emitted them.

// Every test program uses its own part of this, and all of it is for tests.
#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod decoding;
pub(crate) mod take;

use std::{fs, path::Path};

use bytes::{Bytes, BytesMut};
use media::{
    Init, Muxer, Output, Packet, Rendition, Run, TakeParser, Track,
    demux::{Event, fmp4, webm},
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

/// A run in its take's default format.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chunk {
    pub(crate) run: Run,
    pub(crate) data: Bytes,
}

impl Chunk {
    pub(crate) fn pts_ms(&self) -> u64 {
        self.run.pts_us() / 1000
    }
}

/// Everything that a parser and the muxer of the default format make of these segments.
pub(crate) fn repackage<S: AsRef<[u8]>>(mime: &str, segments: &[S]) -> (Init, Vec<Chunk>) {
    let mut parser = TakeParser::new(mime).unwrap();
    let segment = |segment: &S| parser.push_segment(segment.as_ref().to_vec()).unwrap();
    written(segments.iter().flat_map(segment).collect())
}

/// The init segment and the chunks of the tracks, which come first, and the runs.
pub(crate) fn written(outputs: Vec<Output>) -> (Init, Vec<Chunk>) {
    let mut outputs = outputs.into_iter();
    let Some(Output::Tracks(tracks)) = outputs.next() else { panic!("the tracks come first") };
    let muxer = Muxer::new(Rendition::default_of(&tracks), tracks).unwrap();
    let chunks = outputs.map(|output| match output {
        Output::Run(run) => {
            let mut out = BytesMut::new();
            muxer.write_chunk(&run, &mut out);
            Chunk { run, data: out.freeze() }
        }
        Output::Tracks(_) => panic!("tracks again"),
    });
    (muxer.init().clone(), chunks.collect())
}

/// What the demuxer for `mime` finds in `pieces`.
pub(crate) fn demux<S: AsRef<[u8]>>(mime: &str, pieces: &[S]) -> (Vec<Track>, Vec<Packet>) {
    let (mut webm, mut fmp4) = (webm::Demuxer::new(), fmp4::Demuxer::new());
    let is_mp4 = mime.contains("mp4");
    let mut next = |piece: Option<&[u8]>| {
        if is_mp4 {
            piece.inspect(|piece| fmp4.push(piece.to_vec()));
            fmp4.next_event()
        } else {
            piece.inspect(|piece| webm.push(piece.to_vec()));
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
