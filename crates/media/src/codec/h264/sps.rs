//! The few fields of a sequence parameter set (ITU-T H.264, section 7.3.2.1.1) that `avcC` repeats.

use super::malformed;
use crate::{Error, codec::bits::Bits};

/// Profiles whose SPS tells the chroma format and the bit depths, and whose `avcC` therefore does
/// (ISO 14496-15, section 5.3.3.1.2).
const PROFILES_WITH_CHROMA: [u8; 4] = [100, 110, 122, 144];

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
        let payload = sps.get(4..).unwrap_or_default();
        // The fields read take less.
        let payload = without_emulation_prevention(&payload[..payload.len().min(16)]);
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

/// A NAL unit's payload without the `03` of each `00 00 03` (section 7.4.1).
pub(super) fn without_emulation_prevention(unit: &[u8]) -> Vec<u8> {
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
    payload
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
        assert_eq!(without_emulation_prevention(&[0, 0, 3, 1, 0, 0, 3, 3]), [0, 0, 1, 0, 0, 3]);
    }

    #[test]
    fn baseline_has_no_chroma_format() {
        assert_eq!(ChromaFormat::of(&[0x67, 66, 0xc0, 0x20, 0x8c]).unwrap(), None);
    }
}
