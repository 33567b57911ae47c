//! Bytes that were pushed and are not read yet. Elements within one piece are returned as slices of it; only those cut in
//! two are copied together.

use bytes::{Buf, Bytes, BytesMut};

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Input {
    /// The start of an element whose rest is in another piece.
    front: BytesMut,
    /// What follows it, of the newest piece.
    back: Bytes,
    /// How many bytes of `back` may be read.
    visible: usize,
    /// How many bytes the element has that was not complete when it was asked for; else 0.
    wanted: usize,
    /// Bytes of an element that is not read which are still to come.
    skipping: u64,
    /// How many bytes were taken and dropped.
    position: u64,
}

/// How much memory is taken for an element that says that it is so large; more than that is at most four times what came of it.
const MAX_RESERVED_BYTES: usize = 64 << 10;

impl Input {
    /// Adds the next piece, of which nothing may be read before [`Self::reveal`]. All of the piece before has to be revealed.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.detach();
        self.back = piece;
        self.visible = 0;
    }

    /// Takes a whole piece that leaves the element incomplete which [`Self::take`] was last asked for; says whether it did.
    pub(super) fn extend_incomplete(&mut self, piece: &[u8]) -> bool {
        let extends = self.back.is_empty() && self.front.len() + piece.len() < self.wanted;
        if extends {
            self.append(piece);
        }
        extends
    }

    /// Copies what is left of the newest piece, all of which has to be revealed, so that the piece is not kept in memory.
    pub(super) fn detach(&mut self) {
        let rest = std::mem::take(&mut self.back);
        self.visible = 0;
        if !rest.is_empty() {
            self.append(&rest);
        }
    }

    /// Adds to the front.
    fn append(&mut self, bytes: &[u8]) {
        if self.front.capacity() - self.front.len() < bytes.len() {
            let missing = self.wanted.saturating_sub(self.front.len());
            let reserved = missing.min(MAX_RESERVED_BYTES.max(3 * self.front.len()));
            self.front.reserve(reserved.max(bytes.len()));
        }
        self.front.extend_from_slice(bytes);
    }

    /// Lets so many more bytes of the newest piece be read, at most all; says how many.
    pub(super) fn reveal(&mut self, bytes: usize) -> usize {
        let revealed = bytes.min(self.back.len() - self.visible);
        self.visible += revealed;
        if self.skipping > 0 {
            self.drop_skipped();
        }
        revealed
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.front.len() + self.visible
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the element that [`Self::take`] was last asked for is still not complete.
    pub(super) fn is_incomplete(&self) -> bool {
        self.len() < self.wanted
    }

    /// The next bytes: at least `bytes` of them, or all there are.
    pub(super) fn peek(&mut self, bytes: usize) -> &[u8] {
        if self.front.is_empty() {
            return &self.back[..self.visible];
        }
        self.gather(bytes);
        &self.front
    }

    /// Takes the next bytes; `None` where there are fewer.
    pub(super) fn take(&mut self, bytes: usize) -> Option<Bytes> {
        if self.len() < bytes {
            self.wanted = bytes;
            return None;
        }
        self.wanted = 0;
        self.position += bytes as u64;
        if self.front.is_empty() {
            self.visible -= bytes;
            return Some(self.back.split_to(bytes));
        }
        self.gather(bytes);
        if self.front.len() == bytes {
            return Some(std::mem::take(&mut self.front).freeze());
        }
        Some(self.front.split_to(bytes).freeze())
    }

    /// Drops the next bytes, what is here now and the rest when it comes; says whether all were here.
    pub(super) fn skip(&mut self, bytes: u64) -> bool {
        self.skipping = bytes;
        self.drop_skipped();
        self.skipping == 0
    }

    /// How many of the bytes to come will be dropped.
    pub(super) fn skipping(&self) -> u64 {
        self.skipping
    }

    /// Where the next byte stands, counted from the start of the input.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    fn drop_skipped(&mut self) {
        let dropped = usize::try_from(self.skipping).unwrap_or(usize::MAX).min(self.len());
        let of_front = dropped.min(self.front.len());
        self.front.advance(of_front);
        self.advance_back(dropped - of_front);
        self.skipping -= dropped as u64;
        self.position += dropped as u64;
    }

    /// Appends all bytes to `out`.
    pub(super) fn append_to(&self, out: &mut impl Extend<u8>) {
        out.extend(self.front.iter().copied());
        out.extend(self.back[..self.visible].iter().copied());
    }

    /// Brings up to so many bytes to the front.
    fn gather(&mut self, bytes: usize) {
        let missing = bytes.saturating_sub(self.front.len()).min(self.visible);
        if missing > 0 {
            self.front.extend_from_slice(&self.back[..missing]);
            self.advance_back(missing);
        }
    }

    /// Drops so many of the visible bytes of the newest piece.
    fn advance_back(&mut self, bytes: usize) {
        self.visible -= bytes;
        self.back.advance(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_order_however_they_were_cut() {
        let mut input = Input::default();
        input.push(Bytes::from_static(b"ab"));
        assert_eq!((input.len(), input.reveal(9)), (0, 2));
        assert_eq!((input.take(3), input.len()), (None, 2));
        input.push(Bytes::from_static(b"cdef"));
        assert_eq!((input.reveal(1), input.take(4)), (1, None), "what is not revealed is not read");
        input.reveal(9);
        assert_eq!(&input.peek(3)[..3], b"abc");
        assert_eq!(input.take(2).as_deref(), Some(&b"ab"[..]));
        assert!(input.skip(2));
        assert_eq!(input.take(2).as_deref(), Some(&b"ef"[..]));
        assert_eq!((input.position(), input.is_empty()), (6, true));
    }

    #[test]
    fn what_is_skipped_may_be_still_to_come() {
        let mut input = Input::default();
        assert!(!input.skip(3));
        input.push(Bytes::from_static(b"ab"));
        assert_eq!((input.reveal(9), input.len(), input.skipping()), (2, 0, 1));
        input.push(Bytes::from_static(b"cd"));
        assert_eq!((input.reveal(9), input.position()), (2, 3));
        assert_eq!(input.take(1).as_deref(), Some(&b"d"[..]));
    }

    #[test]
    fn a_piece_that_completes_nothing_is_taken_at_once() {
        let mut input = Input::default();
        assert!(!input.extend_incomplete(b"a"), "nothing was asked for");
        input.push(Bytes::from_static(b"ab"));
        input.reveal(2);
        assert_eq!((input.take(5), input.is_incomplete()), (None, true));
        assert!(!input.extend_incomplete(b"c"), "the newest piece comes first");
        input.detach();
        assert!(input.extend_incomplete(b"cd"));
        assert!(!input.extend_incomplete(b"e"));
        input.push(Bytes::from_static(b"ef"));
        input.reveal(2);
        assert_eq!((input.take(5).as_deref(), input.is_incomplete()), (Some(&b"abcde"[..]), false));
    }

    #[test]
    fn a_piece_is_not_kept_once_it_is_detached() {
        for (read, left) in [(100, 0), (40, 60)] {
            let (mut input, piece) = (Input::default(), Bytes::from(vec![7; 100]));
            input.push(piece.clone());
            input.reveal(100);
            input.skip(read);
            input.detach();
            assert_eq!((input.len(), piece.is_unique()), (left, true));
        }
    }

    #[test]
    fn what_came_in_one_piece_is_not_copied() {
        let piece = Bytes::from(vec![7; 100]);
        let mut input = Input::default();
        input.push(piece.slice(..10));
        input.reveal(10);
        input.push(piece.slice(10..));
        input.reveal(90);
        input.take(50);
        assert_eq!(input.take(50).unwrap().as_ptr(), piece[50..].as_ptr());
    }
}
