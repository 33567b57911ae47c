//! How pixels map to colours: Matroska's `Colour` element (RFC 9559, section 5.1.4.1.28.16), in which tracks carry it here, and
//! the codes of ISO 23091-2 that it shares with MP4.

use bytes::Bytes;

use crate::ebml::{self, id};

/// "Unspecified".
const UNSPECIFIED: u8 = 2;
/// `Range` (RFC 9559, section 5.1.4.1.28.25): limited, full.
const LIMITED_RANGE: u64 = 1;
const FULL_RANGE: u64 = 2;

/// Codes of ISO 23091-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    pub(crate) primaries: u8,
    pub(crate) transfer: u8,
    pub(crate) matrix: u8,
    pub(crate) full_range: bool,
}

impl Colour {
    /// Reads the body of a `Colour` element; `None` where it does not tell any of the codes.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut colour =
            Self { primaries: UNSPECIFIED, transfer: UNSPECIFIED, matrix: UNSPECIFIED, full_range: false };
        for (id, value) in ebml::children(body).map_while(Result::ok) {
            let value = ebml::uint(value).unwrap_or(0);
            let code = u8::try_from(value).unwrap_or(UNSPECIFIED);
            match id {
                id::PRIMARIES => colour.primaries = code,
                id::TRANSFER_CHARACTERISTICS => colour.transfer = code,
                id::MATRIX_COEFFICIENTS => colour.matrix = code,
                id::RANGE => colour.full_range = value == FULL_RANGE,
                _ => {}
            }
        }
        let codes = [colour.primaries, colour.transfer, colour.matrix];
        codes.iter().any(|&code| code != UNSPECIFIED).then_some(colour)
    }

    /// The body of a `Colour` element.
    pub(crate) fn write(self) -> Bytes {
        let mut out = Vec::new();
        ebml::write_uint(&mut out, id::MATRIX_COEFFICIENTS, self.matrix.into());
        ebml::write_uint(&mut out, id::RANGE, if self.full_range { FULL_RANGE } else { LIMITED_RANGE });
        ebml::write_uint(&mut out, id::TRANSFER_CHARACTERISTICS, self.transfer.into());
        ebml::write_uint(&mut out, id::PRIMARIES, self.primaries.into());
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let colour = Colour { primaries: 9, transfer: 16, matrix: 9, full_range: true };
        assert_eq!(Colour::parse(&colour.write()), Some(colour));
    }

    #[test]
    fn nothing_and_garbage_tell_nothing() {
        assert_eq!(Colour::parse(&[]), None);
        assert_eq!(Colour::parse(&[0x55, 0xb1, 0x8f]), None);
    }
}
