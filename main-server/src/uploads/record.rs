//! The record of an upload: which bytes are there, and in which parts.
//!
//! Bytes arrive in pieces: what one request appended. A piece is stored as parts of [`PART_BYTES`], of which the last may be
//! shorter, so the record needs only the ends of pieces. Each request that appends is a writer with a number of its own, which is in
//! the names of its parts: what a writer stores that lost the upload to another one replaces nothing.

use std::{fmt, net::IpAddr, str::FromStr};

use protocol::ItemId;
use serde::{Deserialize, Serialize};
use store::Namespace;

use super::{NewUpload, metadata::Metadata};
use crate::{auth::token, state::catalogue::record::Owner};

/// Bytes of every part of a piece but the last.
pub const PART_BYTES: u64 = 4 << 20;
/// Most requests that may append to one upload. It bounds the record at some 200 KB.
pub const MAX_WRITERS: u32 = 8_192;
/// How long an upload holds room for what it lacks while nothing comes. It can go on after that, if there is room then.
pub const IDLE_MS: u64 = 60 * 60 * 1_000;
/// Digits of a key.
const KEY_CHARS: usize = 32;

/// Names the record of an upload. It tells nothing about the token, which is in the URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(String);

impl Key {
    /// The key for the token in an upload's URL.
    pub(crate) fn of(token: &str) -> Self {
        Self(token::digest(token)[..KEY_CHARS].to_owned())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Key {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_key = text.len() == KEY_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_key.then(|| Self(text.to_owned())).ok_or("the key of an upload is 32 hex digits")
    }
}

/// What becomes of an upload, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Bytes are missing.
    Receiving,
    /// All bytes are there, and an item is being made of them.
    Complete,
    /// The item is ready, or failed. The parts are not needed any more.
    Processed,
    /// It expired, or was ended by its client.
    Gone,
}

/// What one request appended: the number of the writer, and where the piece ends. It begins where the one before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece(pub(super) u32, pub(super) u64);

/// A part in the object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) writer: u32,
    /// Where it begins in the file.
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    /// Where it was made from, for the bound per address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<IpAddr>,
    /// Bytes of the file.
    pub(crate) length: u64,
    pub(crate) metadata: Metadata,
    /// The item that it becomes.
    pub(crate) item_id: ItemId,
    pub(crate) phase: Phase,
    /// Of the last progress, Unix epoch.
    pub(crate) changed_at_ms: u64,
    /// When a request went on with it after it had been [idle](Self::is_idle), Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resumed_at_ms: Option<u64>,
    /// The number of the newest writer; 0 before the first one.
    pub(super) writer: u32,
    pub(super) pieces: Vec<Piece>,
}

impl store::Record for Record {
    type Key = Key;
    const NAMESPACE: Namespace = Namespace::new("uploads");
}

impl Record {
    /// An upload without bytes.
    pub(super) fn new(new: NewUpload, item_id: ItemId, now_ms: u64) -> Self {
        let NewUpload { owner, address, length, metadata } = new;
        let (phase, changed_at_ms) = (Phase::Receiving, now_ms);
        let (resumed_at_ms, writer, pieces) = (None, 0, vec![]);
        Self {
            owner,
            address,
            length,
            metadata,
            item_id,
            phase,
            changed_at_ms,
            resumed_at_ms,
            writer,
            pieces,
        }
    }

    /// How many bytes are there.
    pub(crate) fn offset(&self) -> u64 {
        self.pieces.last().map_or(0, |Piece(_, end)| *end)
    }

    /// Whether its bytes count against quotas: no item has them yet.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Receiving | Phase::Complete)
    }

    /// Whether nothing has come for so long that the upload holds no room for what it lacks.
    pub(super) fn is_idle(&self, now_ms: u64) -> bool {
        let active_at_ms =
            self.resumed_at_ms.map_or(self.changed_at_ms, |at_ms| at_ms.max(self.changed_at_ms));
        self.phase == Phase::Receiving && now_ms.saturating_sub(active_at_ms) >= IDLE_MS
    }

    /// The bytes that count against quotas while it [is open](Self::is_open).
    pub(super) fn reserved(&self, now_ms: u64) -> u64 {
        if self.is_idle(now_ms) { self.offset() } else { self.length }
    }

    /// The parts that make up the bytes which are there, in order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        let starts = std::iter::once(0).chain(self.pieces.iter().map(|Piece(_, end)| *end));
        starts.zip(&self.pieces).flat_map(|(start, Piece(writer, end))| {
            (start..*end).step_by(PART_BYTES as usize).map(move |offset| Part {
                writer: *writer,
                offset,
                bytes: PART_BYTES.min(end - offset),
            })
        })
    }

    /// The same with a new writer, which appends at `offset`; `None` if that is not where the upload is.
    pub(super) fn taken_over(&self, offset: u64, now_ms: u64) -> Option<Self> {
        let is_there = self.phase == Phase::Receiving && self.offset() == offset && self.writer < MAX_WRITERS;
        let resumed_at_ms = if self.is_idle(now_ms) { Some(now_ms) } else { self.resumed_at_ms };
        is_there.then(|| Self { writer: self.writer + 1, resumed_at_ms, ..self.clone() })
    }

    /// The same, not idle any more, because `writer` goes on; `None` if it is not the writer any more.
    pub(super) fn resumed(&self, writer: u32, now_ms: u64) -> Option<Self> {
        (self.writer == writer).then(|| Self { resumed_at_ms: Some(now_ms), ..self.clone() })
    }

    /// The same with what `writer` stored up to `end`; `None` if it is not the writer any more.
    pub(super) fn appended(&self, writer: u32, end: u64, now_ms: u64) -> Option<Self> {
        let may = self.is_written_by(writer) && self.offset() < end && end <= self.length;
        let mut record = may.then(|| self.clone())?;
        match record.pieces.last_mut() {
            Some(Piece(last, last_end)) if *last == writer => *last_end = end,
            _ => record.pieces.push(Piece(writer, end)),
        }
        if end == record.length {
            record.phase = Phase::Complete;
        }
        Some(Self { changed_at_ms: now_ms, ..record })
    }

    /// Whether no other request took the upload over from `writer` or ended it. `writer` itself may have completed it.
    pub(super) fn is_left_to(&self, writer: u32) -> bool {
        self.phase != Phase::Gone && self.writer == writer
    }

    /// Whether `writer` may append to the upload.
    fn is_written_by(&self, writer: u32) -> bool {
        self.phase == Phase::Receiving && self.writer == writer
    }

    /// The same, once an item has been made of it; `None` if it is not complete, or that was noted before.
    pub(super) fn processed(&self, now_ms: u64) -> Option<Self> {
        (self.phase == Phase::Complete).then(|| Self {
            phase: Phase::Processed,
            changed_at_ms: now_ms,
            ..self.clone()
        })
    }

    /// The same, ended; `None` if it is complete or has ended.
    pub(super) fn gone(&self, now_ms: u64) -> Option<Self> {
        (self.phase == Phase::Receiving).then(|| self.expired(now_ms))
    }

    /// The same, ended because nothing has become of it.
    pub(super) fn expired(&self, now_ms: u64) -> Self {
        Self { phase: Phase::Gone, changed_at_ms: now_ms, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(length: u64) -> Record {
        let new = NewUpload { owner: None, address: None, length, metadata: Metadata::default() };
        Record::new(new, ItemId::from_bytes([0; 16]), 0)
    }

    #[test]
    fn parts_follow_from_the_ends_of_pieces() {
        let writer = |record: Record| record.taken_over(record.offset(), 0).unwrap();
        let append = |record: Record, end| record.appended(record.writer, end, 1).unwrap();
        let length = 3 * PART_BYTES;
        let begun = append(append(writer(record(length)), PART_BYTES), PART_BYTES + 7);
        let whole = append(writer(append(writer(begun), PART_BYTES + 9)), length);
        let parts: Vec<_> = whole.parts().map(|part| (part.writer, part.offset, part.bytes)).collect();
        let expected = [
            (1, 0, PART_BYTES),
            (1, PART_BYTES, 7),
            (2, PART_BYTES + 7, 2),
            (3, PART_BYTES + 9, PART_BYTES),
            (3, 2 * PART_BYTES + 9, PART_BYTES - 9),
        ];
        assert_eq!(parts, expected);
        assert_eq!((whole.phase, whole.taken_over(length, 0)), (Phase::Complete, None));
    }

    #[test]
    fn only_the_newest_writer_appends() {
        let first = record(10).taken_over(0, 0).unwrap();
        let second = first.taken_over(0, 0).unwrap();
        assert_eq!(second.appended(first.writer, 5, 1), None);
        let half = second.appended(second.writer, 5, 1).unwrap();
        assert_eq!((half.taken_over(0, 0), half.appended(second.writer, 11, 1)), (None, None));
    }

    #[test]
    fn an_upload_is_left_to_the_writer_that_completes_it() {
        let first = record(10).taken_over(0, 0).unwrap();
        let second = first.taken_over(0, 0).unwrap();
        assert!(second.is_left_to(second.writer) && !second.is_left_to(first.writer));
        let whole = second.appended(second.writer, 10, 1).unwrap();
        assert!(whole.is_left_to(second.writer) && !whole.is_left_to(first.writer));
        let processed = whole.processed(2).unwrap();
        assert!(processed.is_left_to(second.writer));
        assert!(!Record { phase: Phase::Gone, ..whole }.is_left_to(second.writer));
    }

    #[test]
    fn requests_that_append_to_an_upload_are_bounded() {
        let mut record = record(1 << 40);
        for offset in 0..u64::from(MAX_WRITERS) {
            record = record.taken_over(offset, 0).unwrap();
            record = record.appended(record.writer, offset + 1, u64::MAX).unwrap();
        }
        assert_eq!(record.taken_over(record.offset(), 0), None);
        assert!(serde_json::to_vec(&record).unwrap().len() < store::MAX_VALUE_BYTES / 2);
    }
}
