//! Reads `moof` (ISO 14496-12, section 8.8.4): when each sample is due, and where its bytes are.
//!
//! A run of equal samples takes no bytes for each, so a `moof` of 52 bytes can name thousands of them. A `moof` is therefore
//! read twice: [`outline`] takes a run of equal samples as one step and lists none, and [`samples`] lists them once their
//! bytes are here, which are at least as many as they.
//!
//! Times come from `tfdt` and the durations that follow it. A fragment's last sample often has a wrong duration (21 ms
//! instead of 60 in Chromium's), which the next fragment's `tfdt` makes harmless: no frame is timed by it.

use super::movie::{InputTrack, SampleDefaults};
use crate::{
    Error,
    boxes::{Boxes, Fields, expect, find, malformed},
    frame::MAX_PTS_US,
};
use std::ops::Range;

/// The most samples read from one fragment: minutes of both tracks.
const MAX_SAMPLES: usize = 1 << 14;

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
    /// Those after which every sample has fields of its own.
    pub(super) const OF_EACH_SAMPLE: u32 = DURATION | SIZE | FLAGS | COMPOSITION_OFFSET;
}

/// A frame whose bytes are still to come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Index of its track.
    pub(super) track: usize,
    pub(super) pts_us: u64,
    /// `None` where the container's are no times at which a player could decode.
    pub(super) dts_us: Option<u64>,
    pub(super) key: bool,
    /// Where its bytes are, counted from the start of the input.
    pub(super) place: Range<u64>,
}

/// A `moof` and what has to be known to read it.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// The payload of the box.
    pub(super) moof: &'a [u8],
    /// Where the box starts, counted from the start of the input.
    pub(super) start: u64,
    pub(super) tracks: &'a [InputTrack],
    /// When each track's next sample is due if no `tfdt` says so, in ticks.
    pub(super) decode_times: &'a [i64],
}

/// What a fragment's samples are together.
#[derive(Debug)]
pub(super) struct Outline {
    /// Bytes of all samples; 0 where none has any.
    pub(super) bytes: u64,
    /// From the first byte of a sample to the last, counted from the start of the input.
    pub(super) place: Range<u64>,
    /// As [`Source::decode_times`], after this fragment.
    pub(super) decode_times: Vec<i64>,
    /// Whether a sample's place was told from the start of the input, not from the `moof`.
    pub(super) absolute: bool,
    /// Boxes and runs of equal samples read.
    pub(super) steps: u64,
}

/// Checks a fragment without listing its samples; the work is proportional to the bytes of `moof`.
pub(super) fn outline(source: Source<'_>) -> Result<Outline, Error> {
    let mut bytes = 0_u64;
    let mut place: Option<Range<u64>> = None;
    let After { decode_times, absolute, steps } = read(source, |run| {
        bytes = bytes.saturating_add(run.place.end - run.place.start);
        let known = place.get_or_insert_with(|| run.place.clone());
        *known = known.start.min(run.place.start)..known.end.max(run.place.end);
    })?;
    Ok(Outline { bytes, place: place.unwrap_or_default(), decode_times, absolute, steps })
}

/// The fragment's samples in order of decode time; of two with the same time, the one of the earlier track first. None is
/// empty.
pub(super) fn samples(source: Source<'_>) -> Result<Vec<Sample>, Error> {
    let mut samples: Vec<Sample> = Vec::new();
    read(source, |run| samples.extend(run.samples(source.tracks)))?;
    samples.sort_by_key(|sample| (sample.dts_us, sample.track));
    for track in 0..source.tracks.len() {
        let mut of_track = samples.iter().filter(|sample| sample.track == track);
        // With offsets below 0 decode times say the order only.
        if of_track.any(|sample| sample.dts_us.is_some_and(|dts_us| dts_us > sample.pts_us)) {
            samples.iter_mut().filter(|sample| sample.track == track).for_each(|sample| sample.dts_us = None);
        }
    }
    Ok(samples)
}

/// Successive samples of one track that differ only in their time and place; not empty.
struct Run {
    track: usize,
    /// When the first one is decoded, in ticks.
    decoded: i64,
    /// From when one is decoded to when it is shown, in ticks.
    composition_offset: i32,
    /// Ticks from one to the next.
    duration: u32,
    /// Bytes of each one; not 0.
    size: u32,
    key: bool,
    place: Range<u64>,
}

impl Run {
    fn samples(self, tracks: &[InputTrack]) -> impl Iterator<Item = Sample> {
        let InputTrack { timescale, delay_us, .. } = tracks[self.track];
        let is_video = tracks[self.track].track.is_video();
        let starts = self.place.step_by(self.size as usize);
        starts.enumerate().filter_map(move |(number, start)| {
            let decoded = i128::from(self.decoded) + number as i128 * i128::from(self.duration);
            let shown = decoded + i128::from(self.composition_offset);
            let [dts_us, pts_us] =
                [decoded, shown].map(|ticks| microseconds(ticks, timescale) + i128::from(delay_us));
            // Sound from before 0 is what decoders need first, and leave out.
            let is_left_out = pts_us < 0 && !is_video;
            let [dts_us, pts_us] = [dts_us, pts_us].map(|time_us| time_us.max(0) as u64);
            let place = start..start + u64::from(self.size);
            let dts_us = Some(dts_us);
            let sample = Sample { track: self.track, pts_us, dts_us, key: self.key, place };
            (!is_left_out).then_some(sample)
        })
    }
}

/// What is known once a fragment was read; see [`Outline`].
struct After {
    decode_times: Vec<i64>,
    absolute: bool,
    steps: u64,
}

fn read(source: Source<'_>, sink: impl FnMut(Run)) -> Result<After, Error> {
    let after = After { decode_times: source.decode_times.to_vec(), absolute: false, steps: 0 };
    let mut reader = Reader { source, told_samples: 0, after, sink };
    // Without any base given, a track's data follows that of the track before it (section 8.8.7.1).
    let mut data_end = source.start;
    for child in Boxes::new(source.moof) {
        reader.after.steps += 1;
        if let (kind, traf) = child?
            && &kind == b"traf"
        {
            data_end = reader.read_track_fragment(traf, data_end)?;
        }
    }
    Ok(reader.after)
}

struct Reader<'a, S> {
    source: Source<'a>,
    /// Samples told so far, those without bytes included.
    told_samples: usize,
    after: After,
    sink: S,
}

/// The rules of one `traf`.
struct TrackFragment {
    index: usize,
    defaults: SampleDefaults,
    base: u64,
}

/// Successive samples as `trun` tells them: one, or several that say nothing of their own.
struct Told {
    count: u32,
    duration: u32,
    size: u32,
    flags: u32,
    composition_offset: i32,
}

impl<S: FnMut(Run)> Reader<'_, S> {
    /// Reads a `traf`; returns where its data ends. Fragments of a track that `moov` did not name give nothing.
    fn read_track_fragment(&mut self, traf: &[u8], data_end: u64) -> Result<u64, Error> {
        let Some(rules) = self.read_header(expect(traf, b"tfhd")?, data_end)? else { return Ok(data_end) };
        if let Some(tfdt) = find(traf, b"tfdt")? {
            let (version, _, mut fields) = Fields::full(tfdt)?;
            // Unsigned, but some muxers begin before 0.
            self.after.decode_times[rules.index] = fields.u32_or_u64(version)? as i64;
        }
        let mut data_end = rules.base;
        for child in Boxes::new(traf) {
            self.after.steps += 1;
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
        let tracks = self.source.tracks;
        let Some(index) = tracks.iter().position(|input| input.id == id) else { return Ok(None) };
        let mut base = if flags & tfhd_flag::BASE_IS_MOOF != 0 { self.source.start } else { data_end };
        if flags & tfhd_flag::BASE_OFFSET != 0 {
            base = fields.u64()?;
            self.after.absolute = true;
        }
        if flags & tfhd_flag::DESCRIPTION_INDEX != 0 && fields.u32()? != 1 {
            return Err(Error::Unsupported("several sample entries in an MP4 track".into()));
        }
        let mut defaults = tracks[index].defaults;
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
        let count = fields.u32()?;
        self.told_samples = self.told_samples.saturating_add(count as usize);
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
        let mut left = count;
        while left > 0 {
            let is_first = left == count;
            let mut told = |flag, default| if flags & flag != 0 { fields.u32() } else { Ok(default) };
            let duration = told(trun_flag::DURATION, rules.defaults.duration)?;
            let size = told(trun_flag::SIZE, rules.defaults.size)?;
            let default_flags = first_flags.filter(|_| is_first).unwrap_or(rules.defaults.flags);
            let sample_flags = told(trun_flag::FLAGS, default_flags)?;
            // Unsigned in version 0; no offset is as large as to tell the difference.
            let composition_offset = told(trun_flag::COMPOSITION_OFFSET, 0)? as i32;
            let differ = flags & trun_flag::OF_EACH_SAMPLE != 0 || (is_first && first_flags.is_some());
            let equal = if differ { 1 } else { left };
            let told = Told { count: equal, duration, size, flags: sample_flags, composition_offset };
            self.add(rules.index, told, &mut position)?;
            left -= equal;
        }
        Ok(position)
    }

    /// Hands successive samples on, in one step however many they are.
    fn add(&mut self, track: usize, told: Told, position: &mut u64) -> Result<(), Error> {
        self.after.steps += 1;
        let input = &self.source.tracks[track];
        let decoded = self.after.decode_times[track];
        let all_but_one = u64::from(told.duration) * u64::from(told.count - 1);
        let last_shown =
            i128::from(decoded) + i128::from(told.composition_offset.max(0)) + i128::from(all_but_one);
        if microseconds(last_shown, input.timescale) > MAX_PTS_US.into() {
            return Err(out_of_range());
        }
        let bytes = u64::from(told.size) * u64::from(told.count);
        let end = position.checked_add(bytes).ok_or_else(out_of_range)?;
        let duration = u64::from(told.duration) * u64::from(told.count);
        self.after.decode_times[track] = decoded.checked_add_unsigned(duration).ok_or_else(out_of_range)?;
        if bytes > 0 {
            let key = told.flags & NON_SYNC == 0 || !input.track.is_video();
            let place = *position..end;
            let Told { duration, size, composition_offset, .. } = told;
            (self.sink)(Run { track, decoded, composition_offset, duration, size, key, place });
        }
        *position = end;
        Ok(())
    }
}

fn microseconds(ticks: i128, timescale: u32) -> i128 {
    // A division of 128 bits costs ten times one of 64, which is enough for years.
    match u64::try_from(ticks).ok().and_then(|ticks| ticks.checked_mul(1_000_000)) {
        Some(millionths) => i128::from(millionths / u64::from(timescale)),
        None => ticks * 1_000_000 / i128::from(timescale),
    }
}

fn out_of_range() -> Error {
    malformed("a time or place out of range")
}
