//! The few fields of a sequence parameter set (ITU-T H.264, section 7.3.2.1.1) that `avcC` repeats.

use super::malformed;
use crate::Error;

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
        let payload = without_emulation_prevention(sps.get(4..).unwrap_or_default());
        let mut bits = Bits { data: &payload, position: 0 };
        let _seq_parameter_set_id = bits.exp_golomb(31)?;
        let chroma = bits.exp_golomb(3)?;
        if chroma == 3 {
            let _separate_colour_plane_flag = bits.bit()?;
        }
        let luma_depth_minus_8 = bits.exp_golomb(6)?;
        let chroma_depth_minus_8 = bits.exp_golomb(6)?;
        Ok(Some(Self { chroma, luma_depth_minus_8, chroma_depth_minus_8 }))
    }
}

/// The start of a NAL unit's payload without the `03` of each `00 00 03` (section 7.4.1); 16 bytes are ample here.
fn without_emulation_prevention(unit: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(16);
    let mut zeros = 0;
    for &byte in unit.iter().take(16) {
        if byte == 3 && zeros >= 2 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    payload
}

struct Bits<'a> {
    data: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Result<bool, Error> {
        let byte = self.data.get(self.position / 8).ok_or_else(|| malformed("SPS cut short"))?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Ok(bit == 1)
    }

    /// An unsigned Exp-Golomb number (section 9.1) of at most `max`, which is under 255.
    fn exp_golomb(&mut self, max: u8) -> Result<u8, Error> {
        let mut leading_zeros = 0;
        while !self.bit()? {
            leading_zeros += 1;
            if leading_zeros > 7 {
                return Err(malformed("SPS field out of range"));
            }
        }
        let mut value = 1_u16;
        for _ in 0..leading_zeros {
            value = value << 1 | u16::from(self.bit()?);
        }
        u8::try_from(value - 1)
            .ok()
            .filter(|&number| number <= max)
            .ok_or_else(|| malformed("SPS field out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_count_up() {
        // 1, 010, 011, 00100, 00101: section 9.1, table 9-1.
        let mut bits = Bits { data: &[0b1010_0110, 0b0100_0010, 0b1000_0000], position: 0 };
        let numbers: Vec<u8> = (0..5).map(|_| bits.exp_golomb(254).unwrap()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn numbers_out_of_range_and_cuts_are_refused() {
        assert!(Bits { data: &[0, 0xff], position: 0 }.exp_golomb(254).is_err());
        assert!(Bits { data: &[0b0001_0000], position: 0 }.exp_golomb(6).is_err());
        assert!(Bits { data: &[0b0001_0000], position: 0 }.exp_golomb(254).is_ok());
        assert!(Bits { data: &[0], position: 0 }.exp_golomb(254).is_err());
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
