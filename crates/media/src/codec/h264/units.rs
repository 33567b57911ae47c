//! NAL units: how they stand in a frame, and what is in them (ITU-T H.264, section 7.3.1).

use std::{borrow::Cow, sync::LazyLock};

use memchr::{memchr, memmem::Finder};

use crate::Error;

/// NAL unit types (ITU-T H.264, table 7-1).
pub(in crate::codec) const NAL_SLICE: u8 = 1;
pub(in crate::codec) const NAL_IDR: u8 = 5;
pub(super) const NAL_SEI: u8 = 6;
pub(super) const NAL_SPS: u8 = 7;
pub(super) const NAL_PPS: u8 = 8;

pub(super) fn malformed(reason: impl Into<String>) -> Error {
    Error::Malformed { container: "H.264", reason: reason.into() }
}

/// How much of a unit is read; an SPS has some tens of bytes, with scaling lists some hundred.
const MAX_READ_BYTES: usize = 1024;

/// A NAL unit's payload without the `03` of each `00 00 03` (section 7.4.1), at most [`MAX_READ_BYTES`] of it.
pub(in crate::codec) fn without_emulation_prevention(unit: &[u8]) -> Cow<'_, [u8]> {
    let unit = &unit[..unit.len().min(MAX_READ_BYTES)];
    // Slice headers, of which there is one for each picture, have hardly ever one.
    if memchr(3, unit).is_none() || !unit.windows(3).any(|bytes| bytes == [0, 0, 3]) {
        return Cow::Borrowed(unit);
    }
    let mut payload = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if byte == 3 && zeros >= 2 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    Cow::Owned(payload)
}

/// NAL units of a byte stream (ITU-T H.264, annex B): each after `00 00 01`, without its trailing zero bytes.
pub(super) struct AnnexBUnits<'a> {
    rest: &'a [u8],
}

impl<'a> AnnexBUnits<'a> {
    pub(super) fn new(frame: &'a [u8]) -> Result<Self, Error> {
        match find_start_code(frame) {
            Some(at) if frame[..at].iter().all(|&byte| byte == 0) => Ok(Self { rest: &frame[at + 3..] }),
            _ => Err(malformed("frame does not begin with a start code")),
        }
    }
}

impl<'a> Iterator for AnnexBUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let (unit, rest) = match find_start_code(self.rest) {
                Some(at) => (&self.rest[..at], &self.rest[at + 3..]),
                None => (self.rest, &self.rest[self.rest.len()..]),
            };
            self.rest = rest;
            let end = unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            if end > 0 {
                return Some(&unit[..end]);
            }
        }
        None
    }
}

/// Position of the first `00 00 01`.
fn find_start_code(data: &[u8]) -> Option<usize> {
    static START_CODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&[0, 0, 1]));
    START_CODE.find(data)
}

/// NAL units behind their lengths (ISO 14496-15, section 5.3.4.2.1); ends after the first error.
pub(super) struct PrefixedUnits<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> PrefixedUnits<'a> {
    pub(super) fn new(frame: &'a [u8], length_size: usize) -> Self {
        Self { rest: frame, length_size }
    }

    fn unit(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_at_checked(self.length_size)?;
        let length = match length.first_chunk() {
            Some(&four) => u32::from_be_bytes(four) as usize,
            None => length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)),
        };
        let (unit, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(unit)
    }
}

impl<'a> Iterator for PrefixedUnits<'a> {
    type Item = Result<&'a [u8], Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let unit = self.unit();
        if unit.is_none() {
            self.rest = &[];
        }
        Some(unit.ok_or_else(|| malformed("NAL unit longer than its frame")))
    }
}

pub(in crate::codec) fn unit_type(unit: &[u8]) -> Option<u8> {
    unit.first().map(|header| header & 0x1f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulation_prevention_bytes_are_dropped() {
        assert_eq!(*without_emulation_prevention(&[0, 0, 3, 1, 0, 0, 3, 3]), [0, 0, 1, 0, 0, 3]);
        assert_eq!(*without_emulation_prevention(&[0, 3, 0, 0, 1]), [0, 3, 0, 0, 1]);
    }
}
