//! Numbers and bytes of a resume point.
//!
//! Numbers are LEB128 (seven bits a byte, lowest first, the top bit says that more follow); an optional number is 0 or
//! itself + 1; data is its length, then its bytes.

use bytes::Bytes;

/// More than any number of a stream reaches, and far from where counting on would overflow.
pub(crate) const MAX_NUMBER: u64 = 1 << 54;

/// The same for numbers kept in 32 bits.
pub(crate) const MAX_SMALL: u64 = u32::MAX as u64 / 2;

pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_option(out: &mut Vec<u8>, value: Option<u64>) {
    put(out, value.map_or(0, |value| value + 1));
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the functions of this module wrote. The bytes may come from anybody, so all is checked.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of at most `max`.
    pub(crate) fn number(&mut self, max: u64) -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return (value <= max).then_some(value);
            }
        }
        None
    }

    pub(crate) fn option(&mut self) -> Option<Option<u64>> {
        self.number(MAX_NUMBER).map(|value| value.checked_sub(1))
    }

    pub(crate) fn bytes(&mut self) -> Option<Bytes> {
        let len = self.number(MAX_NUMBER)?;
        self.take(usize::try_from(len).ok()?).map(Bytes::copy_from_slice)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
