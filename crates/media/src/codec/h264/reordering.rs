//! How many pictures an H.264 stream decodes before one that is shown earlier, from its sequence parameter set
//! (ITU-T H.264, section 7.3.2.1.1 and annex E).

use super::sps::without_emulation_prevention;
use crate::codec::bits::Bits;

/// Profiles without B-frames, and those whose SPS tells the chroma format.
const BASELINE: u64 = 66;
const PROFILES_WITH_CHROMA: [u64; 12] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134];
/// How much of an SPS is read; with all its scaling lists it is shorter.
const MAX_SPS_BYTES: usize = 1024;
/// `aspect_ratio_idc` that a width and a height follow.
const EXTENDED_SAR: u64 = 255;

/// `max_num_reorder_frames` of the first SPS of an `avcC` (ISO 14496-15, section 5.3.3.1.2); `None` where it does not say.
pub(crate) fn reordered_pictures(avcc: &[u8]) -> Option<usize> {
    let bytes = usize::from(u16::from_be_bytes(avcc.get(6..8)?.try_into().ok()?));
    of_sps(avcc.get(8..8 + bytes)?)
}

fn of_sps(sps: &[u8]) -> Option<usize> {
    let payload = without_emulation_prevention(sps.get(1..)?.get(..MAX_SPS_BYTES).unwrap_or(&sps[1..]));
    let mut bits = Bits::new(&payload);
    let profile = bits.number(8)?;
    bits.skip(16)?; // constraints, level
    bits.exp_golomb()?; // seq_parameter_set_id
    if PROFILES_WITH_CHROMA.contains(&profile) {
        skip_chroma(&mut bits)?;
    }
    bits.exp_golomb()?; // log2_max_frame_num_minus4
    let order = bits.exp_golomb()?;
    if profile == BASELINE || order == 2 {
        return Some(0);
    }
    skip_picture_order(&mut bits, order)?;
    bits.exp_golomb()?; // max_num_ref_frames
    bits.skip(1)?;
    bits.exp_golomb()?; // width
    bits.exp_golomb()?; // height
    let is_progressive = bits.bit()?;
    bits.skip(if is_progressive { 1 } else { 2 })?;
    if bits.bit()? {
        skip_golombs(&mut bits, 4)?; // cropping
    }
    if bits.bit()? { of_usability(&mut bits) } else { None }
}

/// Annex E.1.1.
fn of_usability(bits: &mut Bits<'_>) -> Option<usize> {
    if bits.bit()? && bits.number(8)? == EXTENDED_SAR {
        bits.skip(32)?;
    }
    if bits.bit()? {
        bits.skip(1)?; // overscan
    }
    if bits.bit()? {
        bits.skip(4)?;
        if bits.bit()? {
            bits.skip(24)?; // colours
        }
    }
    if bits.bit()? {
        skip_golombs(bits, 2)?; // chroma location
    }
    if bits.bit()? {
        bits.skip(65)?; // timing
    }
    let mut has_buffer = false;
    for _ in 0..2 {
        if bits.bit()? {
            has_buffer = true;
            skip_buffer(bits)?;
        }
    }
    bits.skip(if has_buffer { 2 } else { 1 })?; // low_delay_hrd_flag, pic_struct_present_flag
    if !bits.bit()? {
        return None;
    }
    bits.skip(1)?;
    skip_golombs(bits, 4)?;
    bits.exp_golomb().map(|reordered| reordered as usize)
}

/// Annex E.1.2.
fn skip_buffer(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.exp_golomb()?;
    bits.skip(8)?;
    for _ in 0..=count.min(31) {
        skip_golombs(bits, 2)?;
        bits.skip(1)?;
    }
    bits.skip(20)
}

fn skip_picture_order(bits: &mut Bits<'_>, order: u32) -> Option<()> {
    if order == 0 {
        return skip_golombs(bits, 1);
    }
    bits.skip(1)?;
    skip_golombs(bits, 2)?;
    let count = bits.exp_golomb()?;
    skip_golombs(bits, count.min(255))
}

fn skip_chroma(bits: &mut Bits<'_>) -> Option<()> {
    let chroma = bits.exp_golomb()?;
    bits.skip(usize::from(chroma == 3))?;
    skip_golombs(bits, 2)?; // bit depths
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

/// Section 7.3.2.1.1.1: it ends early where the next scale is 0.
fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let mut scale = 8_i64;
    for _ in 0..size {
        let code = i64::from(bits.exp_golomb()?);
        let delta = if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 };
        scale = (scale + delta).rem_euclid(256);
        if scale == 0 {
            break;
        }
    }
    Some(())
}

fn skip_golombs(bits: &mut Bits<'_>, count: u32) -> Option<()> {
    (0..count).try_for_each(|_| bits.exp_golomb().map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An SPS of x264 (320 × 180, three B-frames), and one of a browser (Baseline).
    const WITH_B_FRAMES: &[u8] = &[
        0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
        0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x42, 0x99, 0x60,
    ];

    #[test]
    fn parameter_sets_say_how_many_pictures_are_reordered() {
        assert_eq!(of_sps(WITH_B_FRAMES), Some(2));
        assert_eq!(of_sps(&[0x67, 66, 0xc0, 0x20, 0x8c, 0x68, 0x05, 0x00, 0x5b, 0xa1, 0x00]), Some(0));
        assert_eq!(of_sps(&WITH_B_FRAMES[..12]), None, "cut short");
    }
}
