//! How a run becomes a chunk of a format: when its first reader wants it, once for all readers. The chunk is kept with the run, and
//! counted with it.

use std::{ops::Range, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use media::{Frame, Muxer, Run};
use protocol::{
    Format,
    event::{ChunkHead, DataKind},
    message::{MEDIA_HEAD_BYTES, put_head},
};

use super::ring::Ring;
use crate::rendition::{Chunk, PREFIX_BYTES, Prefix};

impl Ring {
    /// The run at `position` as a chunk of `format`, which is made now if no reader wanted it before. `None` if the run left or
    /// has not come, or if the format cannot be written. [`Budget::enforce`](super::Budget::enforce) is due afterwards, without the
    /// stream's lock.
    pub fn chunk(&mut self, position: u64, format: Format) -> Option<Arc<Chunk>> {
        let entry = self.entries.get_mut(usize::try_from(position.checked_sub(self.first)?).ok()?)?;
        if let Some(made) = entry.chunk(format) {
            return Some(made.clone());
        }
        let muxer = self.takes.get(&entry.head.name.take)?.muxer(format)?;
        let (before, keeps_frames) = (entry.bytes(), entry.has_no_chunk());
        let chunk = Arc::new(write(muxer, entry.head, &mut entry.run, keeps_frames, self.prefix));
        entry.keep(format, chunk.clone());
        self.bytes = self.bytes - before + entry.bytes();
        self.tell_budget();
        Some(chunk)
    }
}

/// Writes `run` with its muxer. Its frames' data are slices of the chunk from then on if `keeps_frames`.
fn write(muxer: &Muxer, head: ChunkHead, run: &mut Run, keeps_frames: bool, prefix: Prefix) -> Chunk {
    let mut out = BytesMut::with_capacity(PREFIX_BYTES + MEDIA_HEAD_BYTES + muxer.chunk_bytes(run));
    out.put_bytes(0, PREFIX_BYTES);
    put_head(&DataKind::Media(head), &mut out);
    let data_at = out.len();
    let ranges = muxer.write_chunk(run, &mut out);
    // Its length is known now, and it ends where the header begins.
    let mut before = BytesMut::with_capacity(PREFIX_BYTES);
    prefix(out.len() - PREFIX_BYTES, &mut before);
    before.truncate(PREFIX_BYTES);
    let message_at = PREFIX_BYTES - before.len();
    out[message_at..PREFIX_BYTES].copy_from_slice(&before);
    let bytes = out.capacity();
    let out = out.freeze();
    if keeps_frames {
        run.frames.iter_mut().zip(ranges).for_each(|(frame, range)| keep(frame, &out, range));
    }
    Chunk { head, data: out.slice(data_at..), message: out.slice(message_at..), bytes }
}

/// Keeps a frame's data where it was written. A muxer may have left it out, or changed it: then it gets memory of its own,
/// because it may share that of much more.
fn keep(frame: &mut Frame, out: &Bytes, range: Range<usize>) {
    frame.data = match out.get(range.clone()) {
        Some(written) if *written == *frame.data => out.slice(range),
        _ => Bytes::copy_from_slice(&frame.data),
    };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use media::{Codec, Track, TrackKind};
    use protocol::{event::FrameName, message};

    use super::*;

    #[test]
    fn data_and_frames_are_parts_of_the_message_and_no_copies() {
        let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
        let config = Bytes::from_static(b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0");
        let track = Track { codec: Codec::Opus, kind, config, colour: Bytes::new() };
        let muxer = Muxer::new(media::Rendition::WebM, Arc::from([track])).unwrap();
        let data = Bytes::from_static(b"\xfcpacket");
        let frame = Frame { track: 0, pts_us: 0, dts_us: 0, duration_us: 20_000, key: true, data };
        let mut run = Run { group: 2, index: 3, frames: vec![frame.clone(), frame.clone()] };
        let name = FrameName { take: 1, group: 2, index: 3 };
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
