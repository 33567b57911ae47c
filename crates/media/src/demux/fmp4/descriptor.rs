//! Reads the descriptors in `esds` (ISO 14496-1, section 7.2.6).

use crate::{Error, boxes::malformed};

/// Tags (section 7.2.2.1).
const ES_DESCRIPTOR: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC: u8 = 5;

/// Bytes of a DecoderConfigDescriptor before the descriptors inside.
const DECODER_CONFIG_BYTES: usize = 13;

/// The fields of an ES_Descriptor about its stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ElementaryStream<'a> {
    /// `objectTypeIndication` (table 5).
    pub(super) object_type: u8,
    /// DecoderSpecificInfo; empty where there is none.
    pub(super) specific: &'a [u8],
}

/// Reads the ES_Descriptor at the start of `data`.
pub(super) fn elementary_stream(data: &[u8]) -> Result<ElementaryStream<'_>, Error> {
    let cut_short = || malformed("esds cut short");
    let stream = find(data, ES_DESCRIPTOR).ok_or_else(cut_short)?;
    let (head, mut rest) = stream.split_at_checked(3).ok_or_else(cut_short)?;
    let flags = head[2];
    if flags & 0x80 != 0 {
        rest = rest.get(2..).ok_or_else(cut_short)?; // the stream that it depends on
    }
    if flags & 0x40 != 0 {
        let (&length, after) = rest.split_first().ok_or_else(cut_short)?;
        rest = after.get(usize::from(length)..).ok_or_else(cut_short)?; // where the stream is
    }
    if flags & 0x20 != 0 {
        rest = rest.get(2..).ok_or_else(cut_short)?; // its clock
    }
    let config = find(rest, DECODER_CONFIG).ok_or_else(cut_short)?;
    let (fixed, inside) = config.split_at_checked(DECODER_CONFIG_BYTES).ok_or_else(cut_short)?;
    Ok(ElementaryStream {
        object_type: fixed[0],
        specific: find(inside, DECODER_SPECIFIC).unwrap_or_default(),
    })
}

/// The body of the first descriptor with this tag.
fn find(mut data: &[u8], tag: u8) -> Option<&[u8]> {
    loop {
        let (&found, rest) = data.split_first()?;
        let (size, rest) = size(rest)?;
        let (body, rest) = rest.split_at_checked(size)?;
        if found == tag {
            return Some(body);
        }
        data = rest;
    }
}

/// A size in up to four bytes of seven bits (section 8.3.3), and what follows it.
fn size(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut size = 0;
    for (at, &byte) in data.iter().take(4).enumerate() {
        size = size << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((size, &data[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As ffmpeg writes it for AAC-LC in stereo, 44.1 kHz.
    const AAC: &[u8] = &[
        0x03, 0x80, 0x80, 0x80, 0x25, 0x00, 0x02, 0x00, 0x04, 0x80, 0x80, 0x80, 0x17, 0x40, 0x15, 0x00, 0x00,
        0x00, 0x00, 0x00, 0xfa, 0x00, 0x00, 0x00, 0xfa, 0x00, 0x05, 0x80, 0x80, 0x80, 0x05, 0x12, 0x10, 0x56,
        0xe5, 0x00, 0x06, 0x80, 0x80, 0x80, 0x01, 0x02,
    ];

    #[test]
    fn configuration_is_found() {
        let found = elementary_stream(AAC).unwrap();
        assert_eq!(found, ElementaryStream { object_type: 0x40, specific: &[0x12, 0x10, 0x56, 0xe5, 0x00] });
    }

    #[test]
    fn every_cut_is_refused() {
        assert!((0..AAC.len()).all(|end| elementary_stream(&AAC[..end]).is_err()));
    }
}
