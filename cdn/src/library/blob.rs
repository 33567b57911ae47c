//! The bytes of a blob in memory.

use std::ops::Range;

use bytes::Bytes;

/// Most bytes that a response holds of a blob: a client that reads slowly costs no more, besides its socket's buffer.
pub(super) const PIECE_BYTES: usize = 512 << 10;

/// A whole blob, in pieces of [`PIECE_BYTES`] that live as long as each is used: who holds one does not hold the others.
#[derive(Debug)]
pub(super) struct Pieces {
    pieces: Vec<Bytes>,
    bytes: u64,
}

impl Pieces {
    pub(super) fn of(whole: Bytes) -> Self {
        let bytes = whole.len() as u64;
        let pieces = match whole.len() {
            0..=PIECE_BYTES => vec![whole],
            _ => whole.chunks(PIECE_BYTES).map(Bytes::copy_from_slice).collect(),
        };
        Self { pieces, bytes }
    }

    /// How many there are together.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What can be had at once of `range`, from its start on: never nothing, unless the range is empty or past the end.
    pub(super) fn at(&self, range: Range<u64>) -> Bytes {
        let piece_bytes = PIECE_BYTES as u64;
        let Some(piece) = usize::try_from(range.start / piece_bytes).ok().and_then(|at| self.pieces.get(at))
        else {
            return Bytes::new();
        };
        let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(piece.len());
        let begin = within(range.start % piece_bytes);
        let end = within((range.start % piece_bytes).saturating_add(range.end.saturating_sub(range.start)));
        piece.slice(begin..end)
    }

    /// Whether holding one piece is holding the blob.
    pub(super) fn is_small(&self) -> bool {
        self.pieces.len() <= 1
    }

    /// All of it in one run; copied if it is not.
    pub(super) fn whole(&self) -> Bytes {
        match &self.pieces[..] {
            [piece] => piece.clone(),
            pieces => pieces.concat().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_those_of_the_whole() {
        let whole: Bytes = (0..PIECE_BYTES * 2 + 7).map(|at| (at % 251) as u8).collect();
        let pieces = Pieces::of(whole.clone());
        assert_eq!((pieces.bytes(), pieces.whole()), (whole.len() as u64, whole.clone()));
        for range in
            [0..10, 5..PIECE_BYTES * 2, PIECE_BYTES - 1..PIECE_BYTES + 1, PIECE_BYTES * 2..whole.len()]
        {
            let (mut at, mut read) = (range.start as u64, Vec::new());
            while at < range.end as u64 {
                let piece = pieces.at(at..range.end as u64);
                assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES);
                at += piece.len() as u64;
                read.extend_from_slice(&piece);
            }
            assert_eq!(read, whole[range.clone()], "{range:?}");
        }
        assert!(pieces.at(0..0).is_empty() && pieces.at(9_000_000..9_000_001).is_empty());
    }

    #[test]
    fn a_small_blob_is_not_copied() {
        let whole = Bytes::from(vec![7; PIECE_BYTES]);
        let pieces = Pieces::of(whole.clone());
        assert!(pieces.is_small());
        assert_eq!(pieces.whole().as_ptr(), whole.as_ptr());
    }
}
