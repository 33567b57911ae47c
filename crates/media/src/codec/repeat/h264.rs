//! An H.264 picture in which no macroblock changes (ITU-T H.264), so that a decoder shows an earlier one again.
//!
//! It is a P slice that skips all macroblocks and is no reference, so the pictures after it decode as if it were not there. It
//! brings a picture parameter set of its own, because that of the stream may ask for CABAC, several slices or weights. Only
//! progressive streams whose pictures are ordered by type 0 or 2 (section 8.2.1) are read: those that live encoders write.

use bytes::{BufMut, Bytes, BytesMut};

use crate::codec::{
    bits::Bits,
    h264::{self, NAL_IDR, NAL_SLICE},
    picture_order::Sequence,
};

/// The picture parameter set that repeated pictures bring, which no encoder uses.
const PARAMETER_SET: u32 = 255;

/// An access unit delimiter for P slices (section 7.3.2.4): decoders end the picture before at it.
const DELIMITER: [u8; 2] = [0x09, 0x30];

/// What is read of a slice: up to `pic_order_cnt_lsb` its header has at most 16 bytes, and half as many that prevent start codes.
const SLICE_HEADER_BYTES: usize = 24;

/// What is known of the pictures so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pictures {
    sequence: Sequence,
    /// `frame_num` of the next picture.
    next: u32,
    /// `frame_num` of the reference picture that is shown last, and its `pic_order_cnt_lsb`.
    shown: u32,
    shown_order: u32,
}

impl Pictures {
    /// What is known after `packet`, whose units have four-byte lengths, of a track whose configuration tells `configured`;
    /// `None` where it cannot be read.
    pub(super) fn after(before: Option<Self>, configured: Option<Sequence>, packet: &[u8]) -> Option<Self> {
        let leading = h264::Leading::of(packet);
        let Some(slice) = leading.slice else { return before.filter(|_| !leading.is_cut()) };
        let sequence = match leading.sps {
            Some(sps) => h264::sequence(sps)?,
            None => before.map(|before| before.sequence).or(configured)?,
        };
        match h264::unit_type(slice)? {
            kind @ (NAL_SLICE | NAL_IDR) => Self::after_slice(before, sequence, kind == NAL_IDR, slice),
            _ => None,
        }
    }

    /// Reads a slice header (section 7.3.3).
    fn after_slice(before: Option<Self>, sequence: Sequence, is_idr: bool, unit: &[u8]) -> Option<Self> {
        let is_reference = unit.first()? & 0x60 != 0;
        let header = h264::payload(&unit[1..unit.len().min(SLICE_HEADER_BYTES)]);
        let mut bits = Bits::new(&header);
        let _first_macroblock = bits.exp_golomb()?;
        let _slice_type = bits.exp_golomb()?;
        let _parameter_set = bits.exp_golomb()?;
        let number = bits.number(sequence.number_bits)? as u32;
        if is_idr {
            bits.exp_golomb()?; // idr_pic_id
        }
        let order = bits.number(sequence.order_bits)? as u32;
        let next = if is_reference { sequence.next_number(number) } else { number };
        let mut after = Self { sequence, next, shown: number, shown_order: order };
        // A picture that is shown before another one, or that is no reference, cannot be shown again.
        if let Some(before) = before.filter(|_| !is_idr)
            && !(is_reference && sequence.is_later(order, before.shown_order))
        {
            (after.shown, after.shown_order) = (before.shown, before.shown_order);
        }
        Some(after)
    }

    pub(super) fn macroblocks(self) -> usize {
        self.sequence.macroblocks as usize
    }

    /// As two numbers, for [`Self::of_numbers`].
    pub(super) fn numbers(self) -> [u64; 2] {
        let Self { sequence, next, shown, shown_order } = self;
        [sequence.number(), u64::from(next) | u64::from(shown) << 16 | u64::from(shown_order) << 32]
    }

    /// `None` where they are no such numbers.
    pub(super) fn of_numbers([sequence, pictures]: [u64; 2]) -> Option<Self> {
        let sequence = Sequence::of_number(sequence)?;
        let number = |shift: u32| (pictures >> shift) as u32 & 0xffff;
        Some(Self { sequence, next: number(0), shown: number(16), shown_order: number(32) })
    }

    /// The packet, with four-byte lengths.
    pub(super) fn show_again(self) -> Bytes {
        let mut out = BytesMut::new();
        for unit in [&DELIMITER[..], &self.parameter_set(), &self.slice()] {
            out.put_u32(unit.len() as u32);
            out.put_slice(unit);
        }
        out.freeze()
    }

    /// Section 7.3.2.2.
    fn parameter_set(self) -> Vec<u8> {
        let mut bits = Writer::new(0x68);
        bits.exp_golomb(PARAMETER_SET);
        bits.exp_golomb(self.sequence.id);
        bits.number(0, 2); // CAVLC, no bottom field order
        bits.exp_golomb(0); // one slice group
        bits.exp_golomb(0); // one reference picture
        bits.exp_golomb(0);
        bits.number(0, 3); // no weights
        (0..3).for_each(|_| bits.exp_golomb(0)); // quantizers
        bits.number(0b100, 3); // deblocking is told; intra prediction and redundant pictures are not
        bits.finish()
    }

    /// Sections 7.3.3 and 7.3.4.
    fn slice(self) -> Vec<u8> {
        const P_SLICES: u32 = 5;
        let sequence = self.sequence;
        let mut bits = Writer::new(NAL_SLICE);
        bits.exp_golomb(0); // first macroblock
        bits.exp_golomb(P_SLICES);
        bits.exp_golomb(PARAMETER_SET);
        bits.number(self.next.into(), sequence.number_bits);
        bits.number((self.shown_order + 1).into(), sequence.order_bits);
        bits.number(0, 1); // as many reference pictures as the parameter set says
        bits.number(1, 1); // which is this one: subtract from the number of this picture, end
        bits.exp_golomb(0);
        bits.exp_golomb(sequence.distance(self.shown, self.next).saturating_sub(1));
        bits.exp_golomb(3);
        bits.exp_golomb(0); // quantizer
        bits.exp_golomb(1); // no deblocking
        bits.exp_golomb(sequence.macroblocks); // all are skipped
        bits.finish()
    }
}

/// Writes a NAL unit bit by bit.
struct Writer {
    unit: Vec<u8>,
    /// Bits of the last byte that are not written yet.
    free: u32,
}

impl Writer {
    fn new(header: u8) -> Self {
        Self { unit: vec![header], free: 0 }
    }

    /// The lowest `count` bits of `value`.
    fn number(&mut self, value: u64, count: u32) {
        for bit in (0..count).rev() {
            if self.free == 0 {
                self.unit.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.unit.last_mut() {
                *last |= ((value >> bit & 1) as u8) << self.free;
            }
        }
    }

    /// Section 9.1.
    fn exp_golomb(&mut self, value: u32) {
        let code = u64::from(value) + 1;
        self.number(code, 2 * code.ilog2() + 1);
    }

    /// Ends the payload (section 7.3.2.11), and keeps it from looking like a start code (section 7.4.1).
    fn finish(mut self) -> Vec<u8> {
        self.number(1, 1);
        let mut escaped = Vec::with_capacity(self.unit.len() + 4);
        let mut zeros = 0;
        for byte in self.unit {
            if zeros >= 2 && byte <= 3 {
                escaped.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            escaped.push(byte);
        }
        escaped
    }
}
