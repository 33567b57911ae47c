//! Where a decoder keeps the picture that is on screen, and the packet that shows it once more (section 5.9.2,
//! `show_existing_frame`).

use bytes::Bytes;

use super::{FRAME, FRAME_HEADER, MAX_OBUS, Obus, SEQUENCE_HEADER, sequence::Sequence};
use crate::codec::{bits::Bits, slot::first_slot};

/// `frame_type` (section 6.8.2).
const KEY_FRAME: u64 = 0;
const INTRA_ONLY_FRAME: u64 = 2;
const SWITCH_FRAME: u64 = 3;

/// The fields of a sequence header that are needed to read frame headers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fields {
    /// 2 where each frame says.
    screen_content_tools: u64,
    /// 2 where each frame says.
    integer_mv: u64,
    order_hint_bits: u32,
}

impl Fields {
    /// `None` for sequences with timing information or frame numbers, which live encoders do not write.
    fn parse(sequence: &[u8]) -> Option<Self> {
        let sequence = Sequence::parse(sequence).filter(|sequence| !sequence.has_special_frames)?;
        let Sequence { screen_content_tools, integer_mv, order_hint_bits, .. } = sequence;
        Some(Self { screen_content_tools, integer_mv, order_hint_bits })
    }

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
}

/// Where the decoder keeps the picture that is shown after this frame header (section 5.9.2), which was in `slot` before.
fn slot_after(fields: Fields, slot: Option<u8>, header: &[u8]) -> Option<u8> {
    let mut bits = Bits::new(header);
    if bits.bit()? {
        return bits.number(3).map(|slot| slot as u8);
    }
    let (kind, shows) = (bits.number(2)?, bits.bit()?);
    bits.skip(usize::from(!shows))?; // showable_frame
    let resets = kind == SWITCH_FRAME || (kind == KEY_FRAME && shows);
    let error_resilient = resets || bits.bit()?;
    bits.skip(1)?; // disable_cdf_update
    let screen_content = match fields.screen_content_tools {
        2 => bits.bit()?,
        told => told == 1,
    };
    bits.skip(usize::from(screen_content && fields.integer_mv == 2))?;
    bits.skip(usize::from(kind != SWITCH_FRAME))?; // frame_size_override_flag
    bits.number(fields.order_hint_bits)?;
    let is_intra = kind == KEY_FRAME || kind == INTRA_ONLY_FRAME;
    bits.skip(if is_intra || error_resilient { 0 } else { 3 })?; // primary_ref_frame
    let kept = if resets { u8::MAX } else { bits.number(8)? as u8 };
    if shows { first_slot(kept) } else { slot.filter(|slot| kept >> slot & 1 == 0) }
}

/// Where the decoder keeps the picture that is shown after `packet`, which was in `slot` before it; `None` where it keeps none,
/// or that cannot be told. `fields` is what the newest sequence header says.
pub(in crate::codec) fn shown_slot(
    slot: Option<u8>,
    fields: &mut Option<Fields>,
    packet: &[u8],
) -> Option<u8> {
    let mut sequence = None;
    let mut obus = Obus { rest: packet };
    let slot = obus.by_ref().take(MAX_OBUS).fold(slot, |slot, (kind, payload)| match kind {
        SEQUENCE_HEADER => {
            sequence = Some(payload);
            slot
        }
        FRAME_HEADER | FRAME => {
            if let Some(sequence) = sequence.take() {
                *fields = Fields::parse(sequence);
            }
            slot_after((*fields)?, slot, payload)
        }
        _ => slot,
    });
    if let Some(sequence) = sequence {
        *fields = Fields::parse(sequence);
    }
    slot.filter(|_| obus.rest.is_empty())
}

/// A frame header that shows what is kept in `slot`, as a unit with its size.
pub(in crate::codec) fn show_again(slot: u8) -> Bytes {
    Bytes::copy_from_slice(&[0b0001_1010, 1, 0b1000_1000 | slot << 4])
}
