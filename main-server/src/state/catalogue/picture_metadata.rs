//! Takes out of a picture what describes it and is not shown: a camera writes where and when it was taken, by whom and with what.
//!
//! What browsers need in order to show the picture stays, colour profiles included, and so do the compressed bytes. Data after the
//! picture's end goes, and so do bytes between the parts of a JPEG picture that decoders skip. A picture is copied only if something is
//! taken out. From where the structure cannot be read, the rest stays as it is: decoders and readers of metadata stop there, too.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::thumbnail::ImageKind;

/// Length of the file header of WebP: `RIFF`, a size and `WEBP`.
const RIFF_HEADER: usize = 12;
/// The flags of `VP8X` that announce EXIF and XMP (RFC 9649, section 2.7).
const EXIF_AND_XMP: u8 = 0x0c;

/// The picture without its metadata.
pub(crate) fn without_metadata(kind: ImageKind, picture: Bytes) -> Bytes {
    let kept = match kind {
        ImageKind::Jpeg => kept(&picture, 2, jpeg),
        ImageKind::Png => kept(&picture, 8, png),
        ImageKind::WebP => kept(&picture, RIFF_HEADER, webp),
    };
    if matches!(&kept[..], [all] if all.len() == picture.len()) {
        return picture;
    }
    let mut cleaned = BytesMut::with_capacity(kept.iter().map(Range::len).sum());
    kept.into_iter().for_each(|range| cleaned.extend_from_slice(&picture[range]));
    if kind == ImageKind::WebP {
        update_webp_header(&mut cleaned);
    }
    cleaned.freeze()
}

/// A part of a picture's file.
struct Part {
    /// Where it begins; what is before it is skipped by decoders, and goes.
    start: usize,
    end: usize,
    is_kept: bool,
    is_last: bool,
}

impl Part {
    fn of(start: usize, end: usize, is_kept: bool) -> Self {
        Self { start, end, is_kept, is_last: false }
    }
}

/// The ranges to keep of a picture whose first part begins at `first`; `part` reads the next one from somewhere on, if it is whole.
fn kept(picture: &[u8], first: usize, part: fn(&[u8], usize) -> Option<Part>) -> Vec<Range<usize>> {
    let mut kept: Vec<_> = std::iter::once(0..first.min(picture.len())).collect();
    let mut keep = |range: Range<usize>| match kept.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => kept.push(range),
    };
    let mut at = first;
    while at < picture.len() {
        let Some(Part { start, end, is_kept, is_last }) = part(picture, at) else {
            keep(at..picture.len());
            break;
        };
        if is_kept {
            keep(start..end);
        }
        if is_last {
            break;
        }
        at = end;
    }
    kept
}

/// The next marker of a JPEG picture and what belongs to it (ITU-T T.81, annex B).
fn jpeg(picture: &[u8], at: usize) -> Option<Part> {
    let at = next_marker(picture, at)?;
    match picture[at + 1] {
        // Without content.
        0x01 | 0xd0..=0xd8 => Some(Part::of(at, at + 2, true)),
        // The end of the image.
        0xd9 => Some(Part { start: at, end: at + 2, is_kept: true, is_last: true }),
        marker => {
            let length = usize::from(u16::from_be_bytes(array(picture, at + 2)?));
            let end = at + 2 + length;
            let content = picture.get(at + 4..end)?;
            match marker {
                // A scan, with its compressed bytes.
                0xda => Some(Part::of(at, end_of_scan(picture, end), true)),
                _ => Some(Part::of(at, end, is_shown(marker, content))),
            }
        }
    }
}

/// Where the next marker is, from `at` on. Decoders skip what is before it: fill bytes, and what does not belong to the picture.
fn next_marker(picture: &[u8], at: usize) -> Option<usize> {
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff);
    Some(at + picture[at..].windows(2).position(is_marker)?)
}

/// Where the compressed bytes that begin at `at` end: at the first marker that is not part of them, or the fill bytes before it.
fn end_of_scan(picture: &[u8], mut at: usize) -> usize {
    while let Some(marker) = next_marker(picture, at) {
        if !matches!(picture[marker + 1], 0xd0..=0xd7) {
            let fill = picture[at..marker].iter().rev().take_while(|byte| **byte == 0xff).count();
            return marker - fill;
        }
        at = marker + 2;
    }
    picture.len()
}

/// Whether a segment matters for how the picture looks: comments and most application segments do not.
fn is_shown(marker: u8, content: &[u8]) -> bool {
    match marker {
        // JFIF, and how Adobe's programs transform colours.
        0xe0 | 0xee => true,
        0xe2 => content.starts_with(b"ICC_PROFILE\0"),
        0xe1..=0xef | 0xfe => false,
        _ => true,
    }
}

/// A chunk of a PNG picture (PNG, third edition, section 5.3).
fn png(picture: &[u8], at: usize) -> Option<Part> {
    /// Chunks that decoders may ignore and that change how the picture looks.
    const SHOWN: [&[u8; 4]; 14] = [
        b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"pHYs",
        b"acTL", b"fcTL", b"fdAT",
    ];
    let length = usize::try_from(u32::from_be_bytes(array(picture, at)?)).ok()?;
    let kind: [u8; 4] = array(picture, at + 4)?;
    let end = (at + 12).checked_add(length).filter(|end| *end <= picture.len())?;
    let is_critical = kind[0].is_ascii_uppercase();
    Some(Part { start: at, end, is_kept: is_critical || SHOWN.contains(&&kind), is_last: &kind == b"IEND" })
}

/// A chunk of a WebP picture (RFC 9649, section 2.3).
fn webp(picture: &[u8], at: usize) -> Option<Part> {
    const SHOWN: [&[u8; 4]; 7] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
    let kind: [u8; 4] = array(picture, at)?;
    let length = usize::try_from(u32::from_le_bytes(array(picture, at + 4)?)).ok()?;
    let end = (at + 8).checked_add(length).filter(|end| *end <= picture.len())?;
    // Chunks are padded to an even length; some programs leave the last byte out.
    let end = (end + length % 2).min(picture.len());
    Some(Part::of(at, end, SHOWN.contains(&&kind)))
}

/// Makes the header of a WebP picture say what it has now.
fn update_webp_header(picture: &mut BytesMut) {
    let size = u32::try_from(picture.len().saturating_sub(8)).unwrap_or(u32::MAX);
    if let Some(field) = picture.get_mut(4..8) {
        field.copy_from_slice(&size.to_le_bytes());
    }
    let has_flags = picture.get(RIFF_HEADER..RIFF_HEADER + 4) == Some(b"VP8X")
        && array(picture, RIFF_HEADER + 4).is_some_and(|length| u32::from_le_bytes(length) > 0);
    if has_flags && let Some(flags) = picture.get_mut(RIFF_HEADER + 8) {
        *flags &= !EXIF_AND_XMP;
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Any bytes as each kind of picture: what is cleaned is clean, and its size is read.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(input: &[u8]) {
    let picture = Bytes::copy_from_slice(input);
    let Some(kind) = ImageKind::of(&picture) else { return };
    let cleaned = without_metadata(kind, picture.clone());
    assert!(cleaned.len() <= picture.len());
    assert!(ImageKind::of(&cleaned).is_none_or(|cleaned| cleaned == kind));
    assert_eq!(without_metadata(kind, cleaned.clone()), cleaned, "it is clean");
    super::picture_size::is_bounded(kind, &cleaned);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(picture: &[u8]) -> Vec<u8> {
        let kind = ImageKind::of(picture).unwrap();
        without_metadata(kind, Bytes::copy_from_slice(picture)).to_vec()
    }

    /// EXIF with the latitude 52° 31' N (Exif 2.3, sections 4.6.3 and 4.6.6).
    const EXIF: &[u8] = b"MM\0\x2a\0\0\0\x08\
        \0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0\
        \0\x02\0\x01\0\x02\0\0\0\x02N\0\0\0\0\x02\0\x05\0\0\0\x02\0\0\0\x38\0\0\0\0\
        \0\0\0\x34\0\0\0\x01\0\0\0\x1f\0\0\0\x01";

    fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], &length[..], content].concat()
    }

    fn jpeg_of(segments: &[Vec<u8>], after: &[u8]) -> Vec<u8> {
        let scan = [segment(0xda, b"\x01\x01\0\0\x3f\0"), b"\x12\xff\0\x34\xff\xd0\x56".to_vec()].concat();
        [b"\xff\xd8", &segments.concat()[..], &scan, b"\xff\xd9", after].concat()
    }

    #[test]
    fn a_jpeg_picture_loses_its_place_and_keeps_its_looks() {
        let frame = segment(0xc0, b"\x08\x01\xe0\x02\x80\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
        let profile = segment(0xe2, b"ICC_PROFILE\0\x01\x01colours");
        let looks =
            [segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"), profile, segment(0xdb, &[1; 65]), frame];
        let hidden = [
            segment(0xe1, &[b"Exif\0\0", EXIF].concat()),
            segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"),
            segment(0xe2, b"MPF\0other pictures"),
            segment(0xed, b"Photoshop 3.0\0"),
            segment(0xfe, b"by me"),
        ];
        let clean = jpeg_of(&looks, b"");
        assert_eq!(cleaned(&jpeg_of(&[&looks[..1], &hidden, &looks[1..]].concat(), b"a film")), clean);
        assert_eq!(cleaned(&clean), clean);
    }

    #[test]
    fn metadata_is_found_after_bytes_that_decoders_skip() {
        let exif = segment(0xe1, &[b"Exif\0\0", EXIF].concat());
        let table = segment(0xdb, &[1; 65]);
        let clean = jpeg_of(std::slice::from_ref(&table), b"");
        for skipped in [&b"\xff\xff\xff"[..], b"\0\0", b"text\xff\0more"] {
            assert_eq!(cleaned(&jpeg_of(&[table.clone(), skipped.to_vec(), exif.clone()], b"")), clean);
        }
        let scan = [segment(0xda, b"\x01\x01\0\0\x3f\0"), b"\x12".to_vec()].concat();
        let with = [b"\xff\xd8", &scan[..], b"\xff\xff", &exif, &table, b"\xff\xd9"].concat();
        let without = [b"\xff\xd8", &scan[..], &table, b"\xff\xd9"].concat();
        assert_eq!(cleaned(&with), without);
    }

    fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&length[..], kind, content, b"crc "].concat()
    }

    #[test]
    fn a_png_picture_keeps_the_chunks_that_are_shown() {
        let png = |chunks: &[Vec<u8>]| [b"\x89PNG\r\n\x1a\n", &chunks.concat()[..]].concat();
        let shown = [
            chunk(b"IHDR", &[0; 13]),
            chunk(b"gAMA", &[0; 4]),
            chunk(b"IDAT", b"deflated"),
            chunk(b"IEND", b""),
        ];
        let hidden = [
            chunk(b"eXIf", EXIF),
            chunk(b"tEXt", b"Author\0me"),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0"),
            chunk(b"tIME", &[0; 7]),
        ];
        let all = [&shown[..2], &hidden, &shown[2..], &[b"more".to_vec()]].concat();
        assert_eq!(cleaned(&png(&all)), png(&shown));
        assert_eq!(cleaned(&png(&shown)), png(&shown));
    }

    fn webp_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        [&kind[..], &length, content, &b"\0"[..content.len() % 2]].concat()
    }

    #[test]
    fn a_webp_picture_says_that_it_has_no_metadata() {
        let webp = |flags: u8, chunks: &[Vec<u8>]| {
            let head = webp_chunk(b"VP8X", &[flags, 0, 0, 0, 0x7f, 2, 0, 0xdf, 1, 0]);
            let body = [b"WEBP", &head[..], &chunks.concat()].concat();
            [b"RIFF", &u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
        };
        let shown = [webp_chunk(b"ICCP", b"colours"), webp_chunk(b"VP8 ", b"a frame")];
        let hidden = [webp_chunk(b"EXIF", EXIF), webp_chunk(b"XMP ", b"<x/>")];
        assert_eq!(cleaned(&webp(0x2c, &[&shown[..], &hidden].concat())), webp(0x20, &shown));
    }

    #[test]
    fn a_webp_header_without_flags_leaves_the_next_chunk_alone() {
        let head = [b"RIFF\0\0\0\0WEBP", &webp_chunk(b"VP8X", b"")[..]].concat();
        let [shown, hidden] = [webp_chunk(b"VP8 ", b"a frame"), webp_chunk(b"XMP ", b"<x/>")];
        let clean = cleaned(&[&head[..], &hidden, &shown].concat());
        assert_eq!(clean[RIFF_HEADER + 8..], shown);
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        for picture in [
            &b"\xff\xd8\xff\xe0 and so on"[..],
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\nrest",
            b"RIFF\0\0\0\0WEBPVP8",
        ] {
            assert_eq!(cleaned(picture), picture);
        }
    }
}
