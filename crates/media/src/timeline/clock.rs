//! Maps the times of the input to ones that only go forward.
//!
//! Each track has an offset. While a track's time increases, its offset stays, so ordinary input keeps its times. When it
//! falls, or jumps ahead of both tracks, the track is put right behind what both have so far. The other track crosses the
//! same place at another point of the input: from then on it has two offsets to choose from, its own and the other's, and
//! takes the one with which it continues. So both tracks get one offset and stay in sync.
//!
//! ```text
//! input     v 3960   a 3980   v 4000 | a 0    v 20   a 60        both fall, the sound first
//! offset      0        0        0      4040   4040   4040
//! ```

use crate::varint::{MAX_NUMBER, Reader, put, put_option};

/// A time that falls by less belongs to two pictures or packets out of step, and goes on from the one before.
const FALL_US: u64 = 100_000;

/// Where pictures stand in the order of decoding, and only their presentation is told, time falls if it is before that of all
/// of so many pictures before: a B-frame is shown before fewer of those that were decoded before it.
const RECENT: usize = 4;

/// A time that is further ahead of both tracks does not follow from what was before. Long enough for a pause that a recorder
/// makes without telling, short enough to be filled with silence.
const JUMP_US: u64 = 10_000_000;

/// The largest time that is given out. One input adds at most [`JUMP_US`] for each frame.
const MAX_US: u64 = MAX_NUMBER / 2;

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Clock {
    tracks: [TrackClock; 2],
    /// How often a track was put behind the others.
    corrections: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct TrackClock {
    /// What is added to the input's times.
    offset_us: i64,
    /// The latest time so far, after the offset was added.
    newest_us: Option<u64>,
    /// When the next frame is due.
    end_us: u64,
    /// The last times, newest first.
    recent_us: [u64; RECENT],
}

impl TrackClock {
    fn map(&self, input_us: u64) -> i64 {
        signed(input_us).saturating_add(self.offset_us)
    }
}

impl Clock {
    /// The offset of the frame of `track` that the input decodes at `input_us`. `reorders` tells that this is when it is shown,
    /// and that frames are in order of decoding.
    pub(super) fn offset_us(&mut self, track: usize, input_us: u64, reorders: bool) -> i64 {
        let Some(edge_us) = self.edge_us() else {
            self.tracks[track].recent_us = [input_us; RECENT];
            return 0;
        };
        let [own, other] = [&self.tracks[track], &self.tracks[1 - track]];
        let due_us = signed(own.newest_us.map_or(edge_us, |_| own.end_us));
        let mut offset_us = own.offset_us;
        if other.newest_us.is_some()
            && other.map(input_us).abs_diff(due_us) < own.map(input_us).abs_diff(due_us)
        {
            offset_us = other.offset_us;
        }
        let mapped_us = signed(input_us).saturating_add(offset_us);
        let recent_us = own.recent_us.iter().copied().min().filter(|_| reorders);
        let lowest_us = match own.newest_us {
            Some(newest_us) => recent_us.unwrap_or(newest_us).saturating_sub(FALL_US),
            None => edge_us.saturating_sub(JUMP_US),
        };
        if mapped_us < signed(lowest_us) || mapped_us > signed(edge_us.saturating_add(JUMP_US).min(MAX_US)) {
            offset_us = signed(edge_us) - signed(input_us);
            self.corrections += 1;
        }
        let mapped_us = input_us.saturating_add_signed(offset_us);
        let track = &mut self.tracks[track];
        track.offset_us = offset_us;
        if track.newest_us.is_none() {
            track.recent_us = [mapped_us; RECENT];
        }
        track.recent_us.rotate_right(1);
        track.recent_us[0] = mapped_us;
        offset_us
    }

    /// The time up to which all pictures of `track` have come, where they stand in the order of decoding.
    pub(super) fn settled_us(&self, track: usize) -> u64 {
        self.tracks[track].recent_us.iter().copied().min().unwrap_or(0)
    }

    /// A frame of `track` is at `at_us` and ends at `end_us`.
    pub(super) fn advance(&mut self, track: usize, at_us: u64, end_us: u64) {
        let track = &mut self.tracks[track];
        track.newest_us = track.newest_us.max(Some(at_us));
        track.end_us = track.end_us.max(end_us);
    }

    /// Frames were made for `track`, which end at `end_us`.
    pub(super) fn fill(&mut self, track: usize, end_us: u64) {
        let track = &mut self.tracks[track];
        track.end_us = track.end_us.max(end_us);
        track.newest_us.get_or_insert(0);
    }

    /// The latest time of a frame of `track` in the input; `None` before its first frame.
    pub(super) fn newest_us(&self, track: usize) -> Option<u64> {
        self.tracks[track].newest_us
    }

    /// When the next frame of `track` is due.
    pub(super) fn end_us(&self, track: usize) -> u64 {
        self.tracks[track].end_us
    }

    /// How often a track's time fell or jumped.
    pub(super) fn corrections(&self) -> u64 {
        self.corrections
    }

    /// The end of what both tracks have.
    fn edge_us(&self) -> Option<u64> {
        self.tracks.iter().filter(|track| track.newest_us.is_some()).map(|track| track.end_us).max()
    }

    /// Appends it to a resume point.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for track in &self.tracks {
            put(out, u64::from(track.offset_us < 0));
            put(out, track.offset_us.unsigned_abs());
            put_option(out, track.newest_us);
            put(out, track.end_us);
            track.recent_us.iter().for_each(|&recent_us| put(out, recent_us));
        }
        put(out, self.corrections);
    }

    /// Reads what [`Self::write`] wrote.
    pub(super) fn read(input: &mut Reader<'_>) -> Option<Self> {
        let mut clock = Self::default();
        for track in &mut clock.tracks {
            let is_negative = input.number(1)? == 1;
            let offset_us = signed(input.number(MAX_NUMBER)?);
            let offset_us = if is_negative { -offset_us } else { offset_us };
            (track.offset_us, track.newest_us) = (offset_us, input.option()?);
            track.end_us = input.number(MAX_NUMBER)?;
            for recent_us in &mut track.recent_us {
                *recent_us = input.number(MAX_NUMBER)?;
            }
        }
        clock.corrections = input.number(MAX_NUMBER)?;
        Some(clock)
    }
}

fn signed(time_us: u64) -> i64 {
    i64::try_from(time_us).unwrap_or(i64::MAX)
}
