//! What does it cost the hub to take in one run of frames and to give it to every viewer, as viewers grow?
//!
//! One run of 30 KB is pushed and each viewer's cursor reads it, as a pump does it, without a transport: it is written as WebM
//! once. Payloads are shared, so the time should be a small constant for each viewer and independent of the bytes.

use std::{hint::black_box, sync::Arc};

use bytes::Bytes;
use cdn::hub::{Cursor, Hub, HubLimits, Next, RingLimits};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use media::{Codec, Display, Frame, Run, Track, TrackKind};
use protocol::{Format, StreamId, stream::Visibility};

/// Runs of a group: a keyframe a second, a run every 100 ms.
const GROUP: u64 = 10;
const FRAMES: u64 = 3;
const FRAME_BYTES: usize = 10_000;
const LIMITS: HubLimits = HubLimits {
    ring: RingLimits { window_ms: 30_000, group_bytes: 32 << 20 },
    budget_bytes: 512 << 20,
    streams: 1,
};

fn tracks() -> Arc<[Track]> {
    let (width, height) = (1280, 720);
    let kind = TrackKind::Video { width, height, display: Display::coded(width, height) };
    Arc::from([Track { codec: Codec::Vp8, kind, config: Bytes::new(), colour: Bytes::new() }])
}

fn run(at: u64, data: &Bytes) -> Run {
    let (group, index) = (at / GROUP, (FRAMES * (at % GROUP)) as u32);
    let frame = |frame| {
        let (pts_us, duration_us) = (at * 100_000 + frame * 33_000, 33_000);
        let key = index == 0 && frame == 0;
        Frame { track: 0, pts_us, dts_us: pts_us, duration_us, key, data: data.clone() }
    };
    Run { group, index, frames: (0..FRAMES).map(frame).collect() }
}

fn fanout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("push a run and read it with every cursor");
    let data = Bytes::from(vec![0; FRAME_BYTES]);
    for viewers in [1_usize, 10, 100, 1_000, 10_000] {
        let mut hub = Hub::new(LIMITS, |_, _| {});
        let stream = hub.open(StreamId::new("bench", 1), Visibility::Public).expect("the hub is empty");
        let mut cursors = vec![Cursor::newest(); viewers];
        let mut at = 0;
        stream
            .lock()
            .expect("no thread panicked")
            .ring_mut()
            .push_tracks(0, tracks())
            .expect("they are the first");
        group.throughput(Throughput::Elements(viewers as u64));
        group.bench_function(BenchmarkId::from_parameter(viewers), |bencher| {
            bencher.iter(|| {
                let mut stream = stream.lock().expect("no thread panicked");
                stream.ring_mut().push(0, run(at, &data), None, at * 100).expect("runs are in order");
                at += 1;
                for cursor in &mut cursors {
                    while let Some(next) = cursor.next(stream.ring()) {
                        let Next::Chunk(position, _) = next else { continue };
                        black_box(stream.ring_mut().chunk(position, Format::WebM));
                    }
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fanout);
criterion_main!(benches);
