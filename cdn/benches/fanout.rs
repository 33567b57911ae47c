//! What does it cost the hub to take in one chunk and to give it to every viewer, as viewers grow?
//!
//! One chunk of 30 KB is pushed and each viewer's cursor reads it, as a pump does it, without a transport. Payloads are
//! shared, so the time should be a small constant for each viewer and independent of the bytes.

use std::hint::black_box;

use bytes::Bytes;
use cdn::hub::{Chunk, Cursor, Hub, HubLimits, Next, RingLimits};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use protocol::{StreamId, event::ChunkName, stream::Visibility};

/// Chunks of a group: a keyframe a second, a chunk every 100 ms.
const GROUP: u64 = 10;
const CHUNK_BYTES: usize = 30_000;
const LIMITS: HubLimits = HubLimits {
    ring: RingLimits { window_ms: 30_000, group_bytes: 32 << 20 },
    budget_bytes: 512 << 20,
    streams: 1,
};

fn chunk(at: u64, data: &Bytes) -> Chunk {
    let name = ChunkName { take: 0, group: at / GROUP, index: (at % GROUP) as u32 };
    let key = name.index == 0;
    Chunk { name, key, pts_ms: at * 100, duration_ms: 100, captured_at_ms: None, data: data.clone() }
}

fn fanout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("push a chunk and read it with every cursor");
    let data = Bytes::from(vec![0; CHUNK_BYTES]);
    for viewers in [1_usize, 10, 100, 1_000, 10_000] {
        let mut hub = Hub::new(LIMITS, |_, _| {});
        let stream = hub.open(StreamId::new("bench", 1), Visibility::Public).expect("the hub is empty");
        let mut cursors = vec![Cursor::newest(); viewers];
        let mut at = 0;
        stream.lock().expect("nobody panicked").push_init("video/webm".into(), Bytes::new());
        group.throughput(Throughput::Elements(viewers as u64));
        group.bench_function(BenchmarkId::from_parameter(viewers), |bencher| {
            bencher.iter(|| {
                let mut stream = stream.lock().expect("nobody panicked");
                stream.push(chunk(at, &data), at * 100).expect("chunks are in order");
                at += 1;
                for cursor in &mut cursors {
                    while let Some(next) = cursor.next(stream.ring()) {
                        black_box(matches!(next, Next::Chunk(_)));
                    }
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fanout);
criterion_main!(benches);
