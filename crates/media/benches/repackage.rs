//! How many bytes a second does one core turn from recorder segments into chunks, and does it matter how the recording is
//! cut? A node does this once per stream, so with 1 GB/s a core has room for thousands of streams of 2 Mbit/s.
//!
//! Each pass demuxes and packages a whole recording of `fixtures/`, held in memory, from a new [`Repackager`] on; sizes are
//! those of the segments it is cut into. `cargo bench -p media --bench repackage`

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::{fs, hint::black_box, path::Path};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use media::repackager::Repackager;

/// A recording per way through the crate: WebM to WebM, Annex B in Matroska to MP4, MP4 to MP4.
const RECORDINGS: [(&str, &str, &str); 3] = [
    ("webm-vp9", "webm-vp9-opus-100ms-key1s/stream.webm", "video/webm;codecs=vp9,opus"),
    ("mkv-h264", "mkv-h264-opus-250ms/stream.mkv", "video/x-matroska;codecs=avc1,opus"),
    ("mp4-h264", "mp4-avc1-opus-250ms-key1s/stream.mp4", "video/mp4;codecs=avc1.420020,opus"),
];

/// A network packet; what a recorder emits in 100 ms; a slow timeslice.
const SEGMENT_BYTES: [usize; 3] = [1400, 32 << 10, 1 << 20];

fn repackage(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("repackage");
    for (name, file, mime) in RECORDINGS {
        let recording = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(file)).unwrap();
        group.throughput(Throughput::Bytes(recording.len() as u64));
        for size in SEGMENT_BYTES {
            group.bench_with_input(BenchmarkId::new(name, size), &size, |bencher, &size| {
                bencher.iter(|| {
                    let mut repackager = Repackager::new(mime).unwrap();
                    for segment in recording.chunks(size) {
                        black_box(repackager.push_segment(segment).unwrap());
                    }
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, repackage);
criterion_main!(benches);
