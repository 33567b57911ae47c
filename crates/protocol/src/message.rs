//! Binary messages of the `ws` transport: a small fixed header and the bytes to append. `docs/protocol.md`, section 3.
//!
//! ```text
//!  media                                        init
//!   0  u8   2                                    0  u8   1
//!   1  u8   flags: 1 keyframe, 2 capture time    1  u8   flags: 2 origin time
//!   2  u16  header bytes (52)                    2  u16  header bytes (24 + type)
//!   4  u32  index                                4  u32  0
//!   8  u64  take                                 8  u64  take
//!  16  u64  group                               16  i64  origin time, ms
//!  24  u64  pts, ms                             24  …    type with codecs, UTF-8
//!  32  u64  duration, ms                         …  …    data
//!  40  i64  capture time, ms
//!  48  u32  frames
//!  52  …    data
//! ```
//!
//! Numbers are big-endian. A reader finds the data by the header's length, so later versions may append fields. Earlier
//! versions wrote a media header of 48 bytes: one frame.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::event::{ChunkHead, DataKind, FrameName};

/// First byte of an init segment.
const INIT: u8 = 1;
/// First byte of a chunk.
const MEDIA: u8 = 2;
/// The chunk begins with a keyframe.
const KEY: u8 = 1;
/// The capture or origin time is known.
const TIMED: u8 = 2;
/// Bytes before an init segment's type.
const INIT_HEAD_BYTES: usize = 24;
/// Bytes before a chunk's data.
pub const MEDIA_HEAD_BYTES: usize = 52;
/// Bytes of a header that does not count the chunk's frames.
const UNCOUNTED_HEAD_BYTES: usize = 48;
/// Most bytes of a chunk, on every node: an origin makes none that is larger, and a relay takes every one up to this. Enough
/// for the largest MP4 fragment that is read (32 MiB), the rest of the largest segment that may be configured (16 MiB), and 1 MiB of
/// headers and silence for 4096 frames.
pub const MAX_CHUNK_BYTES: usize = 49 << 20;
/// Longest type an init segment may name.
pub const MAX_MIME_BYTES: usize = 256;

/// Why a message could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// It ends within its header, or its header is shorter than its fields.
    #[error("message of {0} bytes is too short for its header")]
    Short(usize),
    /// Neither an init segment nor a chunk.
    #[error("message of unknown kind {0}")]
    Kind(u8),
    /// The type is not UTF-8 or too long.
    #[error("message has no valid media type")]
    Mime,
}

/// Writes the header of a message to `out`; the bytes to append follow it.
pub fn put_head(kind: &DataKind, out: &mut BytesMut) {
    let timed = |time: Option<i64>| if time.is_some() { TIMED } else { 0 };
    match kind {
        DataKind::Init { take, mime, origin_time_ms } => {
            // Types come from recorders and are checked at ingest; a longer one is truncated, not a panic.
            let mime = &mime.as_bytes()[..mime.len().min(MAX_MIME_BYTES)];
            out.put_u8(INIT);
            out.put_u8(timed(*origin_time_ms));
            out.put_u16((INIT_HEAD_BYTES + mime.len()) as u16);
            out.put_u32(0);
            out.put_u64(*take);
            out.put_i64(origin_time_ms.unwrap_or_default());
            out.put_slice(mime);
        }
        DataKind::Media(ChunkHead { name, frames, key, pts_ms, duration_ms, captured_at_ms }) => {
            out.put_u8(MEDIA);
            out.put_u8(timed(*captured_at_ms) | if *key { KEY } else { 0 });
            out.put_u16(MEDIA_HEAD_BYTES as u16);
            out.put_u32(name.index);
            out.put_u64(name.take);
            out.put_u64(name.group);
            out.put_u64(*pts_ms);
            out.put_u64(*duration_ms);
            out.put_i64(captured_at_ms.unwrap_or_default());
            out.put_u32(*frames);
        }
    }
}

/// Reads a message: what it is, and the bytes to append, which share its memory.
///
/// # Errors
/// See [`Error`].
pub fn read(message: &Bytes) -> Result<(DataKind, Bytes), Error> {
    let short = Error::Short(message.len());
    let mut fields = message.clone();
    if fields.len() < INIT_HEAD_BYTES {
        return Err(short);
    }
    let (kind, flags, head_bytes, index) =
        (fields.get_u8(), fields.get_u8(), usize::from(fields.get_u16()), fields.get_u32());
    let take = fields.get_u64();
    let least = if kind == INIT { INIT_HEAD_BYTES } else { UNCOUNTED_HEAD_BYTES };
    if message.len() < head_bytes || head_bytes < least {
        return Err(if matches!(kind, INIT | MEDIA) { short } else { Error::Kind(kind) });
    }
    let timed = |time: i64| (flags & TIMED != 0).then_some(time);
    let kind = match kind {
        INIT => {
            let origin_time_ms = timed(fields.get_i64());
            let mime = &fields[..head_bytes - INIT_HEAD_BYTES];
            let mime = std::str::from_utf8(mime).ok().filter(|mime| mime.len() <= MAX_MIME_BYTES);
            DataKind::Init { take, mime: mime.ok_or(Error::Mime)?.to_owned(), origin_time_ms }
        }
        MEDIA => {
            let name = FrameName { take, group: fields.get_u64(), index };
            let (pts_ms, duration_ms) = (fields.get_u64(), fields.get_u64());
            let captured_at_ms = timed(fields.get_i64());
            let frames = if head_bytes < MEDIA_HEAD_BYTES { 1 } else { fields.get_u32().max(1) };
            let key = flags & KEY != 0;
            DataKind::Media(ChunkHead { name, frames, key, pts_ms, duration_ms, captured_at_ms })
        }
        other => return Err(Error::Kind(other)),
    };
    Ok((kind, message.slice(head_bytes..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: &DataKind, data: &[u8]) -> Bytes {
        let mut out = BytesMut::new();
        put_head(kind, &mut out);
        out.put_slice(data);
        out.freeze()
    }

    fn media() -> DataKind {
        let name = FrameName { take: 1, group: 2, index: 3 };
        let captured_at_ms = Some(-6);
        DataKind::Media(ChunkHead { name, frames: 7, key: true, pts_ms: 4, duration_ms: 5, captured_at_ms })
    }

    #[test]
    fn what_was_written_is_read_again() {
        let init = DataKind::Init { take: 7, mime: "video/webm;codecs=\"vp9\"".into(), origin_time_ms: None };
        for kind in [media(), init] {
            assert_eq!(read(&written(&kind, b"data")), Ok((kind, Bytes::from_static(b"data"))));
        }
    }

    #[test]
    fn cut_messages_and_unknown_kinds_are_errors() {
        let whole = written(&media(), b"");
        for bytes in 0..whole.len() {
            assert_eq!(read(&whole.slice(..bytes)), Err(Error::Short(bytes)));
        }
        let mut other = whole.to_vec();
        other[0] = 9;
        assert_eq!(read(&other.into()), Err(Error::Kind(9)));
    }

    #[test]
    fn fields_a_later_version_appends_are_passed_over() {
        let mut longer = written(&media(), b"later").to_vec();
        longer[3] += 5;
        longer.extend(b"data");
        assert_eq!(read(&longer.into()), Ok((media(), Bytes::from_static(b"data"))));
    }
}
