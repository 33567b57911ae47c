//! VP9 bitstreams (*VP9 Bitstream & Decoding Process Specification*) and `vpcC` (*VP Codec ISO Media File Format Binding*,
//! section 2.2).

use bytes::Bytes;

use super::{bits::Bits, keyframe::Keyframe, slot::first_slot};

/// What follows the frame type of a keyframe (section 7.2).
const SYNC_CODE: u64 = 0x49_8342;
/// The value of `color_space` whose pictures are not subsampled.
const RGB: u64 = 7;
/// `matrix_coefficients` (ISO 23091-2) for each `color_space`; 2 is "unspecified".
const MATRICES: [u8; 8] = [2, 5, 1, 6, 7, 9, 2, 0];
/// "Unspecified" for primaries and transfer.
const UNSPECIFIED: u8 = 2;
/// The most luma samples of a picture in each level, and the level: of those with the same limit the one that allows 60
/// pictures a second (annex A).
const LEVELS: [(u64, u8); 8] = [
    (36_864, 10),
    (73_728, 11),
    (122_880, 20),
    (245_760, 21),
    (552_960, 30),
    (983_040, 31),
    (2_228_224, 41),
    (8_912_896, 51),
];
const HIGHEST_LEVEL: u8 = 62;

/// The header of a keyframe (section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KeyframeHeader {
    profile: u8,
    bit_depth: u8,
    /// `chromaSubsampling` of `vpcC`.
    subsampling: u8,
    full_range: bool,
    matrix: u8,
    width: u32,
    height: u32,
}

impl KeyframeHeader {
    /// Reads the uncompressed header at the start of a frame; `None` where that is no keyframe.
    fn parse(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(frame);
        if bits.number(2)? != 2 {
            return None;
        }
        let profile = u8::from(bits.bit()?) | u8::from(bits.bit()?) << 1;
        if profile == 3 && bits.bit()? {
            return None;
        }
        let (shows_existing, is_inter) = (bits.bit()?, bits.bit()?);
        if shows_existing || is_inter {
            return None;
        }
        bits.skip(2)?; // show_frame, error_resilient_mode
        if bits.number(24)? != SYNC_CODE {
            return None;
        }
        let bit_depth = match (profile >= 2).then(|| bits.bit()) {
            None => 8,
            Some(twelve) => {
                if twelve? {
                    12
                } else {
                    10
                }
            }
        };
        let color_space = bits.number(3)?;
        let (full_range, subsampling) = if color_space == RGB { (true, 3) } else { (bits.bit()?, 1) };
        let subsampling = match profile & 1 {
            0 => subsampling.min(1),
            _ if color_space == RGB => {
                bits.skip(1)?;
                3
            }
            _ => {
                let (x, y) = (bits.bit()?, bits.bit()?);
                bits.skip(1)?;
                match (x, y) {
                    (true, true) => 1,
                    (true, false) => 2,
                    _ => 3,
                }
            }
        };
        let (width, height) = (bits.number(16)? as u32 + 1, bits.number(16)? as u32 + 1);
        let matrix = MATRICES[color_space as usize];
        Some(Self { profile, bit_depth, subsampling, full_range, matrix, width, height })
    }

    /// The body of `vpcC` after version and flags.
    fn vpcc(&self) -> Bytes {
        let samples = u64::from(self.width) * u64::from(self.height);
        let level =
            LEVELS.iter().find(|(most, _)| samples <= *most).map_or(HIGHEST_LEVEL, |(_, level)| *level);
        let shape = self.bit_depth << 4 | self.subsampling << 1 | u8::from(self.full_range);
        Bytes::copy_from_slice(&[self.profile, level, shape, UNSPECIFIED, UNSPECIFIED, self.matrix, 0, 0])
    }
}

/// Whether decoding can start at this frame. A superframe (annex B) is what its first frame is; a frame that shows one decoded
/// before, and one that only has no references, is no keyframe.
pub(super) fn is_key(frame: &[u8]) -> bool {
    KeyframeHeader::parse(frame).is_some()
}

/// The track properties in a keyframe; `None` for other frames.
pub(super) fn keyframe(frame: &[u8]) -> Option<Keyframe> {
    let header = KeyframeHeader::parse(frame)?;
    let KeyframeHeader { width, height, .. } = header;
    Some(Keyframe { config: header.vpcc(), width, height, pixel: (1, 1) })
}

/// The frames of a superframe (annex B); `None` for packets that are a frame themselves.
fn superframe(packet: &[u8]) -> Option<Vec<&[u8]>> {
    let marker = *packet.last()?;
    if marker >> 5 != 0b110 {
        return None;
    }
    let (count, size_bytes) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
    let (mut data, index) = packet.split_at_checked(packet.len().checked_sub(2 + count * size_bytes)?)?;
    if *index.first()? != marker {
        return None;
    }
    let sizes = index[1..=count * size_bytes].chunks(size_bytes);
    sizes
        .map(|size| {
            let size = size.iter().rev().fold(0, |size, &byte| size << 8 | usize::from(byte));
            let (frame, rest) = data.split_at_checked(size)?;
            data = rest;
            Some(frame)
        })
        .collect()
}

/// Where the decoder keeps the picture that is shown after `packet`, which was in `slot` before it; `None` where it keeps
/// none, or that cannot be told.
pub(crate) fn shown_slot(slot: Option<u8>, packet: &[u8]) -> Option<u8> {
    match superframe(packet) {
        Some(frames) => frames.into_iter().fold(slot, slot_after),
        None => slot_after(slot, packet),
    }
}

/// The same for one frame: its uncompressed header (section 6.2) up to `refresh_frame_flags`. Only profile 0 (8 bits, 4:2:0) is
/// read, the one that recorders write.
fn slot_after(slot: Option<u8>, frame: &[u8]) -> Option<u8> {
    let mut bits = Bits::new(frame);
    if (bits.number(2)?, bits.number(2)?) != (2, 0) {
        return None;
    }
    if bits.bit()? {
        return bits.number(3).map(|slot| slot as u8);
    }
    let (is_inter, shows, error_resilient) = (bits.bit()?, bits.bit()?, bits.bit()?);
    let kept = if is_inter {
        let intra_only = !shows && bits.bit()?;
        bits.skip(if error_resilient { 0 } else { 2 })?;
        bits.skip(if intra_only { 24 } else { 0 })?; // the sync code
        bits.number(8)? as u8
    } else {
        u8::MAX
    };
    if shows { first_slot(kept) } else { slot.filter(|slot| kept >> slot & 1 == 0) }
}

/// A frame that shows what is kept in `slot`.
pub(crate) fn show_again(slot: u8) -> Bytes {
    Bytes::copy_from_slice(&[0b1000_1000 | slot])
}

/// `vp09.PP.LL.DD` (VP Codec ISO Media File Format Binding, section 5) from the body of a `vpcC`.
pub(crate) fn codec_string(vpcc: &[u8]) -> Option<String> {
    let &[profile, level, shape, ..] = vpcc else { return None };
    Some(format!("vp09.{profile:02}.{level:02}.{:02}", shape >> 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Profile 0, a shown keyframe of 64 × 32 pixels.
    const KEYFRAME: [u8; 9] = [0x82, 0x49, 0x83, 0x42, 0x00, 0x03, 0xf0, 0x01, 0xf0];

    #[test]
    fn keyframe_tells_its_size_and_configuration() {
        let found = keyframe(&KEYFRAME).unwrap();
        assert_eq!((found.width, found.height), (64, 32));
        assert_eq!(codec_string(&found.config).as_deref(), Some("vp09.00.10.08"));
        assert_eq!(&found.config[..], [0, 10, 0x82, 2, 2, 2, 0, 0]);
        assert!((0..9).all(|end| !is_key(&KEYFRAME[..end])));
    }

    #[test]
    fn deep_and_less_subsampled_colours_are_told() {
        // Profile 2, 10 bits, BT.2020, full range, 1 × 1.
        let found = keyframe(&[0x92, 0x49, 0x83, 0x42, 0x58, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(&found.config[..], [2, 10, 0xa3, 2, 2, 9, 0, 0]);
        // Profile 1, RGB.
        let found = keyframe(&[0xa2, 0x49, 0x83, 0x42, 0xe0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(&found.config[..], [1, 10, 0x87, 2, 2, 0, 0, 0]);
    }

    #[test]
    fn other_frames_are_no_keyframes() {
        for (what, first) in
            [("an inter frame", 0x86), ("a frame shown again", 0x88), ("no frame marker", 0x42)]
        {
            let mut frame = KEYFRAME;
            frame[0] = first;
            assert!(!is_key(&frame), "{what}");
        }
        assert!(!is_key(&[0x82, 0x49, 0x83, 0x43, 0, 0, 0, 0, 0]), "no sync code");
    }
}
