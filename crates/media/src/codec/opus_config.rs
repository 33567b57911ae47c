//! The same Opus settings in two dresses: Matroska's and Ogg's `OpusHead` (RFC 7845, section 5.1, little endian) and MP4's
//! `dOps` (Opus in ISOBMFF, section 4.3.2, big endian).

use crate::{Error, boxes::malformed};
use bytes::{BufMut, Bytes, BytesMut};

const MAGIC: &[u8; 8] = b"OpusHead";

/// Channel count, pre-skip, input sample rate, output gain and mapping family.
const FIXED_BYTES: usize = 10;

/// Stream count, coupled count and up to 255 channels: what follows mapping families other than 0.
const MAX_MAPPING_BYTES: usize = 257;

/// The payload of `dOps` for an `OpusHead`.
pub(crate) fn dops_from_head(head: &[u8]) -> Result<Bytes, Error> {
    let settings = head
        .strip_prefix(MAGIC)
        .and_then(|head| head.split_first())
        .filter(|(version, _)| *version >> 4 == 0)
        .map(|(_, settings)| settings)
        .ok_or_else(|| malformed("OpusHead of unknown form"))?;
    with_bytes_swapped(BytesMut::from(&[0][..]), settings)
}

/// The `OpusHead` for the payload of a `dOps`.
pub(crate) fn head_from_dops(dops: &[u8]) -> Result<Bytes, Error> {
    let (_, settings) = dops
        .split_first()
        .filter(|(version, _)| **version == 0)
        .ok_or_else(|| malformed("dOps of unknown version"))?;
    let mut out = BytesMut::from(&MAGIC[..]);
    out.put_u8(1);
    with_bytes_swapped(out, settings)
}

/// An `OpusHead` for a track that has none: so many channels (one or two, or it makes them two), no pre-skip.
pub(crate) fn head(channels: u32) -> Bytes {
    let channels = if channels == 1 { 1 } else { 2 };
    Bytes::from([&MAGIC[..], &[1, channels, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0]].concat())
}

/// Appends the settings with the other byte order: one byte, then fields of 2, 4 and 2 bytes, then bytes.
fn with_bytes_swapped(mut out: BytesMut, settings: &[u8]) -> Result<Bytes, Error> {
    let (fixed, mapping) = settings
        .split_first_chunk::<FIXED_BYTES>()
        .filter(|(_, mapping)| mapping.len() <= MAX_MAPPING_BYTES)
        .ok_or_else(|| malformed("Opus settings of wrong length"))?;
    let [channels, s0, s1, r0, r1, r2, r3, g0, g1, family] = *fixed;
    out.put_slice(&[channels, s1, s0, r3, r2, r1, r0, g1, g0, family]);
    if family != 0 {
        out.put_slice(mapping);
    }
    Ok(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `dOps` as Chromium's recorder writes it: stereo, pre-skip 3840, 48 kHz.
    const DOPS: &[u8] = &[0, 2, 0x0f, 0x00, 0x00, 0x00, 0xbb, 0x80, 0, 0, 0];

    #[test]
    fn both_forms_say_the_same() {
        let head = head_from_dops(DOPS).unwrap();
        assert_eq!(&head[..], b"OpusHead\x01\x02\x00\x0f\x80\xbb\x00\x00\x00\x00\x00");
        assert_eq!(dops_from_head(&head).unwrap(), DOPS);
    }

    #[test]
    fn channel_mapping_is_kept() {
        let dops = [&[0, 3, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 1], &[2, 1, 0, 2, 1][..]].concat();
        assert_eq!(dops_from_head(&head_from_dops(&dops).unwrap()).unwrap(), dops);
    }

    #[test]
    fn other_versions_and_lengths_are_refused() {
        assert!(head_from_dops(&[&[1], &DOPS[1..]].concat()).is_err());
        assert!(head_from_dops(&DOPS[..10]).is_err());
        assert!(head_from_dops(&[DOPS, &[0; 300]].concat()).is_err());
        assert!(dops_from_head(b"OpusHead").is_err());
        assert!(dops_from_head(b"opushead\x01\x02\x00\x0f\x80\xbb\x00\x00\x00\x00\x00").is_err());
    }
}
