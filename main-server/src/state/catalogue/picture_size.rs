//! The size of a picture, read from its head: the picture itself is never decoded here, but by every viewer's browser.

use super::thumbnail::ImageKind;

/// Most pixels of a preview picture: Full HD and a little more. A small file may hold a picture that takes gigabytes.
const MAX_PIXELS: u64 = 1 << 21;

/// Whether browsers may be asked to decode the picture. One without a readable size is one that they cannot decode.
pub(crate) fn is_bounded(kind: ImageKind, bytes: &[u8]) -> bool {
    size(kind, bytes).is_none_or(|(width, height)| u64::from(width) * u64::from(height) <= MAX_PIXELS)
}

/// Width and height in pixels.
fn size(kind: ImageKind, bytes: &[u8]) -> Option<(u32, u32)> {
    match kind {
        // The header chunk is first (PNG, section 11.2.1).
        ImageKind::Png => Some((be32(bytes, 16)?, be32(bytes, 20)?)),
        ImageKind::Jpeg => jpeg(bytes),
        ImageKind::WebP => webp(bytes),
    }
}

/// The frame header of a JPEG picture (ITU-T T.81, annex B.2.2), which follows other segments.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let (0xff, marker) = (*bytes.get(at)?, *bytes.get(at + 1)?) else { return None };
        match marker {
            // A fill byte, and markers without content.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            // Every kind of frame; the exceptions are tables.
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&marker) => {
                return Some((be16(bytes, at + 7)?, be16(bytes, at + 5)?));
            }
            _ => at += 2 + usize::try_from(be16(bytes, at + 2)?).ok()?.max(2),
        }
    }
}

/// The first chunk of a WebP picture (RFC 9649, sections 2.5 to 2.7).
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8X" => Some((le24(bytes, 24)? + 1, le24(bytes, 27)? + 1)),
        b"VP8L" => {
            let packed = le24(bytes, 21)? | u32::from(*bytes.get(24)?) << 24;
            Some(((packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1))
        }
        b"VP8 " => Some((le24(bytes, 26)? & 0x3fff, le24(bytes, 28)? & 0x3fff)),
        _ => None,
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?).into())
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn le24(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = bytes.get(at..at + 3)?.try_into().ok()?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The heads of pictures of 640 by 480 pixels.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc4\0\x03c\xff\xc2\0\x11\x08\x01\xe0\x02\x80\x03";
    const VP8: &[u8] = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\x30\x01\0\x9d\x01\x2a\x80\x02\xe0\x01\0";
    const VP8L: &[u8] = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x7f\xc2\x77\0";
    const VP8X: &[u8] = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0";

    #[test]
    fn sizes_are_read_from_every_kind_of_head() {
        for picture in [PNG, JPEG, VP8, VP8L, VP8X] {
            let kind = ImageKind::of(picture).unwrap();
            assert_eq!(size(kind, picture), Some((640, 480)), "{picture:?}");
            assert!(is_bounded(kind, picture));
        }
    }

    #[test]
    fn a_head_cut_anywhere_is_no_size_and_no_panic() {
        for picture in [PNG, JPEG, VP8, VP8L, VP8X] {
            for end in 12..picture.len() {
                if let Some(kind) = ImageKind::of(&picture[..end]) {
                    let size = size(kind, &picture[..end]);
                    assert!(size.is_none() || size == Some((640, 480)), "{picture:?} until {end}");
                }
            }
        }
    }

    #[test]
    fn a_picture_that_fills_memory_is_refused() {
        let mut bomb = PNG.to_vec();
        bomb[16..24].copy_from_slice(&[0, 0, 0x80, 0, 0, 0, 0x80, 0]);
        assert!(!is_bounded(ImageKind::Png, &bomb));
        let mut longest = PNG.to_vec();
        longest[16..24].copy_from_slice(&[0xff; 8]);
        assert!(!is_bounded(ImageKind::Png, &longest));
        let mut full_hd = PNG.to_vec();
        full_hd[16..24].copy_from_slice(&[0, 0, 7, 0x80, 0, 0, 4, 0x38]);
        assert!(is_bounded(ImageKind::Png, &full_hd));
    }
}
