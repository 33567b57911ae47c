//! Tracks and runs of frames for tests.

use std::sync::Arc;

use bytes::Bytes;
use media::{Codec, Frame, Run, Track, TrackKind};
use protocol::event::FrameName;

/// One track that can be written in every format.
pub(crate) fn tracks() -> Arc<[Track]> {
    sound(Codec::Opus, b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0")
}

/// One track that has no place in WebM.
pub(crate) fn aac() -> Arc<[Track]> {
    sound(Codec::Aac, &[0x11, 0x90])
}

fn sound(codec: Codec, config: &'static [u8]) -> Arc<[Track]> {
    let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
    Arc::from([Track { codec, kind, config: Bytes::from_static(config), colour: Bytes::new() }])
}

/// A run of as many frames of `bytes` bytes each, 1 ms apart, of which the first is called `name`.
pub(crate) fn run(name: FrameName, frames: u32, bytes: usize) -> Run {
    let frame = |at: u32| Frame {
        track: 0,
        pts_us: u64::from(at) * 1000,
        dts_us: u64::from(at) * 1000,
        duration_us: 1000,
        key: name.index == 0 && at == 0,
        data: Bytes::from(vec![at as u8; bytes]),
    };
    Run { group: name.group, index: name.index, frames: (0..frames).map(frame).collect() }
}
