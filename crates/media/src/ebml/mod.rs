//! EBML's variable-size integers and elements (RFC 8794, sections 4 to 7), read from and written to memory.

pub(crate) mod document;
pub(crate) mod id;

use bytes::BufMut;

use crate::Error;

/// The largest size that eight bytes can say; all ones mean "unknown" (RFC 8794, section 6.2).
pub(crate) const MAX_SIZE: u64 = (1 << 56) - 2;

/// The longest header: an ID of four bytes and a size of eight.
pub const MAX_HEADER_BYTES: usize = 12;

/// An element's ID and size, as they stand before its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// With its length marker, as IDs are written everywhere.
    pub id: u32,
    /// Bytes of the body; `None` is "unknown".
    pub size: Option<u64>,
    /// Bytes of this header itself.
    pub len: usize,
}

pub(crate) fn malformed(reason: impl Into<String>) -> Error {
    Error::Malformed { container: "WebM", reason: reason.into() }
}

/// Reads the header at the start of `input`; `None` when more bytes are needed.
pub fn header(input: &[u8]) -> Result<Option<Header>, Error> {
    let Some((id, id_len)) = vint(input, 4)? else { return Ok(None) };
    let Some((size, size_len)) = vint(&input[id_len..], 8)? else { return Ok(None) };
    let unknown = (1 << (7 * size_len)) - 1;
    let size = size & unknown;
    Ok(Some(Header {
        id: u32::try_from(id).map_err(|_| malformed("element ID over four bytes"))?,
        size: (size != unknown).then_some(size),
        len: id_len + size_len,
    }))
}

/// Reads a variable-size integer of at most `max_len` bytes with its length marker still in it (RFC 8794, section 4), and
/// how many bytes it took; `None` when more are needed.
pub(crate) fn vint(input: &[u8], max_len: usize) -> Result<Option<(u64, usize)>, Error> {
    let Some(&first) = input.first() else { return Ok(None) };
    let len = first.leading_zeros() as usize + 1;
    if len > max_len {
        return Err(malformed(format!("no EBML integer of up to {max_len} bytes begins with {first:#04x}")));
    }
    Ok(input.get(..len).map(|bytes| (big_endian(bytes), len)))
}

/// An unsigned integer's body (RFC 8794, section 7.2); no bytes mean 0.
pub fn uint(body: &[u8]) -> Result<u64, Error> {
    if body.len() > 8 {
        return Err(malformed(format!("integer of {} bytes", body.len())));
    }
    Ok(big_endian(body))
}

/// A float's body (RFC 8794, section 7.3): 0, 4 or 8 bytes.
pub fn float(body: &[u8]) -> Result<f64, Error> {
    match body.len() {
        0 => Ok(0.0),
        4 => Ok(f64::from(f32::from_bits(big_endian(body) as u32))),
        8 => Ok(f64::from_bits(big_endian(body))),
        other => Err(malformed(format!("float of {other} bytes"))),
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// The elements inside a complete body, as `(id, body)`; ends after the first error.
pub fn children(body: &[u8]) -> Children<'_> {
    Children { rest: body }
}

/// See [`children`].
pub struct Children<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<(u32, &'a [u8]), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let child = split_child(self.rest);
        self.rest = child.as_ref().map_or(&[], |&(_, _, rest)| rest);
        Some(child.map(|(id, body, _)| (id, body)))
    }
}

/// The ID and body of the first element in `input`, and what follows it.
fn split_child(input: &[u8]) -> Result<(u32, &[u8], &[u8]), Error> {
    let header = header(input)?.ok_or_else(|| malformed("element header cut off by its parent's end"))?;
    let after = &input[header.len..];
    header
        .size
        .and_then(|size| usize::try_from(size).ok())
        .and_then(|size| after.split_at_checked(size))
        .map(|(body, rest)| (header.id, body, rest))
        .ok_or_else(|| malformed(format!("element {:#x} does not end inside its parent", header.id)))
}

/// Appends an element's ID.
pub(crate) fn write_id(out: &mut impl BufMut, id: u32) {
    out.put_slice(&id.to_be_bytes()[id.leading_zeros() as usize / 8..]);
}

/// Appends a size in as few bytes as hold it.
pub(crate) fn write_size(out: &mut impl BufMut, size: usize) {
    let len = size_len(size);
    let marked = size as u64 | 1 << (7 * len);
    out.put_slice(&marked.to_be_bytes()[8 - len..]);
}

/// How many bytes [`write_size`] takes for `size`; all ones are not a size.
pub(crate) fn size_len(size: usize) -> usize {
    (1..8).find(|len| (size as u64) < (1 << (7 * len)) - 1).unwrap_or(8)
}

/// Appends the header of an element whose end is not known yet (RFC 8794, section 6.2).
pub(crate) fn write_unknown_size(out: &mut impl BufMut, id: u32) {
    write_id(out, id);
    out.put_slice(&[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
}

/// Appends a whole element.
pub(crate) fn write_bytes(out: &mut impl BufMut, id: u32, body: &[u8]) {
    write_id(out, id);
    write_size(out, body.len());
    out.put_slice(body);
}

/// Appends an unsigned integer element in as few bytes as hold it, at least one.
pub(crate) fn write_uint(out: &mut impl BufMut, id: u32, value: u64) {
    write_bytes(out, id, &value.to_be_bytes()[8 - uint_len(value)..]);
}

/// How many bytes the body that [`write_uint`] writes has.
pub(crate) fn uint_len(value: u64) -> usize {
    (8 - value.leading_zeros() as usize / 8).max(1)
}

/// Appends a master element whose children `write` appends.
pub(crate) fn write_master(out: &mut impl BufMut, id: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    write(&mut body);
    write_bytes(out, id, &body);
}

/// Appends the header of a Void element, an element to ignore, of `size` bytes (RFC 8794, section 11.3.2).
pub(crate) fn write_void_header(out: &mut impl BufMut, size: u64) {
    write_id(out, id::VOID);
    out.put_slice(&(size.min(MAX_SIZE) | 1 << 56).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_back_as_written() {
        for size in [0, 1, 126, 127, 128, 16_382, 16_383, 2_097_150, 2_097_151, 1 << 40] {
            let mut out = Vec::new();
            write_id(&mut out, id::CLUSTER);
            write_size(&mut out, size);
            let header = header(&out).unwrap().unwrap();
            assert_eq!(header, Header { id: id::CLUSTER, size: Some(size as u64), len: out.len() });
        }
    }

    #[test]
    fn all_ones_is_an_unknown_size_at_any_length() {
        assert_eq!(header(&[0xEC, 0xff]).unwrap().unwrap().size, None);
        assert_eq!(header(&[0xEC, 0x7f, 0xff]).unwrap().unwrap().size, None);
        let mut longest = Vec::new();
        write_unknown_size(&mut longest, id::VOID);
        assert_eq!(header(&longest).unwrap().unwrap().size, None);
    }

    #[test]
    fn half_a_header_asks_for_more() {
        let whole = [0x1f, 0x43, 0xb6, 0x75, 0x40, 0x80];
        for len in 0..whole.len() {
            assert_eq!(header(&whole[..len]).unwrap(), None, "{len} bytes");
        }
    }

    #[test]
    fn too_long_integers_are_refused() {
        assert!(header(&[0x08]).is_err(), "a five-byte ID");
        assert!(header(&[0xEC, 0x00]).is_err(), "a nine-byte size");
        assert!(uint(&[0; 9]).is_err());
        assert!(float(&[0; 3]).is_err());
    }

    #[test]
    fn child_that_overruns_its_parent_is_refused() {
        let body = [0xEC, 0x82, 0x00];
        let mut found = children(&body);
        assert!(found.next().unwrap().is_err());
        assert!(found.next().is_none(), "an error ends the children");
    }
}
