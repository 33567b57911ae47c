//! Bytes that were pushed and are not read yet. Elements that came in one piece are given as slices of it; only those cut in
//! two are copied together.

use bytes::{Buf, Bytes, BytesMut};

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Input {
    /// The start of an element whose rest came, or comes, with another piece.
    front: BytesMut,
    /// What follows it, of the newest piece.
    back: Bytes,
    /// How many bytes of `back` may be read.
    visible: usize,
    /// How many bytes that element has.
    wanted: usize,
}

/// How much memory is taken at once for an element that says that it is so large.
const MAX_RESERVED_BYTES: usize = 64 << 10;

impl Input {
    /// Adds the next piece, of which nothing may be read before [`Self::reveal`]. All of the piece before has to be revealed.
    pub(super) fn push(&mut self, piece: Bytes) {
        if !self.back.is_empty() {
            let missing = self.wanted.saturating_sub(self.front.len()).min(MAX_RESERVED_BYTES);
            self.front.reserve(missing.max(self.back.len()));
            self.front.extend_from_slice(&self.back);
        }
        self.back = piece;
        self.visible = 0;
    }

    /// Lets so many more bytes of the newest piece be read, at most all; says how many.
    pub(super) fn reveal(&mut self, bytes: usize) -> usize {
        let revealed = bytes.min(self.back.len() - self.visible);
        self.visible += revealed;
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
        if self.front.is_empty() {
            return Some(self.split_back(bytes));
        }
        self.gather(bytes);
        Some(self.front.split_to(bytes).freeze())
    }

    /// Drops the next bytes, at most all there are; says how many.
    pub(super) fn skip(&mut self, bytes: u64) -> usize {
        let skipped = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.len());
        let of_front = skipped.min(self.front.len());
        self.front.advance(of_front);
        self.split_back(skipped - of_front);
        skipped
    }

    /// Appends all bytes to `out`.
    pub(super) fn append_to(&self, out: &mut impl Extend<u8>) {
        out.extend(self.front.iter().copied());
        out.extend(self.back[..self.visible].iter().copied());
    }

    /// Brings up to so many bytes to the front.
    fn gather(&mut self, bytes: usize) {
        let missing = bytes.saturating_sub(self.front.len()).min(self.visible);
        let missing = self.split_back(missing);
        self.front.extend_from_slice(&missing);
    }

    /// Takes so many of the visible bytes of the newest piece.
    fn split_back(&mut self, bytes: usize) -> Bytes {
        self.visible -= bytes;
        self.back.split_to(bytes)
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
        assert_eq!(input.skip(2), 2);
        assert_eq!(input.take(2).as_deref(), Some(&b"ef"[..]));
        assert_eq!((input.skip(9), input.is_empty()), (0, true));
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
