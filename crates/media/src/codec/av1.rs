//! AV1 bitstreams (*AV1 Bitstream & Decoding Process Specification*, and *AV1 Codec ISO Media File Format Binding*, here
//! "AV1 in ISOBMFF").

use bytes::Bytes;

use super::{bits::Bits, vp9::first_slot};

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

const OBU_SEQUENCE_HEADER: u64 = 1;
const OBU_FRAME_HEADER: u64 = 3;
const OBU_FRAME: u64 = 6;

const KEY_FRAME: u64 = 0;
const INTRA_ONLY_FRAME: u64 = 2;
const SWITCH_FRAME: u64 = 3;

/// What a frame header is read by (section 5.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sequence {
    /// 2 where each frame says.
    screen_content_tools: u64,
    integer_mv: u64,
    order_hint_bits: u32,
}

/// The open bitstream units of `data`, with their types; ends where they are malformed, or have no size of their own.
fn units(mut data: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let header = *data.first()?;
        let (extended, sized) = (header & 4 != 0, header & 2 != 0);
        let mut rest = data.get(if extended { 2 } else { 1 }..)?;
        let size = if sized { leb128(&mut rest)? } else { rest.len() };
        let (unit, after) = rest.split_at_checked(size)?;
        data = after;
        Some((u64::from(header >> 3 & 15), unit))
    })
}

/// Section 4.10.5.
fn leb128(data: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for shift in (0..32).step_by(7) {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

impl Sequence {
    /// As a number, for [`Self::of_number`].
    pub(crate) fn number(self) -> u64 {
        self.screen_content_tools | self.integer_mv << 2 | u64::from(self.order_hint_bits) << 4
    }

    /// `None` where it is no such number.
    pub(crate) fn of_number(number: u64) -> Option<Self> {
        let (screen_content_tools, integer_mv) = (number & 3, number >> 2 & 3);
        let order_hint_bits = u32::try_from(number >> 4).ok().filter(|&bits| bits <= 8)?;
        Some(Self { screen_content_tools, integer_mv, order_hint_bits })
    }

    /// Reads a sequence header (section 5.5.1); `None` for those with timing information or frame numbers, which live
    /// encoders do not write.
    fn parse(unit: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(unit);
        bits.skip(4)?; // seq_profile, still_picture
        let (reduced, timed, delayed) = (bits.bit()?, bits.bit()?, bits.bit()?);
        if reduced || timed {
            return None;
        }
        for _ in 0..=bits.number(5)? {
            bits.skip(12)?; // operating_point_idc
            let level = bits.number(5)?;
            bits.skip(usize::from(level > 7))?; // seq_tier
            if delayed && bits.bit()? {
                bits.skip(4)?;
            }
        }
        let (width_bits, height_bits) = (bits.number(4)? + 1, bits.number(4)? + 1);
        bits.skip((width_bits + height_bits) as usize)?;
        if bits.bit()? {
            return None; // frame_id_numbers_present_flag
        }
        bits.skip(7)?; // from use_128x128_superblock to enable_dual_filter
        let ordered = bits.bit()?;
        bits.skip(if ordered { 2 } else { 0 })?;
        let screen_content_tools = if bits.bit()? { 2 } else { bits.number(1)? };
        let integer_mv = match screen_content_tools {
            0 => 2,
            _ if bits.bit()? => 2,
            _ => bits.number(1)?,
        };
        let order_hint_bits = if ordered { bits.number(3)? as u32 + 1 } else { 0 };
        Some(Self { screen_content_tools, integer_mv, order_hint_bits })
    }

    /// Where the decoder keeps the picture that is shown after this frame header (section 5.9.2), which was in `slot` before.
    fn slot_after(self, slot: Option<u8>, header: &[u8]) -> Option<u8> {
        let mut bits = Bits::new(header);
        if bits.bit()? {
            return bits.number(3).map(|slot| slot as u8);
        }
        let (kind, shows) = (bits.number(2)?, bits.bit()?);
        bits.skip(usize::from(!shows))?; // showable_frame
        let resets = kind == SWITCH_FRAME || (kind == KEY_FRAME && shows);
        let error_resilient = resets || bits.bit()?;
        bits.skip(1)?; // disable_cdf_update
        let screen_content = match self.screen_content_tools {
            2 => bits.bit()?,
            told => told == 1,
        };
        bits.skip(usize::from(screen_content && self.integer_mv == 2))?;
        bits.skip(usize::from(kind != SWITCH_FRAME))?; // frame_size_override_flag
        bits.number(self.order_hint_bits)?;
        let is_intra = kind == KEY_FRAME || kind == INTRA_ONLY_FRAME;
        bits.skip(if is_intra || error_resilient { 0 } else { 3 })?; // primary_ref_frame
        let kept = if resets { u8::MAX } else { bits.number(8)? as u8 };
        if shows { first_slot(kept) } else { slot.filter(|slot| kept >> slot & 1 == 0) }
    }
}

/// Where the decoder keeps the picture that is shown after `packet`, which was in `slot` before it; `None` where it keeps none,
/// or that cannot be told. `sequence` is that of the newest sequence header.
pub(crate) fn shown_slot(slot: Option<u8>, sequence: &mut Option<Sequence>, packet: &[u8]) -> Option<u8> {
    units(packet).fold(slot, |slot, (kind, unit)| match kind {
        OBU_SEQUENCE_HEADER => {
            *sequence = Sequence::parse(unit);
            slot
        }
        OBU_FRAME_HEADER | OBU_FRAME => (*sequence)?.slot_after(slot, unit),
        _ => slot,
    })
}

/// A frame header that shows what is kept in `slot`, as a unit with its size.
pub(crate) fn show_again(slot: u8) -> Bytes {
    Bytes::copy_from_slice(&[0b0001_1010, 1, 0b1000_1000 | slot << 4])
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
}
