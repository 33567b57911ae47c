//! Boxes (ISO 14496-12, section 4.2): their headers, their fields, their writing.
//!
//! Reading borrows and checks every bound; nothing is allocated on the word of a length field.

use crate::Error;
use bytes::{BufMut, BytesMut};

/// A box's four-character code.
pub type Kind = [u8; 4];

/// Bytes of the longest header read: size, type and 64-bit size.
pub const MAX_HEADER_BYTES: usize = 16;

pub(crate) fn malformed(reason: impl Into<String>) -> Error {
    Error::Malformed { container: "MP4", reason: reason.into() }
}

/// The start of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type.
    pub kind: Kind,
    /// Bytes of the header itself: 8 or 16.
    pub header_bytes: usize,
    /// Bytes after the header; `None` where the box reaches to the end of the file (`size` 0).
    pub payload_bytes: Option<u64>,
}

impl Header {
    /// Reads the header at the start of `data`; `None` while it is not complete.
    pub fn parse(data: &[u8]) -> Result<Option<Self>, Error> {
        let Some((&short, rest)) = data.split_first_chunk() else { return Ok(None) };
        let Some((&kind, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let (header_bytes, size) = match u32::from_be_bytes(short) {
            0 => return Ok(Some(Self { kind, header_bytes: 8, payload_bytes: None })),
            1 => match rest.first_chunk() {
                Some(&long) => (16, u64::from_be_bytes(long)),
                None => return Ok(None),
            },
            short => (8, u64::from(short)),
        };
        let payload_bytes = size
            .checked_sub(header_bytes as u64)
            .ok_or_else(|| malformed(format!("box {} smaller than its header", kind.escape_ascii())))?;
        Ok(Some(Self { kind, header_bytes, payload_bytes: Some(payload_bytes) }))
    }
}

/// The boxes inside a box, each as its type and payload; ends after the first error.
pub struct Boxes<'a> {
    rest: &'a [u8],
}

impl<'a> Boxes<'a> {
    /// Those in the payload of another box.
    pub fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    fn read(&mut self) -> Result<(Kind, &'a [u8]), Error> {
        let header = Header::parse(self.rest)?.ok_or_else(|| malformed("box header cut short"))?;
        let rest = &self.rest[header.header_bytes..];
        let payload_bytes =
            header.payload_bytes.map_or(Some(rest.len()), |bytes| usize::try_from(bytes).ok());
        let (payload, rest) =
            payload_bytes.and_then(|bytes| rest.split_at_checked(bytes)).ok_or_else(|| {
                malformed(format!("box {} reaches out of its parent", header.kind.escape_ascii()))
            })?;
        self.rest = rest;
        Ok((header.kind, payload))
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<(Kind, &'a [u8]), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let found = self.read();
        if found.is_err() {
            self.rest = &[];
        }
        Some(found)
    }
}

/// The payload of the first box of type `kind` in `payload`.
pub fn find<'a>(payload: &'a [u8], kind: &Kind) -> Result<Option<&'a [u8]>, Error> {
    Boxes::new(payload)
        .find(|found| !matches!(found, Ok((other, _)) if other != kind))
        .transpose()
        .map(|found| found.map(|(_, payload)| payload))
}

/// As [`find`], for a box that has to be there.
pub fn expect<'a>(payload: &'a [u8], kind: &Kind) -> Result<&'a [u8], Error> {
    find(payload, kind)?.ok_or_else(|| malformed(format!("no {} box", kind.escape_ascii())))
}

/// Reads a box's fields from front to back.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// From the first byte on.
    pub fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// As [`Self::new`], past the version and flags of a full box (section 4.2.2), which come with it.
    pub fn full(payload: &'a [u8]) -> Result<(u8, u32, Self), Error> {
        let mut fields = Self::new(payload);
        let version_and_flags = fields.u32()?;
        Ok(((version_and_flags >> 24) as u8, version_and_flags & 0xff_ffff, fields))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (&array, rest) = self.rest.split_first_chunk().ok_or_else(|| malformed("box cut short"))?;
        self.rest = rest;
        Ok(array)
    }

    /// The next field, of 16 bits. `Malformed` at the end of the box, as the others.
    pub fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next field, of 32 bits.
    pub fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next field, of 64 bits.
    pub fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    /// A field that is 64 bits wide in the full box's version 1 and 32 in version 0.
    pub fn u32_or_u64(&mut self, version: u8) -> Result<u64, Error> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }

    /// Passes over so many bytes.
    pub fn skip(&mut self, bytes: usize) -> Result<(), Error> {
        self.rest = self.rest.get(bytes..).ok_or_else(|| malformed("box cut short"))?;
        Ok(())
    }

    /// What is left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }
}

/// Writes a box around what `body` writes. Boxes written here are far under 4 GiB.
pub(crate) fn put_box(out: &mut BytesMut, kind: &Kind, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    out.put_slice(kind);
    body(out);
    let size = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

/// As [`put_box`], with version and flags first.
pub(crate) fn put_full_box(
    out: &mut BytesMut,
    kind: &Kind,
    version: u8,
    flags: u32,
    body: impl FnOnce(&mut BytesMut),
) {
    put_box(out, kind, |out| {
        out.put_u32(u32::from(version) << 24 | flags);
        body(out);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut out = BytesMut::new();
        put_box(&mut out, b"moof", |out| {
            put_full_box(out, b"tfdt", 1, 2, |out| out.put_u64(7));
            put_box(out, b"free", |_| {});
        });
        let moof = expect(&out, b"moof").unwrap();
        let (version, flags, mut fields) = Fields::full(expect(moof, b"tfdt").unwrap()).unwrap();
        assert_eq!((version, flags, fields.u32_or_u64(version).unwrap()), (1, 2, 7));
        assert_eq!(expect(moof, b"free").unwrap(), b"");
        assert!(find(moof, b"traf").unwrap().is_none());
    }

    #[test]
    fn sizes_have_three_forms() {
        let parse = |data: &[u8]| Header::parse(data).unwrap().map(|h| (h.header_bytes, h.payload_bytes));
        assert_eq!(parse(b"\x00\x00\x00\x0bmdat"), Some((8, Some(3))));
        assert_eq!(
            parse(b"\x00\x00\x00\x01mdat\x00\x00\x00\x01\x00\x00\x00\x00"),
            Some((16, Some(0xffff_fff0)))
        );
        assert_eq!(parse(b"\x00\x00\x00\x00mdat"), Some((8, None)));
        assert_eq!(parse(b"\x00\x00\x00\x01mdat\x00\x00\x00"), None);
        assert_eq!(parse(b"\x00\x00\x00\x0bmda"), None);
    }

    #[test]
    fn boxes_that_cannot_be_are_refused() {
        assert!(Header::parse(b"\x00\x00\x00\x07mdat").is_err());
        assert!(Header::parse(b"\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x0f").is_err());
        let overlong = Boxes::new(b"\x00\x00\x00\x09free").collect::<Vec<_>>();
        assert!(matches!(overlong[..], [Err(_)]));
        let trailing = Boxes::new(b"\x00\x00\x00\x08free\x00").collect::<Vec<_>>();
        assert!(matches!(trailing[..], [Ok(_), Err(_)]));
    }
}
