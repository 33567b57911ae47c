//! The layout of a message between main servers: pure, and whatever comes in is read without a panic.
//!
//! ```text
//! message     version: u8 | sender: u64 | item …
//! item        kind: u8 | length: u32 | payload
//! ```
//!
//! Numbers are big-endian. Main servers of two versions run side by side during an upgrade: a kind keeps its number and the
//! layout of its payload for ever, another layout is another kind, and items of unknown kinds and messages of other versions
//! are skipped.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::kind::Kind;

/// Version of the layout above.
const VERSION: u8 = 1;
/// Bytes before a message's first item.
pub(super) const HEAD_BYTES: usize = 1 + 8;

/// A received message.
pub(super) struct Message {
    pub(super) sender: u64,
    pub(super) items: Items,
}

/// The items of a message, as far as they can be read.
pub(super) struct Items(Bytes);

impl Iterator for Items {
    type Item = (Kind, Bytes);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = Kind(self.0.try_get_u8().ok()?);
        let length = usize::try_from(self.0.try_get_u32().ok()?).ok()?;
        let payload = (length <= self.0.len()).then(|| self.0.split_to(length))?;
        Some((kind, payload))
    }
}

/// Reads a message; `None` if it is of another version or too short.
pub(super) fn read(mut bytes: Bytes) -> Option<Message> {
    let is_known = bytes.try_get_u8().ok()? == VERSION;
    let sender = bytes.try_get_u64().ok()?;
    is_known.then_some(Message { sender, items: Items(bytes) })
}

/// The first bytes of a message.
pub(super) fn head(sender: u64, capacity: usize) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(HEAD_BYTES + capacity);
    bytes.put_u8(VERSION);
    bytes.put_u64(sender);
    bytes
}

/// An item with these pieces of a payload, one after the other; `None` if they are longer than any item.
pub(super) fn item(kind: Kind, payload: &[&[u8]]) -> Option<Bytes> {
    let length = payload.iter().map(|piece| piece.len()).sum::<usize>();
    let mut bytes = BytesMut::with_capacity(5 + length);
    bytes.put_u8(kind.0);
    bytes.put_u32(length.try_into().ok()?);
    payload.iter().for_each(|piece| bytes.put_slice(piece));
    Some(bytes.freeze())
}
