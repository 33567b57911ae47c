//! Origins and edges write the same bytes: an edge gets runs as bare frames, and its chunks in the default format are those of the
//! origin. Fragments of the same groups have the same hash therefore, whichever node wrote them.

use std::{fs, path::Path, sync::Arc};

use bytes::{Bytes, BytesMut};
use media::{Muxer, Output, Rendition, Run, TakeParser, Track, demux::frames};

fn chunk(muxer: &Muxer, run: &Run) -> Bytes {
    let mut out = BytesMut::new();
    muxer.write_chunk(run, &mut out);
    out.freeze()
}

fn muxer(rendition: Rendition, tracks: &Arc<[Track]>) -> Muxer {
    Muxer::new(rendition, tracks.clone()).unwrap()
}

/// What an edge makes of a take that it gets from a node that has `tracks`.
fn relayed(tracks: &Arc<[Track]>) -> Arc<[Track]> {
    frames::read_init(&muxer(Rendition::Frames, tracks).init().data).unwrap().into()
}

/// What an edge makes of a run.
fn relayed_run(tracks: &Arc<[Track]>, run: &Run) -> Run {
    let frames = frames::read_chunk(tracks.len(), chunk(&muxer(Rendition::Frames, tracks), run)).unwrap();
    Run { group: run.group, index: run.index, frames }
}

#[test]
fn an_edge_writes_the_bytes_of_the_origin() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/media/fixtures");
    for name in [
        "webm-vp9-opus-100ms-key1s",
        "webm-vp8-opus-100ms",
        "webm-av1-opus-250ms-key2s",
        "audio-webm-opus-250ms",
        "mp4-avc1-opus-250ms-key1s",
        "mkv-h264-opus-250ms",
    ] {
        let folder = fixtures.join(name);
        let index: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.join("segments.json")).unwrap()).unwrap();
        let mut rest = Bytes::from(fs::read(folder.join(index["file"].as_str().unwrap())).unwrap());
        let mut parser = TakeParser::new(index["mime"].as_str().unwrap()).unwrap();
        let (mut origin, mut runs) = (None, 0);
        for segment in index["segments"].as_array().unwrap() {
            let bytes = segment["bytes"].as_u64().unwrap() as usize;
            for output in parser.push_segment(rest.split_to(bytes)).unwrap() {
                match output {
                    Output::Tracks(tracks) => origin = Some(tracks),
                    Output::Run(run) => {
                        let tracks = origin.as_ref().unwrap();
                        let rendition = Rendition::default_of(tracks);
                        let edge = relayed(tracks);
                        assert_eq!(muxer(rendition, tracks).init(), muxer(rendition, &edge).init(), "{name}");
                        let here = chunk(&muxer(rendition, tracks), &run);
                        let there = chunk(&muxer(rendition, &edge), &relayed_run(tracks, &run));
                        assert!(here == there, "{name}: group {}, frame {}", run.group, run.index);
                        runs += 1;
                    }
                }
            }
        }
        assert!(runs > 2, "{name}: {runs}");
    }
}
