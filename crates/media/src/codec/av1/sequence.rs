//! Sequence headers (section 5.5), and the `av1C` that is made of one.

use bytes::{BufMut, Bytes, BytesMut};

use super::SEQUENCE_HEADER;
use crate::codec::bits::Bits;

/// The most operating points (section 5.5.1).
const MAX_OPERATING_POINTS: u64 = 32;

/// The fields of a sequence header (section 5.5).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    profile: u8,
    level: u8,
    tier: bool,
    pub(super) width: u32,
    pub(super) height: u32,
    high_bit_depth: bool,
    twelve_bit: bool,
    monochrome: bool,
    subsampling: (bool, bool),
    chroma_sample_position: u8,
    /// Whether frame headers have fields that depend on timing, frame numbers, or a reduced header.
    pub(super) has_special_frames: bool,
    /// 2 where each frame says.
    pub(super) screen_content_tools: u64,
    /// 2 where each frame says.
    pub(super) integer_mv: u64,
    pub(super) order_hint_bits: u32,
}

impl Sequence {
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let bits = &mut Bits::new(payload);
        let mut sequence = Self { profile: bits.number(3)? as u8, ..Self::default() };
        bits.skip(1)?; // still_picture
        let is_reduced = bits.bit()?;
        sequence.has_special_frames = is_reduced;
        if is_reduced {
            sequence.level = bits.number(5)? as u8;
        } else {
            sequence.read_operating_points(bits)?;
        }
        let (width_bits, height_bits) = (bits.number(4)? as u32 + 1, bits.number(4)? as u32 + 1);
        sequence.width = bits.number(width_bits)? as u32 + 1;
        sequence.height = bits.number(height_bits)? as u32 + 1;
        sequence.read_tools(bits, is_reduced)?;
        sequence.read_colour(bits)?;
        Some(sequence)
    }

    /// `timing_info`, `decoder_model_info` and the operating points, of which the first counts.
    fn read_operating_points(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let mut delay_bits = None;
        if bits.bit()? {
            self.has_special_frames = true;
            bits.skip(64)?;
            if bits.bit()? {
                bits.exp_golomb()?; // uvlc() is coded alike
            }
            if bits.bit()? {
                delay_bits = Some(bits.number(5)? as usize + 1);
                bits.skip(32 + 5 + 5)?;
            }
        }
        let has_display_delay = bits.bit()?;
        let points = bits.number(5)? + 1;
        for point in 0..points.min(MAX_OPERATING_POINTS) {
            bits.skip(12)?;
            let level = bits.number(5)? as u8;
            let tier = level > 7 && bits.bit()?;
            if point == 0 {
                (self.level, self.tier) = (level, tier);
            }
            if let Some(delay_bits) = delay_bits
                && bits.bit()?
            {
                bits.skip(2 * delay_bits + 1)?;
            }
            if has_display_delay && bits.bit()? {
                bits.skip(4)?;
            }
        }
        Some(())
    }

    /// What stands between the size and the colours.
    fn read_tools(&mut self, bits: &mut Bits<'_>, is_reduced: bool) -> Option<()> {
        if !is_reduced && bits.bit()? {
            self.has_special_frames = true;
            bits.skip(7)?; // lengths of frame numbers
        }
        bits.skip(3)?; // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
        (self.screen_content_tools, self.integer_mv) = (2, 2);
        if !is_reduced {
            bits.skip(4)?; // interintra, masked, warped, dual filter
            let has_order_hint = bits.bit()?;
            bits.skip(if has_order_hint { 2 } else { 0 })?; // enable_jnt_comp, enable_ref_frame_mvs
            self.screen_content_tools = if bits.bit()? { 2 } else { bits.number(1)? };
            self.integer_mv = match self.screen_content_tools {
                0 => 2,
                _ if bits.bit()? => 2,
                _ => bits.number(1)?,
            };
            self.order_hint_bits = if has_order_hint { bits.number(3)? as u32 + 1 } else { 0 };
        }
        bits.skip(3) // superres, cdef, restoration
    }

    /// `color_config` (section 5.5.2).
    fn read_colour(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        const SRGB: u64 = 0x01_0d_00;
        self.high_bit_depth = bits.bit()?;
        self.twelve_bit = self.profile == 2 && self.high_bit_depth && bits.bit()?;
        self.monochrome = self.profile != 1 && bits.bit()?;
        let description = if bits.bit()? { bits.number(24)? } else { 0 };
        if self.monochrome {
            self.subsampling = (true, true);
            return Some(());
        }
        if description == SRGB {
            return Some(());
        }
        bits.skip(1)?; // color_range
        self.subsampling = match self.profile {
            0 => (true, true),
            1 => (false, false),
            _ if self.twelve_bit => {
                let horizontal = bits.bit()?;
                (horizontal, horizontal && bits.bit()?)
            }
            _ => (true, false),
        };
        if self.subsampling == (true, true) {
            self.chroma_sample_position = bits.number(2)? as u8;
        }
        Some(())
    }

    /// `av1C` (AV1 in ISOBMFF, section 2.3.3), with the sequence header.
    pub(super) fn av1c(&self, payload: &[u8]) -> Bytes {
        let flag = |set: bool, bit: u8| u8::from(set) << bit;
        let shape = flag(self.tier, 7)
            | flag(self.high_bit_depth, 6)
            | flag(self.twelve_bit, 5)
            | flag(self.monochrome, 4)
            | flag(self.subsampling.0, 3)
            | flag(self.subsampling.1, 2)
            | self.chroma_sample_position;
        let mut out = BytesMut::with_capacity(payload.len() + 12);
        out.put_slice(&[0x81, self.profile << 5 | self.level, shape, 0]);
        out.put_u8(SEQUENCE_HEADER << 3 | 2);
        let mut size = payload.len();
        while size >= 0x80 {
            out.put_u8(size as u8 | 0x80);
            size >>= 7;
        }
        out.put_u8(size as u8);
        out.put_slice(payload);
        out.freeze()
    }
}
