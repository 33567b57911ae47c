//! Reads `moof` (ISO 14496-12, section 8.8.4): when each sample is due, and where its bytes are.
//!
//! Times come from `tfdt` and the durations that follow it. A fragment's last sample often has a wrong duration (21 ms
//! instead of 60 in Chromium's), which the next fragment's `tfdt` makes harmless: no frame is timed by it.

use super::boxes::{Boxes, Fields, expect, find, malformed};
use super::movie::{InputTrack, SampleDefaults};
use crate::Error;
use std::ops::Range;

/// The most samples read from one fragment: minutes of both tracks. A run of equal samples takes no bytes for each, so the
/// size of `moof` is no bound.
const MAX_SAMPLES: usize = 1 << 16;

/// Times end here (about 285 years), so that arithmetic on them cannot overflow.
const MAX_PTS_US: i128 = 1 << 53;

/// `sample_is_non_sync_sample` (section 8.8.3.1).
const NON_SYNC: u32 = 0x1_0000;

/// Flags of `tfhd` (section 8.8.7.1).
mod tfhd_flag {
    pub(super) const BASE_OFFSET: u32 = 0x1;
    pub(super) const DESCRIPTION_INDEX: u32 = 0x2;
    pub(super) const DURATION: u32 = 0x8;
    pub(super) const SIZE: u32 = 0x10;
    pub(super) const FLAGS: u32 = 0x20;
    pub(super) const BASE_IS_MOOF: u32 = 0x2_0000;
}

/// Flags of `trun` (section 8.8.8.1).
mod trun_flag {
    pub(super) const DATA_OFFSET: u32 = 0x1;
    pub(super) const FIRST_FLAGS: u32 = 0x4;
    pub(super) const DURATION: u32 = 0x100;
    pub(super) const SIZE: u32 = 0x200;
    pub(super) const FLAGS: u32 = 0x400;
    pub(super) const COMPOSITION_OFFSET: u32 = 0x800;
}

/// A frame whose bytes are still to come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Index of its track.
    pub(super) track: usize,
    pub(super) pts_us: u64,
    pub(super) key: bool,
    /// Where its bytes are, counted from the start of the input.
    pub(super) place: Range<u64>,
}

/// A fragment's samples.
#[derive(Debug)]
pub(super) struct Fragment {
    /// In order of time; of two with the same time, the one of the earlier track first.
    pub(super) samples: Vec<Sample>,
    /// When each track's next sample is due if no `tfdt` says so, in ticks.
    pub(super) decode_times: Vec<u64>,
    /// Whether a sample's place was told from the start of the input, not from the `moof`.
    pub(super) absolute: bool,
}

/// Reads the payload of a `moof` that starts `moof_start` bytes into the input, where `decode_times` are those of the
/// fragment before.
pub(super) fn read(
    moof: &[u8],
    moof_start: u64,
    tracks: &[InputTrack],
    decode_times: Vec<u64>,
) -> Result<Fragment, Error> {
    let fragment = Fragment { samples: Vec::new(), decode_times, absolute: false };
    let mut reader = Reader { tracks, moof_start, told_samples: 0, fragment };
    // Without any base given, a track's data follows that of the track before it (section 8.8.7.1).
    let mut data_end = moof_start;
    for child in Boxes::new(moof) {
        if let (kind, traf) = child?
            && &kind == b"traf"
        {
            data_end = reader.read_track_fragment(traf, data_end)?;
        }
    }
    let mut fragment = reader.fragment;
    fragment.samples.sort_by_key(|sample| (sample.pts_us, sample.track));
    Ok(fragment)
}

struct Reader<'a> {
    tracks: &'a [InputTrack],
    moof_start: u64,
    /// Samples told so far, those without bytes included.
    told_samples: usize,
    fragment: Fragment,
}

/// The rules of one `traf`.
struct TrackFragment {
    index: usize,
    defaults: SampleDefaults,
    base: u64,
}

impl Reader<'_> {
    /// Reads a `traf`; returns where its data ends. Fragments of a track that `moov` did not name give nothing.
    fn read_track_fragment(&mut self, traf: &[u8], data_end: u64) -> Result<u64, Error> {
        let Some(rules) = self.read_header(expect(traf, b"tfhd")?, data_end)? else { return Ok(data_end) };
        if let Some(tfdt) = find(traf, b"tfdt")? {
            let (version, _, mut fields) = Fields::full(tfdt)?;
            self.fragment.decode_times[rules.index] = fields.u32_or_u64(version)?;
        }
        let mut data_end = rules.base;
        for child in Boxes::new(traf) {
            if let (kind, trun) = child?
                && &kind == b"trun"
            {
                data_end = self.read_run(trun, &rules, data_end)?;
            }
        }
        Ok(data_end)
    }

    /// `tfhd` (section 8.8.7).
    fn read_header(&mut self, tfhd: &[u8], data_end: u64) -> Result<Option<TrackFragment>, Error> {
        let (_, flags, mut fields) = Fields::full(tfhd)?;
        let id = fields.u32()?;
        let Some(index) = self.tracks.iter().position(|input| input.id == id) else { return Ok(None) };
        let mut base = if flags & tfhd_flag::BASE_IS_MOOF != 0 { self.moof_start } else { data_end };
        if flags & tfhd_flag::BASE_OFFSET != 0 {
            base = fields.u64()?;
            self.fragment.absolute = true;
        }
        if flags & tfhd_flag::DESCRIPTION_INDEX != 0 && fields.u32()? != 1 {
            return Err(Error::Unsupported("several sample entries in an MP4 track".into()));
        }
        let mut defaults = self.tracks[index].defaults;
        for (flag, field) in [
            (tfhd_flag::DURATION, &mut defaults.duration),
            (tfhd_flag::SIZE, &mut defaults.size),
            (tfhd_flag::FLAGS, &mut defaults.flags),
        ] {
            if flags & flag != 0 {
                *field = fields.u32()?;
            }
        }
        Ok(Some(TrackFragment { index, defaults, base }))
    }

    /// `trun` (section 8.8.8); returns where its data ends.
    fn read_run(&mut self, trun: &[u8], rules: &TrackFragment, data_end: u64) -> Result<u64, Error> {
        let (_, flags, mut fields) = Fields::full(trun)?;
        let count = fields.u32()? as usize;
        self.told_samples = self.told_samples.saturating_add(count);
        if self.told_samples > MAX_SAMPLES {
            let (bytes, limit) = (self.told_samples as u64, MAX_SAMPLES as u64);
            return Err(Error::TooLarge { what: "fragment (in samples)", bytes, limit });
        }
        let mut position = data_end;
        if flags & trun_flag::DATA_OFFSET != 0 {
            let offset = i64::from(fields.u32()? as i32);
            position = rules.base.checked_add_signed(offset).ok_or_else(out_of_range)?;
        }
        let first_flags = if flags & trun_flag::FIRST_FLAGS != 0 { Some(fields.u32()?) } else { None };
        let mut newest_us = 0;
        for number in 0..count {
            let mut told = |flag, default| if flags & flag != 0 { fields.u32() } else { Ok(default) };
            let duration = told(trun_flag::DURATION, rules.defaults.duration)?;
            let size = told(trun_flag::SIZE, rules.defaults.size)?;
            let default_flags = first_flags.filter(|_| number == 0).unwrap_or(rules.defaults.flags);
            let sample_flags = told(trun_flag::FLAGS, default_flags)?;
            // Unsigned in version 0; no offset is as large as to tell the difference.
            let composition_offset = told(trun_flag::COMPOSITION_OFFSET, 0)? as i32;
            let pts_us = self.pts_us(rules.index, composition_offset)?;
            if pts_us < newest_us {
                return Err(Error::Unsupported("video with reordered frames (B-frames)".into()));
            }
            newest_us = pts_us;
            let end = position.checked_add(size.into()).ok_or_else(out_of_range)?;
            if size > 0 {
                let key = sample_flags & NON_SYNC == 0 || !self.tracks[rules.index].track.is_video();
                self.fragment.samples.push(Sample { track: rules.index, pts_us, key, place: position..end });
            }
            position = end;
            let next = &mut self.fragment.decode_times[rules.index];
            *next = next.checked_add(duration.into()).ok_or_else(out_of_range)?;
        }
        Ok(position)
    }

    /// When the track's next sample is shown; times before 0 become 0.
    fn pts_us(&self, track: usize, composition_offset: i32) -> Result<u64, Error> {
        let ticks = i128::from(self.fragment.decode_times[track]) + i128::from(composition_offset);
        let pts_us = ticks.max(0) * 1_000_000 / i128::from(self.tracks[track].timescale);
        if pts_us > MAX_PTS_US { Err(out_of_range()) } else { Ok(pts_us as u64) }
    }
}

fn out_of_range() -> Error {
    malformed("a time or place out of range")
}
