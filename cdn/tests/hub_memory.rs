//! The budget counts at least what the rings really take, however small their chunks are.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

#[path = "../../crates/media/tests/common/allocator.rs"]
mod allocator;

use allocator::counted;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use cdn::hub::{Hub, HubLimits, RingLimits};
use media::{Codec, Frame, Run, Track, TrackKind};
use protocol::{Format, StreamId, stream::Visibility};

const RUNS: u64 = 20_000;

/// A track that can be written in every format.
fn tracks() -> Arc<[Track]> {
    let config = Bytes::from_static(b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0");
    let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
    Arc::from([Track { codec: Codec::Opus, kind, config, colour: Bytes::new() }])
}

/// A run of one frame of `bytes` bytes, whose data are a slice of a `buffer`, as a demuxer makes them.
fn run(group: u64, index: u32, bytes: usize, buffer: usize) -> Run {
    let mut buffer = BytesMut::zeroed(buffer.max(bytes));
    let data = buffer.split_to(bytes).freeze();
    let frame = Frame { track: 0, pts_us: 0, dts_us: 0, duration_us: 20_000, key: true, data };
    Run { group, index, frames: vec![frame] }
}

/// A hub with one stream of runs of `bytes` bytes, `group` of them in each group, which are read in `formats`.
fn hub(group: u64, bytes: usize, formats: &[Format]) -> Hub {
    let ring = RingLimits { window_ms: 30_000, group_bytes: 64 << 20 };
    let limits = HubLimits { ring, budget_bytes: 512 << 20, streams: 1 };
    // As a WebSocket's frame does.
    let mut hub = Hub::new(limits, |_, out| out.put_slice(&[0; 10]));
    let stream = hub.open(StreamId::new("a", 1), Visibility::Public).unwrap();
    let mut stream = stream.lock().unwrap();
    stream.ring_mut().push_tracks(0, tracks()).unwrap();
    stream.set_epoch_ms(Some(0));
    for at in 0..RUNS {
        stream.ring_mut().push(0, run(at / group, (at % group) as u32, bytes, 0), None, 0).unwrap();
        for format in formats {
            stream.ring_mut().chunk(at, *format).unwrap();
        }
    }
    drop(stream);
    hub
}

#[test]
fn tiny_runs_and_what_is_made_of_them_take_no_more_than_is_counted() {
    for group in [1, 10, RUNS] {
        for (bytes, formats) in
            [(1, &Format::ALL[..0]), (30, &[Format::Mp4]), (1000, &[]), (1000, &Format::ALL)]
        {
            let (hub, taken) = counted(|| hub(group, bytes, formats));
            let counted = hub.budget().bytes();
            let name = format!("runs of {bytes} bytes, {group} in a group, read in {formats:?}");
            assert!(taken.peak as u64 <= counted, "{name}: {} taken, {counted} counted", taken.peak);
        }
    }
}

#[test]
fn what_no_reader_wants_keeps_no_buffer_of_a_parser() {
    const BUFFER: usize = 64 << 10;
    let ring = RingLimits { window_ms: 30_000, group_bytes: 64 << 20 };
    let (hub, taken) = counted(|| {
        let mut hub = Hub::new(HubLimits { ring, budget_bytes: 512 << 20, streams: 1 }, |_, _| {});
        let stream = hub.open(StreamId::new("a", 1), Visibility::Public).unwrap();
        let mut stream = stream.lock().unwrap();
        stream.ring_mut().push_tracks(0, tracks()).unwrap();
        for group in 0..1000 {
            stream.ring_mut().push(0, run(group, 0, 1, BUFFER), None, 0).unwrap();
        }
        drop(stream);
        hub
    });
    let counted = hub.budget().bytes();
    assert!(taken.peak as u64 <= counted + 2 * BUFFER as u64, "{} taken, {counted} counted", taken.peak);
}
