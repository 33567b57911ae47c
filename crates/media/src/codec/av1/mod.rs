//! AV1 bitstreams (*AV1 Bitstream & Decoding Process Specification*, and *AV1 Codec ISO Media File Format Binding*, here
//! "AV1 in ISOBMFF").

mod sequence;
mod slots;

use super::keyframe::Keyframe;
use sequence::Sequence;
pub(super) use slots::{Fields, show_again, shown_slot};

/// `obu_type` (section 6.2.2).
const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

/// The OBUs of a temporal unit (section 5.3), as type and payload; ends after the first that is broken.
struct Obus<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Obus<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&header, rest) = self.rest.split_first()?;
        self.rest = &[];
        let (has_extension, has_size) = (header & 4 != 0, header & 2 != 0);
        let rest = rest.get(usize::from(has_extension)..)?;
        let (payload, rest) = if has_size {
            let (size, rest) = leb128(rest)?;
            rest.split_at_checked(size)?
        } else {
            (rest, &rest[rest.len()..])
        };
        self.rest = rest;
        Some((header >> 3 & 15, payload))
    }
}

/// How many OBUs of a temporal unit are looked at: real ones have a few.
const MAX_OBUS: usize = 512;

/// The OBUs of a temporal unit that are looked at.
fn obus(unit: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    Obus { rest: unit }.take(MAX_OBUS)
}

/// How many OBUs of a temporal unit are looked at.
pub(super) fn units(unit: &[u8]) -> u64 {
    obus(unit).count() as u64
}

/// A number of at most 32 bits and what follows it (section 4.10.5).
fn leb128(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (at, &byte) in data.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()? as usize, &data[at + 1..]));
        }
    }
    None
}

/// The sequence header of a temporal unit whose first frame is a shown keyframe; `None` for others.
fn key_sequence(unit: &[u8]) -> Option<&[u8]> {
    let mut sequence = None;
    for (kind, payload) in obus(unit) {
        match kind {
            SEQUENCE_HEADER => sequence = Some(payload),
            FRAME | FRAME_HEADER => return sequence.filter(|sequence| is_shown_keyframe(sequence, payload)),
            _ => {}
        }
    }
    None
}

/// Reads the start of a frame header (section 5.9.2).
fn is_shown_keyframe(sequence: &[u8], frame: &[u8]) -> bool {
    const REDUCED_STILL_PICTURE: u8 = 8;
    if sequence.first().is_some_and(|first| first & REDUCED_STILL_PICTURE != 0) {
        return true;
    }
    // show_existing_frame, frame_type in two bits (0 is KEY_FRAME), show_frame.
    frame.first().is_some_and(|first| first >> 4 == 1)
}

/// Whether decoding can start at this temporal unit.
pub(super) fn is_key(unit: &[u8]) -> bool {
    key_sequence(unit).is_some()
}

/// Whether two `av1C` tell the same profile, depth and subsampling. Levels may differ: recorders claim a higher one at times.
pub(super) fn same_shape(av1c: &[u8], other: &[u8]) -> bool {
    let shape =
        |av1c: &[u8]| av1c.get(1).zip(av1c.get(2)).map(|(profile, shape)| (profile >> 5, shape & 0x7c));
    shape(av1c).is_some() && shape(av1c) == shape(other)
}

/// The track properties in a keyframe; `None` for other frames.
pub(super) fn keyframe(unit: &[u8]) -> Option<Keyframe> {
    let payload = key_sequence(unit)?;
    let sequence = Sequence::parse(payload)?;
    let Sequence { width, height, .. } = sequence;
    Some(Keyframe { config: sequence.av1c(payload), width, height, pixel: (1, 1) })
}

/// `av01.P.LLT.DD` (AV1 in ISOBMFF, section 5) from an `av1C` (section 2.3.3): profile, level, tier, bits per sample.
pub(crate) fn codec_string(av1c: &[u8]) -> Option<String> {
    let &[_, level, shape, ..] = av1c else { return None };
    let (profile, level, tier) = (level >> 5, level & 0x1f, if shape & 0x80 == 0 { 'M' } else { 'H' });
    let bits = match (shape & 0x40 != 0, shape & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Some(format!("av01.{profile}.{level:02}{tier}.{bits:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codec_string_names_profile_level_tier_and_depth() {
        assert_eq!(codec_string(&[0x81, 0x09, 0x0c, 0x00]).as_deref(), Some("av01.0.09M.08"));
        assert_eq!(codec_string(&[0x81, 0x28, 0xc0, 0x00]).as_deref(), Some("av01.1.08H.10"));
        assert_eq!(codec_string(&[0x81]), None);
    }

    #[test]
    fn keyframe_tells_its_size_and_configuration() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/webm-av1-opus-250ms-key2s/stream.webm");
        let recording = std::fs::read(path).unwrap();
        // A temporal delimiter, then a sequence header, at the start of the first picture.
        let at = recording.windows(3).position(|start| start == [0x12, 0x00, 0x0a]).unwrap();
        let found = keyframe(&recording[at..]).unwrap();
        assert_eq!((found.width, found.height), (1280, 720));
        assert_eq!(codec_string(&found.config).as_deref(), Some("av01.0.05M.08"));
        assert!((0..100).all(|end| !is_key(&recording[at..at + end])), "cut short");
    }

    #[test]
    fn other_units_are_no_keyframes() {
        let sequence = [0x0a, 0x0b, 0, 0, 0, 0x24, 0xc4, 0xff, 0xdf, 0x00, 0x68, 0x02, 0x00];
        let unit = |frame: &[u8]| [&sequence[..], frame].concat();
        assert!(is_key(&unit(&[0x32, 1, 0x10])));
        for (what, frame) in [
            ("an inter frame", &[0x32, 1, 0x30][..]),
            ("a hidden keyframe", &[0x32, 1, 0x00]),
            ("a frame shown again", &[0x1a, 1, 0x90]),
            ("nothing", &[]),
        ] {
            assert!(!is_key(&unit(frame)), "{what}");
        }
        assert!(!is_key(&[0x32, 1, 0x10]), "no sequence header");
    }
}
