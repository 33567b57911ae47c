//! `AVCDecoderConfigurationRecord` (ISO 14496-15, section 5.3.3.1): read, written, and its RFC 6381 codec string.
//!
//! Written ones are at most 16 KiB, whatever parameter sets a stream brings.

use super::{sps::ChromaFormat, units::malformed};
use crate::Error;
use bytes::{BufMut, Bytes, BytesMut};

/// Bound on all parameter sets together; real ones have some tens of bytes.
const MAX_PARAMETER_SETS_BYTES: usize = 16 * 1024;

/// Bounds that the record's count fields of 5 and 8 bits set.
pub(super) const MAX_SPS: usize = 31;
pub(super) const MAX_PPS: usize = 255;

/// What a decoder needs before the first frame of an H.264 track.
pub(super) struct AvcC<'a> {
    /// Bytes before each NAL unit of a frame: 1, 2 or 4.
    pub(super) length_size: usize,
    /// Sequence parameter sets, NAL unit header included.
    pub(super) sps: Vec<&'a [u8]>,
    /// Picture parameter sets, NAL unit header included.
    pub(super) pps: Vec<&'a [u8]>,
}

impl<'a> AvcC<'a> {
    /// Reads a record; what follows the picture parameter sets can be told from the SPS and is passed over.
    pub(super) fn parse(record: &'a [u8]) -> Result<Self, Error> {
        let (head, mut rest) = record.split_at_checked(5).ok_or_else(cut_short)?;
        if head[0] != 1 {
            return Err(malformed(format!("avcC version {}", head[0])));
        }
        let length_size = match head[4] & 3 {
            2 => return Err(malformed("avcC with three-byte lengths")),
            minus_one => usize::from(minus_one) + 1,
        };
        let sps = parameter_sets(&mut rest, 0x1f)?;
        let pps = parameter_sets(&mut rest, 0xff)?;
        Ok(Self { length_size, sps, pps })
    }

    pub(super) fn with_four_byte_lengths(self) -> Self {
        Self { length_size: 4, ..self }
    }

    /// The record; `None` without at least one SPS and one PPS.
    pub(super) fn write(&self) -> Result<Option<Bytes>, Error> {
        let Some(&first_sps) = self.sps.first().filter(|_| !self.pps.is_empty()) else { return Ok(None) };
        let bytes = self.sps.iter().chain(&self.pps).map(|set| set.len()).sum::<usize>();
        if bytes > MAX_PARAMETER_SETS_BYTES || self.sps.len() > MAX_SPS || self.pps.len() > MAX_PPS {
            return Err(Error::TooLarge {
                what: "H.264 parameter sets",
                bytes: bytes as u64,
                limit: MAX_PARAMETER_SETS_BYTES as u64,
            });
        }
        let profile = first_sps.get(1..4).ok_or_else(|| malformed("SPS of under four bytes"))?;
        let mut out = BytesMut::with_capacity(16 + bytes + 2 * (self.sps.len() + self.pps.len()));
        out.put_u8(1);
        out.put_slice(profile);
        out.put_u8(0xfc | (self.length_size - 1) as u8);
        put_parameter_sets(&mut out, 0xe0, &self.sps);
        put_parameter_sets(&mut out, 0, &self.pps);
        if let Some(format) = ChromaFormat::of(first_sps)? {
            out.put_slice(&[
                0xfc | format.chroma,
                0xf8 | format.luma_depth_minus_8,
                0xf8 | format.chroma_depth_minus_8,
                0,
            ]);
        }
        Ok(Some(out.freeze()))
    }
}

/// The codec as `codecs=` parameters name it: `avc1.PPCCLL` (RFC 6381, section 3.3).
pub(crate) fn codec_string(avcc: &[u8]) -> Result<String, Error> {
    match avcc {
        [1, profile, constraints, level, ..] => Ok(format!("avc1.{profile:02x}{constraints:02x}{level:02x}")),
        _ => Err(cut_short()),
    }
}

fn cut_short() -> Error {
    malformed("avcC cut short")
}

fn parameter_sets<'a>(rest: &mut &'a [u8], count_mask: u8) -> Result<Vec<&'a [u8]>, Error> {
    let (&count, mut tail) = rest.split_first().ok_or_else(cut_short)?;
    let mut sets = Vec::new();
    for _ in 0..count & count_mask {
        let (&length, after) = tail.split_first_chunk::<2>().ok_or_else(cut_short)?;
        let (set, after) = after.split_at_checked(u16::from_be_bytes(length).into()).ok_or_else(cut_short)?;
        sets.push(set);
        tail = after;
    }
    *rest = tail;
    Ok(sets)
}

/// Counts and lengths fit their fields because [`AvcC::write`] checked them.
fn put_parameter_sets(out: &mut BytesMut, reserved: u8, sets: &[&[u8]]) {
    out.put_u8(reserved | sets.len() as u8);
    for set in sets {
        out.put_u16(set.len() as u16);
        out.put_slice(set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `avcC` that Chromium's recorder writes into MP4.
    const CHROMIUM: &[u8] = &[
        0x01, 0x42, 0xc0, 0x20, 0xff, 0xe1, 0x00, 0x12, 0x67, 0x42, 0xc0, 0x20, 0x8c, 0x8d, 0x40, 0x28, 0x02,
        0xdd, 0x35, 0x01, 0x01, 0x01, 0x07, 0x84, 0x42, 0x35, 0x01, 0x00, 0x04, 0x68, 0xce, 0x3c, 0x80,
    ];

    #[test]
    fn a_recorders_record_reads_and_writes_back_alike() {
        let config = AvcC::parse(CHROMIUM).unwrap();
        assert_eq!(config.write().unwrap().unwrap(), CHROMIUM);
    }

    #[test]
    fn high_profile_tells_its_chroma_format() {
        let sps = &[0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10][..];
        let record =
            AvcC { length_size: 4, sps: vec![sps], pps: vec![&[0x68, 0xeb]] }.write().unwrap().unwrap();
        assert_eq!(record[record.len() - 4..], [0xfd, 0xf8, 0xf8, 0]);
    }

    #[test]
    fn every_cut_is_refused() {
        for end in 0..CHROMIUM.len() {
            assert!(AvcC::parse(&CHROMIUM[..end]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn parameter_sets_over_the_bound_are_refused() {
        let sps = vec![0x67; MAX_PARAMETER_SETS_BYTES];
        let config = AvcC { length_size: 4, sps: vec![&sps], pps: vec![&[0x68]] };
        assert!(matches!(config.write(), Err(Error::TooLarge { .. })));
    }
}
