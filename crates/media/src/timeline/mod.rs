//! The times of a take: within a track they only go forward, every frame has a decode time and a duration, and no track stops
//! the other one.
//!
//! [`clock`] maps the input's times, [`fill`] makes frames for what a track lacks, and [`decode`] sets decode times and
//! durations of a run once its frames are known. All of it is a function of the input's frames and of where runs end.
//!
//! ```text
//! input    v 0   a 0   v 33   a 60   v 66 …  (no sound any more)   v 666   v 700         v 733
//! output   v 0   a 0   v 33   a 60   v 66 …  gaps 120, 240 … 600   v 666   v 700   gap   v 733
//! ```

mod clock;
mod decode;
mod fill;
mod state;

use crate::{
    Codec, Frame, Packet, Track,
    codec::{self, PictureOrder},
};
pub use fill::gap;
use fill::{Allowance, REPEAT_US};
use state::MAX_AWAY_US;
pub(crate) use state::State;

/// How long pictures may stay away while the sound goes on before one is shown again: longer than between two of a still
/// screen.
const PICTURE_AWAY_US: u64 = 1_200_000;

/// How long sound may stay away while pictures go on before it is filled: longer than Opus leaves out in silence (400 ms), and
/// than muxers hold one track back.
const SOUND_AWAY_US: u64 = 600_000;

/// How much sound has to be missing for a gap frame: where packets before and after it are there, and where the other track
/// goes on alone.
const LEAST_GAP_US: u64 = 20_000;
const PROMPT_GAP_US: u64 = 60_000;

/// Duration of an audio packet that does not tell its own.
const UNTOLD_PACKET_US: u64 = 20_000;

/// How much sooner than it is due a packet may come for nothing to be missing: times in milliseconds are rounded.
const ROUNDING_US: u64 = 2_000;

/// The distance to the picture before of one that is not later than it, and the number of such pictures in a row after which
/// time is taken to stand. Then they follow at the last distance there was.
const MIN_STEP_US: u64 = 1_000;
const STANDING_PICTURES: u64 = 2;
/// The most that distance is.
const MAX_STEP_US: u64 = 1_000_000;

fn away_limit_us(track: &Track) -> u64 {
    if track.is_video() { PICTURE_AWAY_US } else { SOUND_AWAY_US }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Timeline {
    tracks: Vec<Track>,
    /// Of each track.
    orders: [PictureOrder; 2],
    /// Whether the input tells of a track only when its pictures are shown, and may have B-frames.
    reorders: [bool; 2],
    allowance: Allowance,
    state: State,
}

impl Timeline {
    /// A timeline for frames of at most two `tracks` that continues from `state`.
    pub(crate) fn new(tracks: &[Track], state: State) -> Self {
        let mut timeline = Self {
            tracks: Vec::new(),
            orders: Default::default(),
            reorders: [0, 1].map(|index: usize| state.tracks[index].decode.has_reordered()),
            allowance: Allowance::default(),
            state,
        };
        timeline.describe(tracks);
        timeline
    }

    /// The tracks, once all is known of them.
    pub(crate) fn describe(&mut self, tracks: &[Track]) {
        self.tracks = tracks.to_vec();
        for (order, track) in self.orders.iter_mut().zip(tracks) {
            *order = codec::picture_order(track);
        }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The latest time at which a frame is shown, of either track.
    pub(crate) fn latest_us(&self) -> Option<u64> {
        self.state.latest_us
    }

    /// How often the input's times fell, or jumped ahead, and were corrected.
    pub(crate) fn corrections(&self) -> u64 {
        self.state.clock.corrections()
    }

    /// Takes the input's next frame; appends it with its times, which are those before [`Self::finish`], behind the frames that
    /// were missing before it.
    pub(crate) fn push(&mut self, packet: Packet, out: &mut Vec<Frame>) {
        let index = packet.track;
        self.allowance.add(packet.data.len());
        self.reorders[index] = packet.dts_us.is_none() && self.tracks[index].codec == Codec::H264;
        let input_us = packet.dts_us.unwrap_or(packet.pts_us);
        let offset_us = self.state.clock.offset_us(index, input_us, self.reorders[index]);
        let at_us = if self.reorders[index] {
            self.state.clock.settled_us(index)
        } else {
            input_us.saturating_add_signed(offset_us)
        };
        let pts_us = packet.pts_us.saturating_add_signed(offset_us);
        self.state.begin_us = self.state.begin_us.or(Some(at_us));
        self.note_interleaving(index, at_us);
        self.fill_other(1 - index, at_us, out);
        let before = out.len();
        if self.tracks[index].is_video() {
            self.push_picture(packet, at_us, pts_us, out);
        } else {
            self.push_sound(packet, pts_us, out);
        }
        let latest_us = out[before..].iter().map(|frame| frame.pts_us).max();
        self.state.latest_us = self.state.latest_us.max(latest_us);
    }

    /// The next segment begins.
    pub(crate) fn end_segment(&mut self) {
        self.allowance = Allowance::default();
    }

    /// Sets decode times and durations of the frames of a run, which are in stream order.
    pub(crate) fn finish(&mut self, tracks: &[Track], frames: &mut [Frame]) {
        for (index, track) in tracks.iter().enumerate() {
            let order = self.reorders[index].then_some(self.orders[index]);
            self.state.tracks[index].decode.finish(index, track, order, frames);
        }
    }

    /// An input may have its tracks in blocks, one behind the other: then a track is not away before it is late by more than that.
    fn note_interleaving(&mut self, index: usize, at_us: u64) {
        let other_us = self.state.clock.newest_us(1 - index).unwrap_or(0);
        let state = &mut self.state.tracks[index];
        if state.made_us.is_none_or(|made_us| at_us >= made_us) {
            let behind_us = other_us.saturating_sub(at_us);
            state.away_us = state.away_us.max(behind_us + behind_us / 2).min(MAX_AWAY_US);
        }
    }

    /// Makes frames for a track that has nothing while the other one came to `until_us`.
    fn fill_other(&mut self, index: usize, until_us: u64, out: &mut Vec<Frame>) {
        let (Some(track), Some(begin_us)) = (self.tracks.get(index), self.state.begin_us) else { return };
        let newest_us = self.state.clock.newest_us(index).max(self.state.tracks[index].shown_us);
        let end_us = newest_us.map_or(begin_us, |_| self.state.clock.end_us(index));
        let state = &self.state.tracks[index];
        let away_us = until_us.saturating_sub(newest_us.unwrap_or(begin_us));
        let limit_us = if newest_us.is_some() { away_limit_us(track) } else { PICTURE_AWAY_US };
        if !state.filled && away_us < limit_us.max(state.away_us) {
            return;
        }
        if track.is_video() {
            self.show_again(index, newest_us, until_us, out);
        } else {
            self.fill_sound(index, end_us, until_us, PROMPT_GAP_US, out);
        }
    }

    /// Shows the newest picture again, up to `until_us`.
    fn show_again(&mut self, index: usize, newest_us: Option<u64>, until_us: u64, out: &mut Vec<Frame>) {
        let Self { tracks, state: State { clock, tracks: states, .. }, allowance, .. } = self;
        let (Some(mut at_us), repeat) = (newest_us, states[index].repeat) else { return };
        let mut data = None;
        while at_us + REPEAT_US <= until_us && allowance.take(repeat.cost()) {
            data = data.or_else(|| repeat.packet(&tracks[index]));
            let Some(data) = data.clone() else { return };
            at_us += REPEAT_US;
            clock.fill(index, at_us + REPEAT_US);
            let state = &mut states[index];
            (state.filled, state.shown_us, state.made_us) = (true, Some(at_us), Some(at_us));
            out.push(fill::repeated(index, data, at_us));
        }
    }

    /// Fills sound with gap frames up to `until_us`, as long as `least_us` are missing.
    fn fill_sound(&mut self, index: usize, from_us: u64, until_us: u64, least_us: u64, out: &mut Vec<Frame>) {
        let Self { tracks, state: State { clock, tracks: states, .. }, allowance, .. } = self;
        let mut from_us = from_us;
        while let Some(gap) = fill::gap(index, &tracks[index], from_us, until_us, least_us)
            && allowance.take(1)
        {
            from_us += gap.duration_us;
            clock.fill(index, from_us);
            (states[index].filled, states[index].made_us) = (true, Some(from_us));
            out.push(gap);
        }
    }

    fn push_sound(&mut self, packet: Packet, pts_us: u64, out: &mut Vec<Frame>) {
        let index = packet.track;
        let duration_us =
            codec::packet_duration_us(&self.tracks[index], &packet.data).unwrap_or(UNTOLD_PACKET_US);
        let (at_us, mut pts_us) = (pts_us, pts_us);
        if self.state.clock.newest_us(index).is_some() {
            let (end_us, state) = (self.state.clock.end_us(index), &self.state.tracks[index]);
            if state.made_us.is_some_and(|made_us| pts_us + duration_us / 2 < made_us) {
                self.came_late(index, pts_us);
                self.state.clock.advance(index, pts_us, pts_us + duration_us);
                return;
            }
            if state.given_us.is_some_and(|given_us| pts_us <= given_us) {
                // Sound that was heard already is left out; where time stands, it is not.
                if state.input_us != Some(packet.pts_us) {
                    return;
                }
                pts_us = end_us;
            } else if pts_us + ROUNDING_US >= end_us + state.step_us {
                self.fill_sound(index, end_us, pts_us, LEAST_GAP_US.min(state.step_us), out);
            }
        }
        self.state.clock.advance(index, at_us, pts_us + duration_us);
        let state = &mut self.state.tracks[index];
        (state.step_us, state.filled) = (duration_us, false);
        (state.given_us, state.input_us) = (Some(pts_us), Some(packet.pts_us));
        out.push(Frame { track: index, pts_us, dts_us: pts_us, duration_us, key: true, data: packet.data });
    }

    /// A frame came after frames that were made for its time. If it follows from the one before it, its track was not away: the
    /// input has it behind the other one, and will have so again.
    fn came_late(&mut self, index: usize, at_us: u64) {
        let newest_us = self.state.clock.newest_us(index).unwrap_or(at_us);
        let state = &mut self.state.tracks[index];
        if at_us <= newest_us + state.step_us + ROUNDING_US {
            let late_us = state.made_us.unwrap_or(at_us).saturating_sub(at_us);
            state.away_us = state.away_us.max(late_us + PICTURE_AWAY_US).min(MAX_AWAY_US);
            state.filled = false;
        }
    }

    fn push_picture(&mut self, packet: Packet, at_us: u64, pts_us: u64, out: &mut Vec<Frame>) {
        let index = packet.track;
        if self.state.tracks[index].made_us.is_some_and(|made_us| at_us < made_us) {
            self.came_late(index, at_us);
        }
        let state = &mut self.state.tracks[index];
        let newest_us = state.given_us.max(state.made_us);
        let input_us = packet.dts_us.unwrap_or(packet.pts_us);
        state.standing = if state.input_us == Some(input_us) { state.standing + 1 } else { 0 };
        let (input_at_us, mut at_us, mut pts_us) = (at_us, at_us, pts_us);
        match newest_us {
            // In stream order; the times of decoding are found when the run is finished.
            Some(newest_us) if self.reorders[index] => {
                at_us = at_us.max(newest_us);
                // B-frames that come after the picture was shown again are shown after it.
                if let Some(made_us) = state.made_us.filter(|&made_us| pts_us <= made_us) {
                    pts_us = made_us + MIN_STEP_US;
                    state.made_us = Some(pts_us);
                }
            }
            Some(newest_us) if at_us <= newest_us => {
                let stands = state.standing > STANDING_PICTURES;
                at_us = newest_us + if stands { state.step_us.max(MIN_STEP_US) } else { MIN_STEP_US };
                pts_us = pts_us.max(at_us);
            }
            Some(newest_us) if state.standing == 0 => {
                state.step_us = (at_us - newest_us).clamp(MIN_STEP_US, MAX_STEP_US);
            }
            _ => {}
        }
        if !self.reorders[index] {
            pts_us = pts_us.max(at_us);
        }
        (state.filled, state.given_us) = (false, Some(at_us));
        state.shown_us = state.shown_us.max(Some(pts_us));
        state.input_us = Some(input_us);
        state.repeat.inspect(&self.tracks[index], self.orders[index], &packet.data);
        let end_us = at_us + state.step_us;
        self.state.clock.advance(index, input_at_us, end_us);
        out.push(Frame {
            track: index,
            pts_us,
            dts_us: at_us,
            duration_us: 0,
            key: packet.key,
            data: packet.data,
        });
    }
}

#[cfg(test)]
mod tests;
