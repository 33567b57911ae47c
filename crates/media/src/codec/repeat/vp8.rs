//! A VP8 frame in which no macroblock changes (RFC 6386), so that a decoder shows the picture before it again.
//!
//! Every macroblock is predicted from the last frame where it stands and has no residue, which takes about an eighth of a bit each.
//! The frame refreshes no buffer and no probability, so those after it decode as if it were not there. Most of its header is
//! zeros, coded with probabilities that never change, and leaves the encoder in one and the same state: see [`HEADER`].

use bytes::{BufMut, Bytes, BytesMut};

use crate::codec::vp8;

/// The most macroblocks of a picture that is shown again: 4096 × 2304 pixels.
const MAX_MACROBLOCKS: usize = 256 * 144;

/// State of the encoder after the header (section 19.2) up to `mb_no_coeff_skip`: 36 flags and literals of 0, then 1056 flags
/// that leave the token probabilities as they are (section 13.4).
const HEADER: BoolEncoder = BoolEncoder { bytes: Vec::new(), range: 193, shifts: 49 };

/// Probabilities of the flags that change those of motion vectors (section 17.2); rows, then columns.
const VECTOR_UPDATES: [u8; 38] = [
    237, 246, 253, 253, 254, 254, 254, 254, 254, 254, 254, 254, 254, 254, 250, 250, 252, 254, 254, //
    231, 243, 245, 253, 254, 254, 254, 254, 254, 254, 254, 254, 254, 254, 251, 251, 254, 254, 254,
];

/// Bytes of an empty partition of tokens; there has to be one.
const NO_TOKENS: [u8; 4] = [0; 4];

/// The fields of a keyframe that later frames depend on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Picture {
    /// The bitstream's `version`: 0 to 7.
    version: u8,
    /// Macroblocks across and down.
    columns: u16,
    rows: u16,
}

impl Picture {
    /// What `packet` says; `before` where it is no keyframe, `None` where pictures are too large to be shown again.
    pub(super) fn after(before: Option<Self>, packet: &[u8]) -> Option<Self> {
        let Some((width, height)) = vp8::size(packet) else { return before };
        // Both have 14 bits.
        let macroblocks = |pixels: u32| pixels.div_ceil(16) as u16;
        Self::checked(packet.first()? >> 1 & 7, macroblocks(width), macroblocks(height))
    }

    fn checked(version: u8, columns: u16, rows: u16) -> Option<Self> {
        let picture = Self { version, columns, rows };
        (1..=MAX_MACROBLOCKS).contains(&picture.macroblocks()).then_some(picture)
    }

    pub(super) fn macroblocks(self) -> usize {
        usize::from(self.columns) * usize::from(self.rows)
    }

    /// As a number, for [`Self::of_number`].
    pub(super) fn number(self) -> u64 {
        u64::from(self.version) | u64::from(self.columns) << 3 | u64::from(self.rows) << 19
    }

    /// `None` where it is no such number.
    pub(super) fn of_number(number: u64) -> Option<Self> {
        let rows = u16::try_from(number >> 19).ok()?;
        Self::checked(number as u8 & 7, (number >> 3) as u16, rows)
    }

    /// The frame.
    pub(super) fn show_again(self) -> Bytes {
        let first_partition = self.first_partition();
        // Inter frame, version, shown, bytes of the first partition (section 9.1).
        let tag = 1 | u32::from(self.version) << 1 | 1 << 4 | (first_partition.len() as u32) << 5;
        let mut frame = BytesMut::with_capacity(3 + first_partition.len() + NO_TOKENS.len());
        frame.put_uint_le(tag.into(), 3);
        frame.put_slice(&first_partition);
        frame.put_slice(&NO_TOKENS);
        frame.freeze()
    }

    fn first_partition(self) -> Vec<u8> {
        let mut encoder = HEADER;
        encoder.literal(1, 1); // mb_no_coeff_skip
        encoder.literal(0, 8); // prob_skip_false
        encoder.literal(0, 8); // prob_intra
        encoder.literal(255, 8); // prob_last
        encoder.literal(0, 8); // prob_gf
        encoder.literal(0, 2); // intra_16x16_prob_update_flag, intra_chroma_prob_update_flag
        VECTOR_UPDATES.iter().for_each(|&probability| encoder.flag(false, probability));
        for row in 0..self.rows {
            for column in 0..self.columns {
                encoder.flag(true, 0); // mb_skip_coeff
                encoder.flag(true, 0); // is_inter_mb
                encoder.flag(false, 255); // of the last frame
                encoder.flag(false, still_probability(row, column));
            }
        }
        encoder.finish()
    }
}

/// Probability of a motion vector of zero (section 18.3), where macroblocks above and to the left have none but such.
fn still_probability(row: u16, column: u16) -> u8 {
    match (row, column) {
        (0, 0) => 7,
        (0, _) | (_, 0) => 135,
        _ => 234,
    }
}

/// The arithmetic encoder of section 7.
struct BoolEncoder {
    bytes: Vec<u8>,
    range: u32,
    /// Bits before those that `range` belongs to.
    shifts: usize,
}

impl BoolEncoder {
    /// A flag that is false with a probability of so many 256ths.
    fn flag(&mut self, value: bool, probability: u8) {
        let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
        if value {
            self.add(split);
            self.range -= split;
        } else {
            self.range = split;
        }
        let shift = (self.range as u8).leading_zeros();
        self.range <<= shift;
        self.shifts += shift as usize;
    }

    fn literal(&mut self, value: u8, bits: u32) {
        (0..bits).rev().for_each(|bit| self.flag(value >> bit & 1 == 1, 128));
    }

    /// Adds to the eight bits behind `shifts`, with carry.
    fn add(&mut self, value: u32) {
        let at = self.shifts / 8;
        self.bytes.resize(at + 2, 0);
        let mut carry = value << (8 - self.shifts % 8);
        for byte in self.bytes.iter_mut().rev() {
            carry += u32::from(*byte);
            *byte = carry as u8;
            carry >>= 8;
            if carry == 0 {
                break;
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.shifts / 8 + 2, 0);
        self.bytes
    }
}
