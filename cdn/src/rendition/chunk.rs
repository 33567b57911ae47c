//! A run of frames in one format, as it is sent: written once, behind what binary transports send before it.
//!
//! ```text
//!  one allocation   [ prefix of a transport | header of the message | data ]
//!  Chunk::message     ────────────────────────────────────────────────────
//!  Chunk::data                                                       ────
//!  Frame::data                                                        ─ ─      of the first format that was written
//! ```
//!
//! So a viewer of a binary transport is sent the ring's own bytes as they stand, the others share their tail, and frames are
//! kept once.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use media::{Frame, Muxer, Run};
use protocol::{
    event::{ChunkHead, DataKind},
    message::{MEDIA_HEAD_BYTES, put_head},
};

/// Writes what a transport sends before a message of so many bytes: at most 10 bytes.
pub type Prefix = fn(message_bytes: usize, out: &mut BytesMut);

/// Most bytes of a prefix.
const PREFIX_BYTES: usize = 10;

/// A run of frames in one format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its name and times.
    pub head: ChunkHead,
    /// The bytes to append.
    pub data: Bytes,
    /// Prefix, header and data: what a viewer of a binary transport is sent.
    pub message: Bytes,
    /// Bytes of the allocation.
    pub(crate) bytes: usize,
}

/// Writes `run` with its muxer. Its frames' data are slices of the chunk from then on if `keep_there`.
pub(super) fn write(
    muxer: &Muxer,
    head: ChunkHead,
    run: &mut Run,
    keep_there: bool,
    prefix: Prefix,
) -> Chunk {
    let mut out = BytesMut::with_capacity(PREFIX_BYTES + MEDIA_HEAD_BYTES + muxer.chunk_bytes(run));
    out.put_bytes(0, PREFIX_BYTES);
    put_head(&DataKind::Media(head), &mut out);
    let data_at = out.len();
    let places = muxer.write_chunk(run, &mut out);
    // Its length is known now, and it ends where the header begins.
    let mut before = BytesMut::with_capacity(PREFIX_BYTES);
    prefix(out.len() - PREFIX_BYTES, &mut before);
    before.truncate(PREFIX_BYTES);
    let message_at = PREFIX_BYTES - before.len();
    out[message_at..PREFIX_BYTES].copy_from_slice(&before);
    let bytes = out.capacity();
    let out = out.freeze();
    if keep_there {
        run.frames.iter_mut().zip(places).for_each(|(frame, place)| keep(frame, &out, place));
    }
    Chunk { head, data: out.slice(data_at..), message: out.slice(message_at..), bytes }
}

/// Keeps a frame's data where it was written. A muxer may have left it out, or changed it: then it gets memory of its own,
/// because it may share that of much more.
fn keep(frame: &mut Frame, out: &Bytes, place: Range<usize>) {
    frame.data = match out.get(place.clone()) {
        Some(written) if *written == *frame.data => out.slice(place),
        _ => Bytes::copy_from_slice(&frame.data),
    };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use media::{Codec, Format, Track, TrackKind};
    use protocol::{event::ChunkName, message};

    use super::*;

    #[test]
    fn data_and_frames_are_parts_of_the_message_and_no_copies() {
        let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
        let config = Bytes::from_static(b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0");
        let track = Track { codec: Codec::Opus, kind, config, colour: Bytes::new() };
        let muxer = Muxer::new(Format::WebM, Arc::from([track])).unwrap();
        let data = Bytes::from_static(b"\xfcpacket");
        let frame = Frame { track: 0, pts_us: 0, dts_us: 0, duration_us: 20_000, key: true, data };
        let mut run = Run { group: 2, index: 3, frames: vec![frame.clone(), frame.clone()] };
        let name = ChunkName { take: 1, group: 2, index: 3 };
        let head =
            ChunkHead { name, frames: 2, key: true, pts_ms: 4, duration_ms: 5, captured_at_ms: Some(6) };
        let chunk = write(&muxer, head, &mut run, true, |bytes, out| out.put_u16(bytes as u16));
        let whole = chunk.message.as_ptr_range();
        assert_eq!(chunk.message[..2], (chunk.message.len() as u16 - 2).to_be_bytes());
        assert_eq!(chunk.data.as_ptr_range().end, whole.end);
        let (kind, data) = message::read(&chunk.message.slice(2..)).unwrap();
        assert_eq!((kind, data), (DataKind::Media(head), chunk.data.clone()));
        for kept in &run.frames {
            assert_eq!(kept, &frame);
            assert!(whole.contains(&kept.data.as_ptr()));
        }
    }
}
