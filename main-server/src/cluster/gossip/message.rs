//! Messages between main servers, as bytes: pure, and whatever comes in is read without a panic.
//!
//! ```text
//! message     version: u8 | sender: u64 | item …
//! item        kind: u8 | length: u32 | what is in it
//! heartbeat   id length: u16 | node id | heard at, Unix ms: u64 | part: u8 | body as the node sent it, JSON
//! thumbnail   stream id: 32 hex digits | format: u8 | version: u64 | picture
//! written     namespace: u8 | revision: u64 | lease, ms: u64, 0 for none | key length: u16 | key | value as stored
//! ```
//!
//! Numbers are big-endian. Items of unknown kinds and messages of other versions are passed over, so that servers of
//! different versions get along.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use protocol::{NodeId, StreamId};
use store::{Entry, Namespace, Record as _, Revision};

use crate::{
    nodes::record::Registration,
    streams::{
        record::Record,
        thumbnail::{ImageKind, Thumbnail},
    },
};

/// Version of the layout above.
const VERSION: u8 = 1;
const HEARTBEAT: u8 = 1;
const THUMBNAIL: u8 = 2;
const WRITTEN: u8 = 3;
/// Of which entries others are told, by the number that stands for the namespace.
pub(super) const NAMESPACES: [Namespace; 2] = [Record::NAMESPACE, Registration::NAMESPACE];
/// Bytes before a message's first item.
pub(super) const HEAD_BYTES: usize = 1 + 8;
/// Hex digits of a stream id.
const STREAM_ID_BYTES: usize = 32;

/// Which part of a heartbeat; one with very many streams comes in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    First,
    Next,
    Last,
}

impl Part {
    const ALL: [Self; 4] = [Self::Whole, Self::First, Self::Next, Self::Last];
}

/// A message of one main server.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A node's heartbeat arrived.
    Heartbeat { node_id: NodeId, heard_at_ms: u64, part: Part, body: Bytes },
    /// A picture arrived.
    Thumbnail { stream_id: StreamId, thumbnail: Thumbnail },
    /// An entry is in the store.
    Written { namespace: Namespace, entry: Entry },
}

/// A received message.
pub(super) struct Message {
    pub(super) sender: u64,
    pub(super) items: Items,
}

/// The items of a message, as far as they can be read.
pub(super) struct Items(Bytes);

impl Iterator for Items {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            let kind = self.0.try_get_u8().ok()?;
            let length = usize::try_from(self.0.try_get_u32().ok()?).ok()?;
            let mut bytes = split(&mut self.0, length)?;
            let item = match kind {
                HEARTBEAT => read_heartbeat(&mut bytes),
                THUMBNAIL => read_thumbnail(&mut bytes),
                WRITTEN => read_written(&mut bytes),
                _ => None,
            };
            if item.is_some() {
                return item;
            }
        }
    }
}

/// Reads a message; none if it is of another version or too short.
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

fn split(bytes: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

fn read_heartbeat(bytes: &mut Bytes) -> Option<Item> {
    let length = bytes.try_get_u16().ok()?;
    let node_id = String::from_utf8(split(bytes, length.into())?.into()).ok()?;
    let heard_at_ms = bytes.try_get_u64().ok()?;
    let part = *Part::ALL.get(usize::from(bytes.try_get_u8().ok()?))?;
    Some(Item::Heartbeat { node_id: NodeId(node_id), heard_at_ms, part, body: std::mem::take(bytes) })
}

fn read_thumbnail(bytes: &mut Bytes) -> Option<Item> {
    let stream_id = split(bytes, STREAM_ID_BYTES)?;
    let stream_id = std::str::from_utf8(&stream_id).ok()?.parse().ok()?;
    let kind = *ImageKind::ALL.get(usize::from(bytes.try_get_u8().ok()?))?;
    let version = bytes.try_get_u64().ok()?;
    Some(Item::Thumbnail { stream_id, thumbnail: Thumbnail { version, kind, bytes: std::mem::take(bytes) } })
}

fn read_written(bytes: &mut Bytes) -> Option<Item> {
    let namespace = *NAMESPACES.get(usize::from(bytes.try_get_u8().ok()?))?;
    let revision = Revision(bytes.try_get_u64().ok()?);
    let lease = Some(bytes.try_get_u64().ok()?).filter(|lease| *lease > 0).map(Duration::from_millis);
    let length = bytes.try_get_u16().ok()?;
    let key = String::from_utf8(split(bytes, length.into())?.into()).ok()?;
    Some(Item::Written { namespace, entry: Entry { key, value: std::mem::take(bytes), revision, lease } })
}

/// An item as bytes; none of one that never is: an id or a key longer than any, an entry of a namespace not among
/// [`NAMESPACES`].
pub(super) fn write(item: &Item) -> Option<Bytes> {
    let mut bytes = BytesMut::new();
    match item {
        Item::Heartbeat { node_id, heard_at_ms, part, body } => {
            bytes.reserve(32 + node_id.0.len() + body.len());
            bytes.put_u8(HEARTBEAT);
            bytes.put_u32(0);
            bytes.put_u16(u16::try_from(node_id.0.len()).ok()?);
            bytes.put_slice(node_id.0.as_bytes());
            bytes.put_u64(*heard_at_ms);
            bytes.put_u8(index_of(&Part::ALL, part));
            bytes.put_slice(body);
        }
        Item::Thumbnail { stream_id, thumbnail } => {
            bytes.reserve(64 + thumbnail.bytes.len());
            bytes.put_u8(THUMBNAIL);
            bytes.put_u32(0);
            bytes.put_slice(stream_id.to_string().as_bytes());
            bytes.put_u8(index_of(&ImageKind::ALL, &thumbnail.kind));
            bytes.put_u64(thumbnail.version);
            bytes.put_slice(&thumbnail.bytes);
        }
        Item::Written { namespace, entry } => {
            bytes.reserve(32 + entry.key.len() + entry.value.len());
            bytes.put_u8(WRITTEN);
            bytes.put_u32(0);
            bytes.put_u8(u8::try_from(NAMESPACES.iter().position(|other| other == namespace)?).ok()?);
            bytes.put_u64(entry.revision.0);
            let lease = entry.lease.map_or(0, |lease| lease.as_millis());
            bytes.put_u64(u64::try_from(lease).unwrap_or(u64::MAX));
            bytes.put_u16(u16::try_from(entry.key.len()).ok()?);
            bytes.put_slice(entry.key.as_bytes());
            bytes.put_slice(&entry.value);
        }
    }
    let length = u32::try_from(bytes.len() - 5).ok()?;
    bytes[1..5].copy_from_slice(&length.to_be_bytes());
    Some(bytes.freeze())
}

fn index_of<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let index = all.iter().position(|other| other == one).unwrap_or_default();
    u8::try_from(index).unwrap_or_default()
}
