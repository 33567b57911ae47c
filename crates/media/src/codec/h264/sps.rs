//! What is read of a sequence parameter set (ITU-T H.264, section 7.3.2.1.1): size and shape of the pictures, their order, and
//! what `avcC` repeats.

use std::borrow::Cow;

use memchr::memchr;

use super::malformed;
use crate::{Error, codec::bits::Bits};

/// Profiles whose SPS tells the chroma format and the bit depths, and whose `avcC` therefore does
/// (ISO 14496-15, section 5.3.3.1.2).
const PROFILES_WITH_CHROMA: [u8; 4] = [100, 110, 122, 144];

/// Profiles whose SPS tells the chroma format and scaling lists (section 7.3.2.1.1).
const PROFILES_WITH_FORMAT: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// How much of an SPS is read; real ones have some tens of bytes, with scaling lists some hundred.
const MAX_READ_BYTES: usize = 1024;

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
        let mut bits = Bits::new(&payload);
        let _seq_parameter_set_id = exp_golomb(&mut bits, 31)?;
        let chroma = exp_golomb(&mut bits, 3)?;
        if chroma == 3 {
            let _separate_colour_plane_flag = bits.bit();
        }
        let luma_depth_minus_8 = exp_golomb(&mut bits, 6)?;
        let chroma_depth_minus_8 = exp_golomb(&mut bits, 6)?;
        Ok(Some(Self { chroma, luma_depth_minus_8, chroma_depth_minus_8 }))
    }
}

/// A NAL unit's payload without the `03` of each `00 00 03` (section 7.4.1), at most [`MAX_READ_BYTES`] of it.
pub(in crate::codec) fn without_emulation_prevention(unit: &[u8]) -> Cow<'_, [u8]> {
    let unit = &unit[..unit.len().min(MAX_READ_BYTES)];
    // Slice headers, of which there is one for each picture, have hardly ever one.
    if memchr(3, unit).is_none() || !unit.windows(3).any(|bytes| bytes == [0, 0, 3]) {
        return Cow::Borrowed(unit);
    }
    let mut payload = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if byte == 3 && zeros >= 2 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    Cow::Owned(payload)
}

/// What a sequence parameter set says about the pictures.
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

/// What a sequence parameter set says about the headers of slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) struct Sequence {
    /// `seq_parameter_set_id`: 0 to 31.
    pub(in crate::codec) id: u32,
    /// Bits of `frame_num`: 4 to 16.
    pub(in crate::codec) number_bits: u32,
    /// Bits of `pic_order_cnt_lsb`: 4 to 16, or 0 where pictures are shown in the order of decoding.
    pub(in crate::codec) order_bits: u32,
    /// Of a picture.
    pub(in crate::codec) macroblocks: u32,
}

/// The most macroblocks of a picture (annex A).
const MAX_MACROBLOCKS: u32 = 139_264;

impl Sequence {
    fn checked(self) -> Option<Self> {
        let Self { id, number_bits, order_bits, macroblocks } = self;
        let is_order = order_bits == 0 || (4..=16).contains(&order_bits);
        let is_whole = id < 32 && (4..=16).contains(&number_bits) && is_order;
        (is_whole && (1..=MAX_MACROBLOCKS).contains(&macroblocks)).then_some(self)
    }

    /// `frame_num` after that of a reference picture.
    pub(in crate::codec) fn next_number(self, number: u32) -> u32 {
        (number + 1) & mask(self.number_bits)
    }

    /// From one `frame_num` to a later one.
    pub(in crate::codec) fn distance(self, from: u32, to: u32) -> u32 {
        to.wrapping_sub(from) & mask(self.number_bits)
    }

    /// Whether a picture with this `pic_order_cnt_lsb` is shown after one with the other.
    pub(in crate::codec) fn is_later(self, order: u32, than: u32) -> bool {
        let later = order.wrapping_sub(than) & mask(self.order_bits);
        self.order_bits == 0 || (later > 0 && later <= mask(self.order_bits) / 2)
    }

    /// As a number, for [`Self::of_number`].
    pub(in crate::codec) fn number(self) -> u64 {
        let Self { id, number_bits, order_bits, macroblocks } = self;
        u64::from(id | number_bits << 5 | order_bits << 10) | u64::from(macroblocks) << 15
    }

    /// `None` where it is no such number.
    pub(in crate::codec) fn of_number(number: u64) -> Option<Self> {
        let field = |shift: u32| (number >> shift) as u32 & 31;
        let macroblocks = u32::try_from(number >> 15).ok()?;
        Self { id: field(0), number_bits: field(5), order_bits: field(10), macroblocks }.checked()
    }
}

/// The lowest bits.
fn mask(bits: u32) -> u32 {
    (1 << bits) - 1
}

impl Sps {
    /// Reads it from an SPS with its NAL unit header; `None` where that is cut short or out of range.
    pub(super) fn parse(sps: &[u8]) -> Option<Self> {
        let &[_, profile, constraints, _, ref rest @ ..] = sps else { return None };
        let payload = without_emulation_prevention(rest);
        let bits = &mut Bits::new(&payload);
        let id = bits.exp_golomb()?;
        let chroma = if PROFILES_WITH_FORMAT.contains(&profile) { read_format(bits)? } else { 1 };
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
        let mut found = Self { width, height, pixel: (1, 1), reorder_depth: None, sequence };
        if bits.bit()? {
            // What cannot be read of it is as if it were not there.
            let _ = found.read_usability(bits);
        }
        // Order of decoding is that of presentation where it has a type of its own (section 8.2.1.3).
        if order == 2 || (found.reorder_depth.is_none() && never_reorders(profile, constraints)) {
            found.reorder_depth = Some(0);
        }
        Some(found)
    }

    /// Video usability information (section E.1.1).
    fn read_usability(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        if bits.bit()? {
            self.pixel = read_pixel_shape(bits)?;
        }
        if bits.bit()? {
            bits.skip(1)?; // overscan_appropriate_flag
        }
        if bits.bit()? {
            bits.skip(4)?; // video_format, video_full_range_flag
            if bits.bit()? {
                bits.skip(24)?; // colour description
            }
        }
        if bits.bit()? {
            bits.exp_golomb()?; // chroma sample locations
            bits.exp_golomb()?;
        }
        if bits.bit()? {
            bits.skip(65)?; // timing
        }
        let (nal, vcl) = (skip_hypothetical_decoder(bits)?, skip_hypothetical_decoder(bits)?);
        if nal || vcl {
            bits.skip(1)?; // low_delay_hrd_flag
        }
        bits.skip(1)?; // pic_struct_present_flag
        if bits.bit()? {
            bits.skip(1)?; // motion_vectors_over_pic_boundaries_flag
            for _ in 0..4 {
                bits.exp_golomb()?; // bytes, bits, and lengths of motion vectors
            }
            self.reorder_depth = Some(u8::try_from(bits.exp_golomb()?).ok()?);
        }
        Some(())
    }
}

/// Baseline profiles have no B-frames; neither have those of only intra pictures (`constraint_set3_flag`, annex A.2).
fn never_reorders(profile: u8, constraints: u8) -> bool {
    const BASELINE: u8 = 66;
    const HIGH: [u8; 4] = [100, 110, 122, 244];
    profile == BASELINE || (HIGH.contains(&profile) && constraints & 0x10 != 0)
}

/// `chroma_format_idc` to `seq_scaling_matrix`; gives the first.
fn read_format(bits: &mut Bits<'_>) -> Option<u32> {
    let chroma = bits.exp_golomb()?;
    if chroma == 3 {
        bits.skip(1)?; // separate_colour_plane_flag
    }
    bits.exp_golomb()?; // bit depths
    bits.exp_golomb()?;
    bits.skip(1)?; // qpprime_y_zero_transform_bypass_flag
    if bits.bit()? {
        for list in 0..if chroma == 3 { 12 } else { 8 } {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(chroma)
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

/// `aspect_ratio_idc` (table E-1) and what belongs to it.
fn read_pixel_shape(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    const SHAPES: [(u32, u32); 17] = [
        (1, 1),
        (1, 1),
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    ];
    const EXTENDED: u64 = 255;
    let shape = match bits.number(8)? {
        EXTENDED => (bits.number(16)? as u32, bits.number(16)? as u32),
        index => SHAPES.get(index as usize).copied().unwrap_or((1, 1)),
    };
    Some(if shape.0 == 0 || shape.1 == 0 { (1, 1) } else { shape })
}

/// Passes over `hrd_parameters` (section E.1.2), if they are there; says whether they were.
fn skip_hypothetical_decoder(bits: &mut Bits<'_>) -> Option<bool> {
    if !bits.bit()? {
        return Some(false);
    }
    let count = bits.exp_golomb()?.min(31) + 1;
    bits.skip(8)?;
    for _ in 0..count {
        bits.exp_golomb()?;
        bits.exp_golomb()?;
        bits.skip(1)?;
    }
    bits.skip(20)?;
    Some(true)
}

/// An unsigned Exp-Golomb number of at most `max`.
fn exp_golomb(bits: &mut Bits<'_>, max: u8) -> Result<u8, Error> {
    bits.exp_golomb()
        .and_then(|number| u8::try_from(number).ok())
        .filter(|&number| number <= max)
        .ok_or_else(|| malformed("SPS cut short, or a field out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(exp_golomb(&mut Bits::new(&[0b0001_0000]), 6).is_err());
        assert!(exp_golomb(&mut Bits::new(&[0b0001_0000]), 7).is_ok());
    }

    #[test]
    fn emulation_prevention_bytes_are_dropped() {
        assert_eq!(*without_emulation_prevention(&[0, 0, 3, 1, 0, 0, 3, 3]), [0, 0, 1, 0, 0, 3]);
        assert_eq!(*without_emulation_prevention(&[0, 3, 0, 0, 1]), [0, 3, 0, 0, 1]);
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
