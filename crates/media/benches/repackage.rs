//! How many bytes a second does one core turn from recorder segments into chunks of the default format, and does it matter how
//! the recording is cut? A node does this once per stream.
//!
//! Each pass demuxes and packages a whole recording of `fixtures/`, held in memory, from a new [`TakeParser`] on; sizes are
//! those of the segments it is cut into. `cargo bench -p media --bench repackage`

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::{fs, hint::black_box, path::Path};

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use media::{Muxer, Output, Rendition, TakeParser};

/// A recording per way through the crate: WebM to WebM, Annex B in Matroska to MP4, MP4 to MP4.
const RECORDINGS: [(&str, &str, &str); 3] = [
    ("webm-vp9", "webm-vp9-opus-100ms-key1s/stream.webm", "video/webm;codecs=vp9,opus"),
    ("mkv-h264", "mkv-h264-opus-250ms/stream.mkv", "video/x-matroska;codecs=avc1,opus"),
    ("mp4-h264", "mp4-avc1-opus-250ms-key1s/stream.mp4", "video/mp4;codecs=avc1.420020,opus"),
];

/// A network packet; what a recorder emits in 100 ms; a slow timeslice.
const SEGMENT_BYTES: [usize; 3] = [1400, 32 << 10, 1 << 20];

/// The chunk of a run.
fn chunk(muxer: &mut Option<Muxer>, output: Output) -> Option<Bytes> {
    match output {
        Output::Tracks(tracks) => {
            *muxer = Some(Muxer::new(Rendition::default_of(&tracks), tracks).unwrap());
            None
        }
        Output::Run(run) => {
            let muxer = muxer.as_ref()?;
            let mut out = BytesMut::with_capacity(muxer.chunk_bytes(&run));
            muxer.write_chunk(&run, &mut out);
            Some(out.freeze())
        }
    }
}

fn take(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("repackage");
    for (name, file, mime) in RECORDINGS {
        let recording = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(file)).unwrap();
        group.throughput(Throughput::Bytes(recording.len() as u64));
        for size in SEGMENT_BYTES {
            let segments: Vec<_> = recording.chunks(size).map(Bytes::copy_from_slice).collect();
            group.bench_with_input(BenchmarkId::new(name, size), &size, |bencher, _| {
                bencher.iter(|| {
                    let (mut parser, mut muxer) = (TakeParser::new(mime).unwrap(), None);
                    for segment in &segments {
                        for output in parser.push_segment(segment.clone()).unwrap() {
                            black_box(chunk(&mut muxer, output));
                        }
                    }
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, take);
criterion_main!(benches);
