//! What is read of video usability information (ITU-T H.264, section E.1.1).

use crate::codec::bits::Bits;

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usability {
    /// Width and height of a pixel in square pixels (section E.2.1).
    pub(super) pixel: (u32, u32),
    /// How many pictures may be decoded before one that is shown before them, where it says so.
    pub(super) reorder_depth: Option<u8>,
}

impl Default for Usability {
    fn default() -> Self {
        Self { pixel: (1, 1), reorder_depth: None }
    }
}

impl Usability {
    /// Reads it; what cannot be read is as if it were not there.
    pub(super) fn read(bits: &mut Bits<'_>) -> Self {
        let mut found = Self::default();
        let _ = found.read_fields(bits);
        found
    }

    fn read_fields(&mut self, bits: &mut Bits<'_>) -> Option<()> {
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
