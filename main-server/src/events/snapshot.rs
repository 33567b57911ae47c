//! The whole list as JSON, built once and shared by all readers.
//!
//! Readers hold a snapshot weakly and take it piece by piece. So the memory of all snapshots together has a bound,
//! whatever the number of slow readers: the oldest are dropped beyond [`MAX_BYTES`], and their readers end.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use serving::Prefix;

use super::text::Text;

/// Bytes of all snapshots together, and as much again where clients reach the site below a path; the newest is kept even if it has more.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Bytes after which a piece is closed.
const PIECE_BYTES: usize = 64 * 1024;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The position in the log from which it leads on.
    pub(super) position: u64,
    pieces: Vec<Text>,
}

impl Snapshot {
    pub(super) fn new(rows: &[Arc<str>], position: u64) -> Self {
        let (mut pieces, mut piece) = (Vec::new(), String::from("["));
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                piece.push(',');
            }
            piece.push_str(row);
            if piece.len() >= PIECE_BYTES {
                pieces.push(std::mem::take(&mut piece).into());
            }
        }
        piece.push(']');
        pieces.push(piece.into());
        Self { position, pieces }
    }

    /// Names this state of the list among all since the start of the process.
    pub(crate) fn version(&self) -> u64 {
        self.position
    }

    /// Length of the JSON text for clients at the root.
    pub(crate) fn bytes(&self) -> usize {
        self.pieces.iter().map(Text::len).sum()
    }

    /// A piece of the JSON text for clients who reach the site below `prefix`; none after the last one.
    pub(crate) fn piece(&self, index: usize, prefix: &Prefix) -> Option<Bytes> {
        Some(self.pieces.get(index)?.below(prefix))
    }
}

/// The snapshots that readers may still be taking, newest last.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    kept: VecDeque<Arc<Snapshot>>,
    bytes: usize,
    built: u64,
}

impl Snapshots {
    pub(super) fn newest(&self) -> Option<Arc<Snapshot>> {
        self.kept.back().cloned()
    }

    /// Keeps a snapshot, which is newer than all others.
    pub(super) fn keep(&mut self, snapshot: Arc<Snapshot>) {
        // The others have no reader.
        self.kept.retain(|kept| Arc::weak_count(kept) > 0 || Arc::strong_count(kept) > 1);
        self.kept.push_back(snapshot);
        self.bytes = self.kept.iter().map(|kept| kept.bytes()).sum();
        while self.bytes > MAX_BYTES
            && self.kept.len() > 1
            && let Some(oldest) = self.kept.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
        self.built += 1;
    }

    /// How many were built.
    pub(super) fn built(&self) -> u64 {
        self.built
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_readers_share_a_bounded_number_of_bytes() {
        let row: Arc<str> = "x".repeat(MAX_BYTES / 4).into();
        let mut snapshots = Snapshots::default();
        let readers: Vec<_> = (0..9)
            .map(|position| {
                let snapshot = Arc::new(Snapshot::new(std::slice::from_ref(&row), position));
                let reader = Arc::downgrade(&snapshot);
                snapshots.keep(snapshot);
                reader
            })
            .collect();
        let alive: Vec<_> = readers.iter().filter_map(std::sync::Weak::upgrade).collect();
        assert!(alive.iter().map(|snapshot| snapshot.bytes()).sum::<usize>() <= MAX_BYTES);
        assert_eq!(alive.last().unwrap().position, 8, "the newest is kept");
    }
}
