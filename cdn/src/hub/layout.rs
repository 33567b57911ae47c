//! How a chunk is kept: once, behind what binary transports send before it.
//!
//! ```text
//!  one allocation   [ prefix of a transport | header of the message | data ]
//!  Stored::message    ────────────────────────────────────────────────────
//!  Chunk::data                                                       ────
//! ```
//!
//! So a viewer of a binary transport is sent the ring's own bytes as they stand, and the others share their tail.

use std::ops::Deref;

use bytes::{Bytes, BytesMut};
use protocol::{
    event::DataKind,
    message::{MEDIA_HEAD_BYTES, put_head},
};

use super::ring::Chunk;

/// Writes what a transport sends before a message of so many bytes.
pub type Prefix = fn(message_bytes: usize, out: &mut BytesMut);

/// Most bytes a prefix is expected to have; a longer one costs a second allocation.
const PREFIX_BYTES: usize = 10;

/// A chunk as the ring keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    chunk: Chunk,
    message: Bytes,
}

impl Stored {
    /// Lays out a chunk, which is copied once.
    pub(super) fn new(chunk: Chunk, prefix: Prefix) -> Self {
        let Chunk { name, key, pts_ms, duration_ms, captured_at_ms, ref data } = chunk;
        let message_bytes = MEDIA_HEAD_BYTES + data.len();
        let mut message = BytesMut::with_capacity(PREFIX_BYTES + message_bytes);
        prefix(message_bytes, &mut message);
        put_head(
            &DataKind::Media { name, frames: 1, key, pts_ms, duration_ms, captured_at_ms },
            &mut message,
        );
        let head_bytes = message.len();
        message.extend_from_slice(data);
        let message = message.freeze();
        Self { chunk: Chunk { data: message.slice(head_bytes..), ..chunk }, message }
    }

    /// Prefix, header and data: what a viewer is sent.
    pub fn message(&self) -> &Bytes {
        &self.message
    }
}

impl Deref for Stored {
    type Target = Chunk;

    fn deref(&self) -> &Chunk {
        &self.chunk
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use protocol::{event::ChunkName, message};

    use super::*;

    #[test]
    fn data_is_the_tail_of_the_message_and_not_a_copy() {
        let name = ChunkName { take: 1, group: 2, index: 3 };
        let data = Bytes::from_static(b"cluster");
        let chunk = Chunk { name, key: true, pts_ms: 4, duration_ms: 5, captured_at_ms: Some(6), data };
        let stored = Stored::new(chunk.clone(), |bytes, out| out.put_u16(bytes as u16));
        assert_eq!(*stored, chunk);
        assert_eq!(stored.message()[..2], (MEDIA_HEAD_BYTES as u16 + 7).to_be_bytes());
        assert_eq!(stored.data.as_ptr_range().end, stored.message().as_ptr_range().end);
        let (kind, data) = message::read(&stored.message().slice(2..)).unwrap();
        let expected = DataKind::Media {
            name,
            frames: 1,
            key: true,
            pts_ms: 4,
            duration_ms: 5,
            captured_at_ms: Some(6),
        };
        assert_eq!((kind, data), (expected, chunk.data));
    }
}
