//! Decode times and durations of one track.
//!
//! Players drop video up to the next keyframe, and stop all tracks, when two frames are *decoded* further apart than twice the
//! former's duration (Media Source Extensions, *coded frame processing*), and a screen that stops moving goes from 30
//! pictures a second to one. So decode times have no holes. The last duration of a run is an estimate, as long as the one
//! before. A picture that comes later than that is decoded when the estimate ends, and shown at its time; those after it
//! follow at their own distances, until an estimate that was too long makes up for it. Durations are thus always those for which
//! pictures are shown, and later runs never overlap what earlier ones claimed by more than an estimate is wrong; a player
//! that is told otherwise (Firefox) drops pictures. See `docs/decisions/0001-hole-rule.md`.
//!
//! ```text
//! shown    0   33   66                        1066  1100          runs [0 33 66] [1066 1100]
//! decoded  0   33   66                         100   134
//! lasts    33  33   34 (estimate)               34    34 (estimate)
//! ```

use crate::{
    Frame, Track,
    codec::PictureOrder,
    varint::{MAX_NUMBER, Reader, put, put_option},
};

/// Bounds of the written duration of the last picture of a run.
const MIN_PICTURE_US: u64 = 1_000;
const MAX_PICTURE_US: u64 = 1_000_000;
/// The same for the first picture of a take.
const FIRST_PICTURE_US: u64 = 33_333;

/// The longest from decoding to showing: MP4 counts it in 31 bits of µs. A longer one leaves a hole.
const MAX_LAG_US: u64 = 1 << 30;

/// How many pictures encoders decode before one that is shown earlier, unless configured otherwise.
const USUAL_REORDERED: usize = 2;

/// How many pictures H.264 lets be decoded before one that is shown earlier (annex A).
const MAX_REORDERED: usize = 16;

/// What is known of a track between runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Decode {
    /// Decode time of the last frame of the last run, in the input.
    newest_us: Option<u64>,
    /// Its written end.
    end_us: u64,
    reordering: Reordering,
}

impl Decode {
    /// Sets decode times and durations of those of a run's `frames` that are of track `index`; they are in stream order. With
    /// `reorders` their decode times are not the input's, but are found from `order`.
    pub(super) fn finish(
        &mut self,
        index: usize,
        track: &Track,
        reorders: Option<PictureOrder>,
        frames: &mut [Frame],
    ) {
        if let Some(order) = reorders {
            let mut of_track: Vec<_> = frames.iter_mut().filter(|frame| frame.track == index).collect();
            self.reordering.order(order.reordered, &mut of_track);
        }
        let mut of_track = frames.iter().filter(|frame| frame.track == index);
        let Some(first_us) = of_track.next().map(|first| first.dts_us) else { return };
        let mut latest = frames.iter().rev().filter(|frame| frame.track == index);
        let Some(last) = latest.next() else { return };
        let newest_us = last.dts_us;
        let before_us = latest.next().map(|before| before.dts_us).or(self.newest_us);
        let (duration_us, lag_us) = if track.is_video() {
            (picture_us(newest_us, before_us), self.lag_us(first_us))
        } else {
            (last.duration_us, 0)
        };
        let mut before: Option<&mut Frame> = None;
        for frame in frames.iter_mut().filter(|frame| frame.track == index) {
            frame.dts_us = frame.dts_us.saturating_sub(lag_us);
            if let Some(before) = before {
                before.duration_us = frame.dts_us.saturating_sub(before.dts_us);
            }
            before = Some(frame);
        }
        if let Some(last) = before {
            last.duration_us = duration_us;
            self.end_us = last.dts_us + duration_us;
        }
        self.newest_us = Some(newest_us);
    }

    /// Whether decode times of the last run were found from the order of its pictures.
    pub(super) fn has_reordered(&self) -> bool {
        self.reordering.newest_us.is_some()
    }

    /// How much earlier a run whose first picture is due at `first_us` is decoded, so that it follows the run before.
    fn lag_us(&self, first_us: u64) -> u64 {
        let lag_us = self.newest_us.map_or(0, |_| first_us.saturating_sub(self.end_us));
        if lag_us <= MAX_LAG_US { lag_us } else { 0 }
    }

    /// Appends it to a resume point.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_option(out, self.newest_us);
        put(out, self.end_us);
        self.reordering.write(out);
    }

    /// Reads what [`Self::write`] wrote.
    pub(super) fn read(input: &mut Reader<'_>) -> Option<Self> {
        let (newest_us, end_us) = (input.option()?, input.number(MAX_NUMBER)?);
        Some(Self { newest_us, end_us, reordering: Reordering::read(input)? })
    }
}

/// How long the last picture of a run is taken to last, which is decoded at `at_us`: as long as the one before it.
fn picture_us(at_us: u64, before_us: Option<u64>) -> u64 {
    let picture_us = before_us.map_or(FIRST_PICTURE_US, |before_us| at_us.saturating_sub(before_us));
    picture_us.clamp(MIN_PICTURE_US, MAX_PICTURE_US)
}

/// Decode times for pictures whose container tells only when they are shown (B-frames in Matroska): the earliest of the last
/// few, so that none is decoded after it is shown.
#[derive(Clone, Debug, Default, PartialEq)]
struct Reordering {
    /// How many of the latest times are kept back.
    depth: usize,
    /// Those times, earliest first.
    kept_us: Vec<u64>,
    newest_us: Option<u64>,
}

impl Reordering {
    /// Sets the decode times of `frames`. `told` is how many pictures the stream's configuration says may be decoded before one
    /// that is shown earlier; where it says nothing, or too little, the frames do.
    fn order(&mut self, told: Option<usize>, frames: &mut [&mut Frame]) {
        let depth = told.unwrap_or(USUAL_REORDERED).max(self.depth).max(observed_depth(frames));
        self.depth = depth.min(MAX_REORDERED);
        let first_us = frames.iter().map(|frame| frame.pts_us).min().unwrap_or(0);
        let distance_us = least_distance_us(frames);
        for frame in frames {
            let at = self.kept_us.partition_point(|&kept| kept <= frame.pts_us);
            self.kept_us.insert(at, frame.pts_us);
            let early = (self.depth + 1).saturating_sub(self.kept_us.len()) as u64;
            let dts_us = if early == 0 {
                self.kept_us.remove(0)
            } else {
                first_us.saturating_sub(early * distance_us)
            };
            let dts_us = dts_us.max(self.newest_us.map_or(0, |newest| newest + 1));
            frame.dts_us = dts_us.min(frame.pts_us);
            self.newest_us = Some(dts_us);
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        put(out, self.depth as u64);
        put_option(out, self.newest_us);
        put(out, self.kept_us.len() as u64);
        self.kept_us.iter().for_each(|&kept| put(out, kept));
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        let depth = input.number(MAX_REORDERED as u64)? as usize;
        let newest_us = input.option()?;
        let kept = input.number(depth as u64)?;
        let kept_us = (0..kept).map(|_| input.number(MAX_NUMBER)).collect::<Option<_>>()?;
        Some(Self { depth, kept_us, newest_us })
    }
}

/// The most of `frames` that come before one that is shown earlier.
fn observed_depth(frames: &[&mut Frame]) -> usize {
    let later = |at: usize| {
        let before = &frames[at.saturating_sub(MAX_REORDERED)..at];
        before.iter().filter(|before| before.pts_us > frames[at].pts_us).count()
    };
    (0..frames.len()).map(later).max().unwrap_or(0)
}

/// The shortest time from one of `frames` to the next that is shown.
fn least_distance_us(frames: &[&mut Frame]) -> u64 {
    let mut times: Vec<_> = frames.iter().map(|frame| frame.pts_us).collect();
    times.sort_unstable();
    let distances = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|&distance| distance > 0);
    distances.min().unwrap_or(FIRST_PICTURE_US)
}
