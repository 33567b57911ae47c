//! Supplemental enhancement information (ITU-T H.264, section 7.3.2.3 and annex D): the recovery point.

use crate::codec::bits::Bits;

/// `payloadType` of a recovery point (section D.1.8).
const RECOVERY_POINT: u32 = 6;

/// How many messages of a unit are looked at.
const MAX_MESSAGES: usize = 16;

/// How many bytes of a number are looked at: it is at most 16,320 then.
const MAX_NUMBER_BYTES: usize = 64;

/// Whether a SEI unit declares that all pictures shown from its own on are correct (`recovery_frame_cnt` 0).
pub(super) fn recovers_at_once(unit: &[u8]) -> bool {
    let mut rest = unit.get(1..).unwrap_or_default();
    for _ in 0..MAX_MESSAGES {
        let Some((kind, after)) = number(rest) else { return false };
        let Some((size, after)) = number(after) else { return false };
        let Some((payload, after)) = after.split_at_checked(size as usize) else { return false };
        if kind == RECOVERY_POINT {
            return Bits::new(payload).exp_golomb() == Some(0);
        }
        rest = after;
    }
    false
}

/// A number as bytes that add up, of which only the last is not 255; and what follows it.
fn number(data: &[u8]) -> Option<(u32, &[u8])> {
    let ones = data.iter().take(MAX_NUMBER_BYTES).position(|&byte| byte != 0xff)?;
    let value = u32::try_from(ones).ok()?.checked_mul(255)?.checked_add(data[ones].into())?;
    Some((value, &data[ones + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_point_is_found_behind_other_messages() {
        assert!(recovers_at_once(&[6, 6, 1, 0xc4, 0x80]));
        assert!(recovers_at_once(&[6, 5, 2, 0xaa, 0xbb, 6, 1, 0xc4, 0x80]));
        assert!(!recovers_at_once(&[6, 6, 1, 0x44, 0x80]), "after a frame");
        assert!(!recovers_at_once(&[6, 5, 1, 0xc4, 0x80]), "another message");
        assert!(!recovers_at_once(&[6, 6, 9, 0xc4]), "cut short");
        assert!(!recovers_at_once(&[6]));
    }
}
