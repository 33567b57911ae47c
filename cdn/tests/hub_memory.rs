//! The budget counts at least what the rings really take, however small their chunks are.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

#[path = "../../crates/media/tests/common/allocator.rs"]
mod allocator;

use allocator::counted;
use bytes::{BufMut, Bytes};
use cdn::hub::{Chunk, Hub, HubLimits, RingLimits};
use protocol::{StreamId, event::ChunkName, stream::Visibility};

const CHUNKS: u64 = 20_000;

/// A hub with one stream of chunks of `bytes` bytes, `group` of them in each group.
fn hub(group: u64, bytes: usize) -> Hub {
    let ring = RingLimits { window_ms: 30_000, group_bytes: 64 << 20 };
    let limits = HubLimits { ring, budget_bytes: 512 << 20, streams: 1 };
    // As a WebSocket's frame does.
    let mut hub = Hub::new(limits, |_, out| out.put_slice(&[0; 10]));
    let stream = hub.open(StreamId::new("a", 1), Visibility::Public).unwrap();
    let mut stream = stream.lock().unwrap();
    stream.push_init("video/webm".into(), Bytes::from(vec![0; 200]));
    for at in 0..CHUNKS {
        let name = ChunkName { take: 0, group: at / group, index: (at % group) as u32 };
        let (key, data) = (name.index == 0, Bytes::from(vec![0; bytes]));
        stream
            .push(Chunk { name, key, pts_ms: at, duration_ms: 1, captured_at_ms: Some(0), data }, 0)
            .unwrap();
    }
    drop(stream);
    hub
}

#[test]
fn tiny_chunks_take_no_more_than_is_counted() {
    for group in [1, 10, CHUNKS] {
        for bytes in [0, 30, 1000] {
            let (hub, taken) = counted(|| hub(group, bytes));
            let counted = hub.budget().bytes();
            let name = format!("chunks of {bytes} bytes, {group} in a group");
            assert!(taken.peak as u64 <= counted, "{name}: {} taken, {counted} counted", taken.peak);
        }
    }
}
