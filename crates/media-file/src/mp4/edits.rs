//! Edit lists (ISO 14496-12, section 8.6.6): when a track starts and ends. The first edit with media counts, and empty ones before
//! it; what else an editor may have cut is played.

use media::boxes::{Fields, expect, find};

use crate::{Error, source::ticks_us};

/// `media_time` of an edit without media.
const EMPTY: i64 = -1;

/// The most edits looked at.
const MAX_EDITS: u32 = 16;

/// What an edit list says of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Edit {
    /// When it starts in the movie, in µs.
    pub(super) starts_us: i64,
    /// With what time of its media, in the track's ticks.
    pub(super) media_time: i64,
    /// At what time of its media it ends, in the track's ticks.
    pub(super) media_end: Option<i64>,
}

/// Reads the edit list of a track with so many ticks a second.
pub(super) fn read(trak: &[u8], moov: &[u8], timescale: u32) -> Result<Edit, Error> {
    let mut edit = Edit::default();
    let Some(edts) = find(trak, b"edts")? else { return Ok(edit) };
    let Some(elst) = find(edts, b"elst")? else { return Ok(edit) };
    let movie_timescale = movie_timescale(moov)?;
    let (version, _, mut fields) = Fields::full(elst)?;
    let count = fields.u32()?.min(MAX_EDITS);
    for _ in 0..count {
        let duration = i64::try_from(fields.u32_or_u64(version)?).unwrap_or(i64::MAX);
        let media_time = match version {
            0 => i64::from(fields.u32()? as i32),
            _ => fields.u64()? as i64,
        };
        fields.skip(4)?; // rate
        if media_time != EMPTY {
            edit.media_time = media_time.clamp(0, MAX_TICKS);
            let ticks = i128::from(duration) * i128::from(timescale) / i128::from(movie_timescale.max(1));
            let ticks = i64::try_from(ticks).ok().filter(|&ticks| count == 1 && ticks > 0);
            edit.media_end = ticks.and_then(|ticks| edit.media_time.checked_add(ticks));
            return Ok(edit);
        }
        edit.starts_us = edit.starts_us.saturating_add(ticks_us(duration, movie_timescale)).min(MAX_US);
    }
    Ok(edit)
}

/// Bounds that keep sums of times in range: centuries.
const MAX_TICKS: i64 = 1 << 52;
const MAX_US: i64 = 1 << 52;

fn movie_timescale(moov: &[u8]) -> Result<u32, Error> {
    let (version, _, mut mvhd) = Fields::full(expect(moov, b"mvhd")?)?;
    mvhd.skip(if version == 0 { 8 } else { 16 })?;
    Ok(mvhd.u32()?)
}
