//! Reads edit lists (ISO 14496-12, section 8.6.6): when a track starts.
//!
//! Encoders write them for what has to be decoded before the first sound, and for pictures that are decoded long before they are
//! shown. Players that ignore them have sound and pictures out of step.

use crate::{
    Error,
    boxes::{Fields, expect, find, malformed},
};

/// `media_time` of an edit without media.
const EMPTY: i64 = -1;

/// The most edits looked at before the first with media.
const MAX_EMPTY: u32 = 4;

/// How much later than its samples say a track starts, in µs; negative where it starts with a later sample. 0 without an edit list.
pub(super) fn start_us(trak: &[u8], moov: &[u8], timescale: u32) -> Result<i64, Error> {
    let Some(edts) = find(trak, b"edts")? else { return Ok(0) };
    let Some(elst) = find(edts, b"elst")? else { return Ok(0) };
    let (version, _, mut fields) = Fields::full(elst)?;
    let count = fields.u32()?;
    let mut empty_us = 0;
    for _ in 0..count.min(MAX_EMPTY) {
        let duration = fields.u32_or_u64(version)?;
        let media_time = match version {
            0 => i64::from(fields.u32()? as i32),
            _ => fields.u64()? as i64,
        };
        fields.skip(4)?; // rate
        if media_time != EMPTY {
            return Ok(empty_us - microseconds(media_time, timescale)?);
        }
        empty_us += microseconds(i64::try_from(duration).unwrap_or(i64::MAX), movie_timescale(moov)?)?;
    }
    Ok(0)
}

/// Ticks a second of the movie's times: `mvhd` (section 8.2.2).
fn movie_timescale(moov: &[u8]) -> Result<u32, Error> {
    let (version, _, mut mvhd) = Fields::full(expect(moov, b"mvhd")?)?;
    mvhd.skip(if version == 0 { 8 } else { 16 })?;
    mvhd.u32()
}

/// Times are at most 32 bits of milliseconds, so that sums of them stay in range.
fn microseconds(ticks: i64, timescale: u32) -> Result<i64, Error> {
    let micros = i128::from(ticks) * 1_000_000 / i128::from(timescale.max(1));
    i64::try_from(micros)
        .ok()
        .filter(|micros| micros.unsigned_abs() < 1 << 42)
        .ok_or_else(|| malformed("an edit out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::{put_box, put_full_box};
    use bytes::{BufMut, BytesMut};

    /// What a track with these edits, of a duration in ms and a time in 48 kHz, starts at.
    fn start(edits: &[(u32, i32)]) -> Result<i64, Error> {
        let (mut trak, mut moov) = (BytesMut::new(), BytesMut::new());
        put_full_box(&mut moov, b"mvhd", 0, 0, |out| out.put_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0xe8]));
        put_box(&mut trak, b"edts", |out| {
            put_full_box(out, b"elst", 0, 0, |out| {
                out.put_u32(edits.len() as u32);
                for (duration, media_time) in edits {
                    out.put_u32(*duration);
                    out.put_i32(*media_time);
                    out.put_u32(1 << 16);
                }
            });
        });
        start_us(&trak, &moov, 48_000)
    }

    #[test]
    fn a_track_starts_after_its_empty_edits_with_the_sample_of_the_first_other_one() {
        assert_eq!(start(&[(0, 480)]), Ok(-10_000));
        assert_eq!(start(&[(250, -1), (0, 480), (7, 9)]), Ok(240_000));
        assert_eq!(start(&[]), Ok(0));
        assert_eq!(start_us(&[], &[], 48_000), Ok(0));
        assert_eq!(start(&[(250, -1)]), Ok(0), "nothing is shown");
    }
}
