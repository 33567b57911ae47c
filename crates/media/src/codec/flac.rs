//! FLAC (RFC 9639): the configuration, and how long a frame sounds.

use crate::{Error, TrackKind, boxes::malformed};

/// What a file of FLAC begins with.
const MAGIC: &[u8; 4] = b"fLaC";

/// Header and body of STREAMINFO, which is the first metadata block (RFC 9639, section 8.2).
const STREAM_INFO_BYTES: usize = 4 + 34;

/// The metadata blocks of `dfLa` for a configuration: STREAMINFO, said to be the last one.
pub(crate) fn stream_info(config: &[u8]) -> Result<[u8; STREAM_INFO_BYTES], Error> {
    const LAST: u8 = 0x80;
    let block = config.strip_prefix(MAGIC).and_then(|blocks| blocks.first_chunk::<STREAM_INFO_BYTES>());
    let is_stream_info = |block: &&[u8; STREAM_INFO_BYTES]| matches!(block[..4], [0 | LAST, 0, 0, 34]);
    let mut block = *block.filter(is_stream_info).ok_or_else(|| malformed("FLAC without STREAMINFO"))?;
    block[0] = LAST;
    Ok(block)
}

/// Bits of a sample in a STREAMINFO with its header.
pub(crate) fn sample_bits(stream_info: &[u8; STREAM_INFO_BYTES]) -> u16 {
    let (high, low) = (stream_info[4 + 12], stream_info[4 + 13]);
    u16::from((high & 1) << 4 | low >> 4) + 1
}

/// Samples a second, as STREAMINFO has them; not 0.
pub(crate) fn sample_rate(config: &[u8]) -> Result<u32, Error> {
    let [a, b, c] = [14, 15, 16].map(|at| config.get(4 + at).copied().unwrap_or(0));
    match u32::from_be_bytes([0, a, b, c]) >> 4 {
        0 => Err(malformed("FLAC without sample rate")),
        rate => Ok(rate),
    }
}

/// The configuration for the payload of a `dfLa` behind its version and flags.
pub(crate) fn config_from_dfla(blocks: &[u8]) -> Vec<u8> {
    [&MAGIC[..], blocks].concat()
}

/// How long a frame sounds, in µs; `None` where it has no valid header (RFC 9639, section 9.1).
pub(crate) fn packet_duration_us(kind: TrackKind, frame: &[u8]) -> Option<u64> {
    let TrackKind::Audio { sample_rate, .. } = kind else { return None };
    let &[0xff, 0xf8 | 0xf9, sizes, _, number, ..] = frame else { return None };
    // The frame's number, coded as in UTF-8, comes before a block size that has no code.
    let after_number = 4 + (number.leading_ones() as usize).max(1);
    let byte = |at: usize| frame.get(after_number + at).map(|&byte| u64::from(byte));
    let samples = match sizes >> 4 {
        0 => return None,
        1 => 192,
        code @ 2..=5 => 576 << (code - 2),
        6 => byte(0)? + 1,
        7 => (byte(0)? << 8 | byte(1)?) + 1,
        code => 256 << (code - 8),
    };
    (samples * 1_000_000).checked_div(sample_rate.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: TrackKind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };

    #[test]
    fn headers_tell_durations() {
        assert_eq!(packet_duration_us(KIND, &[0xff, 0xf8, 0xc9, 0x18, 0, 0]), Some(85_333), "4096 samples");
        assert_eq!(packet_duration_us(KIND, &[0xff, 0xf8, 0x79, 0x18, 0xc2, 0x80, 1, 0xdf]), Some(10_000));
        assert_eq!(packet_duration_us(KIND, &[0xff, 0xf8, 0x79, 0x18, 0xc2, 0x80, 1]), None, "cut short");
        assert_eq!(packet_duration_us(KIND, &[0xff, 0xfb, 0x90, 0, 0]), None, "MP3");
    }

    #[test]
    fn only_stream_info_is_told() {
        let config = [&b"fLaC\0\0\0\x22"[..], &[7; 34], &[0x84, 0, 0, 1, 9]].concat();
        let block = stream_info(&config).unwrap();
        assert_eq!((&block[..4], &block[4..]), (&[0x80, 0, 0, 34][..], &[7; 34][..]));
        assert!(stream_info(b"fLaC\x84\0\0\0").is_err());
    }
}
