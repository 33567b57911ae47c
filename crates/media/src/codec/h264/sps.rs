//! What is read of a sequence parameter set (ITU-T H.264, section 7.3.2.1.1): size and shape of the pictures, their order, and
//! what `avcC` repeats.

use super::{
    units::{malformed, without_emulation_prevention},
    vui::Usability,
};
use crate::{
    Error,
    codec::{bits::Bits, picture_order::Sequence},
};

/// Profiles whose SPS tells the chroma format and the bit depths, and whose `avcC` therefore does
/// (ISO 14496-15, section 5.3.3.1.2).
const PROFILES_WITH_CHROMA: [u8; 4] = [100, 110, 122, 144];

/// Profiles whose SPS tells the chroma format and scaling lists (section 7.3.2.1.1).
const PROFILES_WITH_FORMAT: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// Sampling and depth of the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChromaFormat {
    /// `chroma_format_idc`: 0 to 3.
    pub(super) chroma: u8,
    /// `bit_depth_luma_minus8`: 0 to 6.
    pub(super) luma_depth_minus_8: u8,
    /// `bit_depth_chroma_minus8`: 0 to 6.
    pub(super) chroma_depth_minus_8: u8,
}

impl ChromaFormat {
    /// Reads it from an SPS with its NAL unit header; `None` for the profiles without it, which are all 4:2:0 with 8 bits.
    pub(super) fn of(sps: &[u8]) -> Result<Option<Self>, Error> {
        if !sps.get(1).is_some_and(|profile| PROFILES_WITH_CHROMA.contains(profile)) {
            return Ok(None);
        }
        // Behind the NAL unit header: profile, constraints and level, a byte each.
        let payload = without_emulation_prevention(sps.get(4..).unwrap_or_default());
        let bits = &mut Bits::new(&payload);
        let format = at_most(bits, 31).and_then(|_id| Self::read(bits));
        format.map(Some).ok_or_else(|| malformed("SPS cut short, or a field out of range"))
    }

    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let chroma = at_most(bits, 3)?;
        if chroma == 3 {
            bits.skip(1)?; // separate_colour_plane_flag
        }
        let (luma_depth_minus_8, chroma_depth_minus_8) = (at_most(bits, 6)?, at_most(bits, 6)?);
        Some(Self { chroma, luma_depth_minus_8, chroma_depth_minus_8 })
    }
}

/// The fields of a sequence parameter set about the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sps {
    /// In pixels, after cropping.
    pub(super) width: u32,
    /// In pixels, after cropping.
    pub(super) height: u32,
    /// Width and height of a pixel in square pixels (section E.2.1).
    pub(super) pixel: (u32, u32),
    /// How many pictures may be decoded before one that is shown before them, where it says so.
    pub(super) reorder_depth: Option<u8>,
    /// How pictures are numbered; `None` where they are interlaced, or ordered by a type that nothing here reads.
    pub(super) sequence: Option<Sequence>,
}

impl Sps {
    /// Reads it from an SPS with its NAL unit header; `None` where that is cut short or out of range.
    pub(super) fn parse(sps: &[u8]) -> Option<Self> {
        let &[_, profile, constraints, _, ref rest @ ..] = sps else { return None };
        let payload = without_emulation_prevention(rest);
        let bits = &mut Bits::new(&payload);
        let id = bits.exp_golomb()?;
        let mut chroma = 1;
        if PROFILES_WITH_FORMAT.contains(&profile) {
            chroma = ChromaFormat::read(bits)?.chroma;
            skip_scaling_matrix(bits, chroma)?;
        }
        let number_bits = bits.exp_golomb()?.checked_add(4)?;
        let (order, order_bits) = read_picture_order(bits)?;
        let _max_num_ref_frames = bits.exp_golomb()?;
        bits.skip(1)?; // gaps_in_frame_num_value_allowed_flag
        let (macroblocks, map_units) =
            (bits.exp_golomb()?.checked_add(1)?, bits.exp_golomb()?.checked_add(1)?);
        let frames_only = bits.bit()?;
        if !frames_only {
            bits.skip(1)?; // mb_adaptive_frame_field_flag
        }
        bits.skip(1)?; // direct_8x8_inference_flag
        let crop = if bits.bit()? { read_crop(bits)? } else { [0; 4] };
        let fields: u32 = if frames_only { 1 } else { 2 };
        let (unit_x, unit_y) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let cropped = |blocks: u32, before: u32, after: u32, unit: u32| {
            let pixels = blocks.checked_mul(16)?;
            pixels.checked_sub(before.checked_add(after)?.checked_mul(unit)?).filter(|&pixels| pixels > 0)
        };
        let width = cropped(macroblocks, crop[0], crop[1], unit_x)?;
        let height = cropped(map_units.checked_mul(fields)?, crop[2], crop[3], unit_y * fields)?;
        let sequence = (frames_only && order != 1)
            .then(|| {
                let macroblocks = macroblocks.checked_mul(map_units)?;
                Sequence { id, number_bits, order_bits, macroblocks }.checked()
            })
            .flatten();
        let Usability { pixel, mut reorder_depth } =
            if bits.bit()? { Usability::read(bits) } else { Usability::default() };
        // Order of decoding is that of presentation where it has a type of its own (section 8.2.1.3).
        if order == 2 || (reorder_depth.is_none() && never_reorders(profile, constraints)) {
            reorder_depth = Some(0);
        }
        Some(Self { width, height, pixel, reorder_depth, sequence })
    }
}

/// Baseline profiles have no B-frames; neither have those of only intra pictures (`constraint_set3_flag`, annex A.2).
fn never_reorders(profile: u8, constraints: u8) -> bool {
    const BASELINE: u8 = 66;
    const HIGH: [u8; 4] = [100, 110, 122, 244];
    profile == BASELINE || (HIGH.contains(&profile) && constraints & 0x10 != 0)
}

/// `qpprime_y_zero_transform_bypass_flag` and the scaling lists.
fn skip_scaling_matrix(bits: &mut Bits<'_>, chroma: u8) -> Option<()> {
    bits.skip(1)?;
    if bits.bit()? {
        for list in 0..if chroma == 3 { 12 } else { 8 } {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(())
}

/// `scaling_list` (section 7.3.2.1.1.1).
fn skip_scaling_list(bits: &mut Bits<'_>, size: usize) -> Option<()> {
    let mut last = 8;
    for _ in 0..size {
        last = (last + bits.signed_exp_golomb()?).rem_euclid(256);
        if last == 0 {
            break;
        }
    }
    Some(())
}

/// `pic_order_cnt_type`, and how many bits `pic_order_cnt_lsb` has; passes over what else belongs to it.
fn read_picture_order(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let order = bits.exp_golomb()?;
    let mut order_bits = 0;
    match order {
        0 => order_bits = bits.exp_golomb()?.checked_add(4)?,
        1 => {
            bits.skip(1)?;
            bits.exp_golomb()?;
            bits.exp_golomb()?;
            for _ in 0..bits.exp_golomb()?.min(255) {
                bits.exp_golomb()?;
            }
        }
        _ => {}
    }
    Some((order, order_bits))
}

/// Left, right, top and bottom, in cropping units.
fn read_crop(bits: &mut Bits<'_>) -> Option<[u32; 4]> {
    Some([bits.exp_golomb()?, bits.exp_golomb()?, bits.exp_golomb()?, bits.exp_golomb()?])
}

/// An unsigned Exp-Golomb number of at most `max`.
fn at_most(bits: &mut Bits<'_>, max: u8) -> Option<u8> {
    u8::try_from(bits.exp_golomb()?).ok().filter(|&number| number <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(at_most(&mut Bits::new(&[0b0001_0000]), 6), None);
        assert_eq!(at_most(&mut Bits::new(&[0b0001_0000]), 7), Some(7));
    }

    #[test]
    fn baseline_has_no_chroma_format() {
        assert_eq!(ChromaFormat::of(&[0x67, 66, 0xc0, 0x20, 0x8c]).unwrap(), None);
    }

    #[test]
    fn recorders_set_tells_size_and_order() {
        // As Chromium's recorder writes it.
        let sps = [
            0x67, 0x42, 0xc0, 0x20, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd, 0x35, 0x01, 0x01, 0x01, 0x07, 0x84,
            0x42, 0x35,
        ];
        let found = Sps::parse(&sps).unwrap();
        assert_eq!(found, Sps { width: 1280, height: 720, pixel: (1, 1), reorder_depth: Some(0), ..found });
        assert!((0..8).all(|end| Sps::parse(&sps[..end]).is_none()));
    }

    #[test]
    fn order_is_told_with_b_frames() {
        // x264: 320 × 180, three B-frames.
        let sps = [
            0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00,
            0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x42, 0x99, 0x60,
        ];
        let found = Sps::parse(&sps).unwrap();
        assert_eq!((found.width, found.height, found.reorder_depth), (320, 180, Some(2)));
        let cut = Sps::parse(&sps[..12]).unwrap();
        assert_eq!(cut, Sps { reorder_depth: None, ..found }, "usability information cut short");
    }

    #[test]
    fn encoders_set_tells_cropping_pixel_shape_and_reordering() {
        // x264: 718 × 574, high profile, pixels of 16:11, B-frames in a pyramid.
        let sps = [
            0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xb4, 0x12, 0x7a, 0xac, 0x10, 0x40, 0x00, 0x00, 0x03,
            0x00, 0x40, 0x00, 0x00, 0x0c, 0x83, 0xc5, 0x8b, 0x65, 0x80,
        ];
        let found = Sps::parse(&sps).unwrap();
        assert_eq!(found, Sps { width: 718, height: 574, pixel: (16, 11), reorder_depth: Some(2), ..found });
    }
}
