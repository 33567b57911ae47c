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

use bytes::{Bytes, BytesMut};
use protocol::event::ChunkHead;

/// Writes what a transport sends before a message of so many bytes: at most 10 bytes.
pub type Prefix = fn(message_bytes: usize, out: &mut BytesMut);

/// Most bytes of a prefix.
pub(crate) const PREFIX_BYTES: usize = 10;

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
