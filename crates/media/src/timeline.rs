//! The times of a take: every frame gets a decode time and a duration, and within a track time never falls.
//!
//! **Still screens.** Players drop video up to the next keyframe when two pictures are *decoded* further apart than
//! twice the former's duration (Media Source Extensions, *coded frame processing*), and a screen that stops moving goes
//! from 30 pictures a second to one. So decode times have no holes: a run's first picture is decoded when the one
//! before ends, and shown later; the next picture is decoded when it is shown. Durations thus add up to the time that
//! passed, from which other programs tell the frame rate of a saved file. See `docs/decisions/0001-hole-rule.md`.
//!
//! ```text
//! shown    0   33   66                        1066  1100          runs [0 33 66] [1066 1100]
//! decoded  0   33   66   100 ← not 1066             1100
//! lasts    33  33   34   1000 = 1100 - 100          33
//! ```

use crate::{
    Frame, Packet, Track, codec,
    varint::{MAX_NUMBER, Reader, put, put_option},
};

/// How long a run's last picture is said to last: as long as the one before it, within these bounds, or without one
/// [`FIRST_PICTURE_US`].
const MIN_PICTURE_US: u64 = 1_000;
const MAX_PICTURE_US: u64 = 1_000_000;
const FIRST_PICTURE_US: u64 = 33_333;

/// Duration of an audio packet that does not tell its own.
const UNTOLD_PACKET_US: u64 = 20_000;

/// What a timeline knows between runs, of each track.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State([TrackState; 2]);

#[derive(Clone, Debug, Default, PartialEq)]
struct TrackState {
    /// The input's decode time of the newest frame.
    newest_us: Option<u64>,
    /// The latest time at which a frame is shown.
    latest_us: Option<u64>,
    /// The input's decode time of the last frame of the last run.
    run_us: Option<u64>,
    /// When the next frame is to be decoded at the latest: when the last one of the last run was said to end.
    decode_end_us: u64,
}

impl State {
    /// Appends it to a resume point.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for track in &self.0 {
            put_option(out, track.newest_us);
            put_option(out, track.latest_us);
            put_option(out, track.run_us);
            put(out, track.decode_end_us);
        }
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(input: &mut Reader<'_>) -> Option<Self> {
        let mut state = Self::default();
        for track in &mut state.0 {
            *track = TrackState {
                newest_us: input.option()?,
                latest_us: input.option()?,
                run_us: input.option()?,
                decode_end_us: input.number(MAX_NUMBER)?,
            };
        }
        Some(state)
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Timeline {
    state: State,
}

impl Timeline {
    /// A timeline for frames of at most two tracks, that goes on from `state`.
    pub(crate) fn new(state: State) -> Self {
        Self { state }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The latest time at which a frame is shown, of either track.
    pub(crate) fn latest_us(&self) -> Option<u64> {
        self.state.0.iter().filter_map(|track| track.latest_us).max()
    }

    /// Takes the input's next frame; appends it with its times, which are those before [`Self::finish`].
    pub(crate) fn push(&mut self, packet: Packet, out: &mut Vec<Frame>) {
        let track = &mut self.state.0[packet.track];
        let Packet { track: index, pts_us, dts_us, key, data, .. } = packet;
        let dts_us = dts_us.unwrap_or(pts_us).min(pts_us).max(track.newest_us.unwrap_or(0));
        let pts_us = pts_us.max(dts_us);
        track.newest_us = Some(dts_us);
        track.latest_us = track.latest_us.max(Some(pts_us));
        out.push(Frame { track: index, pts_us, dts_us, duration_us: 0, key, data });
    }

    /// Sets decode times and durations of the frames of a run, which are in stream order.
    pub(crate) fn finish(&mut self, tracks: &[Track], frames: &mut [Frame]) {
        for (index, track) in tracks.iter().enumerate() {
            let mut of_track: Vec<_> = frames.iter_mut().filter(|frame| frame.track == index).collect();
            self.state.0[index].finish(track, &mut of_track);
        }
    }
}

impl TrackState {
    fn finish(&mut self, track: &Track, frames: &mut [&mut Frame]) {
        let Some(last_us) = frames.last().map(|last| last.dts_us) else { return };
        let duration_us = self.last_us(track, frames);
        if track.is_video()
            && let Some(first) = frames.first_mut()
        {
            first.dts_us = self.decoded_us(first.dts_us);
        }
        for at in 1..frames.len() {
            frames[at - 1].duration_us = frames[at].dts_us - frames[at - 1].dts_us;
        }
        if let Some(last) = frames.last_mut() {
            last.duration_us = last_us + duration_us - last.dts_us;
        }
        self.run_us = Some(last_us);
        self.decode_end_us = last_us + duration_us;
    }

    /// When the first picture of a run is decoded, which the input decodes at `dts_us`. An offset that MP4 has no field for,
    /// half an hour, is a hole that stays.
    fn decoded_us(&self, dts_us: u64) -> u64 {
        let end_us = self.run_us.map_or(dts_us, |_| self.decode_end_us);
        if dts_us.saturating_sub(end_us) > i32::MAX as u64 { dts_us } else { dts_us.min(end_us) }
    }

    /// How long the last of a run's `frames` is taken to last: an audio packet by its own word, a picture as long as the one
    /// before it.
    fn last_us(&self, track: &Track, frames: &[&mut Frame]) -> u64 {
        let (last, before_us) = match frames {
            [.., before, last] => (last, Some(before.dts_us)),
            [last] => (last, self.run_us),
            [] => return 0,
        };
        if !track.is_video() {
            return codec::packet_duration_us(track, &last.data).unwrap_or(UNTOLD_PACKET_US);
        }
        let picture_us =
            before_us.map_or(FIRST_PICTURE_US, |before_us| last.dts_us.saturating_sub(before_us));
        picture_us.clamp(MIN_PICTURE_US, MAX_PICTURE_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Display, TrackKind};
    use bytes::Bytes;

    fn track(codec: Codec, kind: TrackKind) -> Track {
        Track { codec, kind, config: Bytes::new(), colour: Bytes::new() }
    }

    fn video() -> Track {
        track(Codec::H264, TrackKind::Video { width: 1, height: 1, display: Display::coded(1, 1) })
    }

    fn audio() -> Track {
        track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 })
    }

    /// The frames of runs of one track with packets of these times; packets of 60 ms if they are taken for Opus.
    fn frames_of(track: Track, runs: &[&[u64]]) -> Vec<Frame> {
        let mut timeline = Timeline::new(State::default());
        let mut frames = Vec::new();
        for times in runs {
            let start = frames.len();
            for &pts_us in *times {
                let packet =
                    Packet { track: 0, pts_us, dts_us: None, key: true, data: Bytes::from_static(b"\x18") };
                timeline.push(packet, &mut frames);
            }
            timeline.finish(std::slice::from_ref(&track), &mut frames[start..]);
        }
        frames
    }

    /// Of each picture: when it is decoded, its duration, and when it is shown.
    fn picture_times(runs: &[&[u64]]) -> Vec<(u64, u64, u64)> {
        let frames = frames_of(video(), runs);
        frames.iter().map(|frame| (frame.dts_us, frame.duration_us, frame.pts_us)).collect()
    }

    #[test]
    fn last_picture_of_a_run_lasts_as_long_as_the_one_before() {
        assert_eq!(
            picture_times(&[&[0, 30], &[60_000], &[130_000]]),
            [
                (0, 30, 0),
                (30, 1_000, 30), // not 30 µs
                (1_030, 118_940, 60_000),
                (119_970, 80_030, 130_000),
            ]
        );
    }

    #[test]
    fn decode_times_have_no_hole_where_the_screen_stood_still() {
        let times =
            picture_times(&[&[0, 33_000, 66_000], &[1_066_000, 1_100_000], &[4_000_000], &[4_033_000]]);
        for (before, next) in times.iter().zip(&times[1..]) {
            assert!(next.0 <= before.0 + before.1, "{times:?}");
            assert!(next.0 >= before.0, "{times:?}");
        }
        let shown: Vec<_> = times.iter().map(|(_, _, shown)| *shown).collect();
        assert_eq!(shown, [0, 33_000, 66_000, 1_066_000, 1_100_000, 4_000_000, 4_033_000]);
        assert!(times.iter().all(|(decoded, _, shown)| decoded <= shown));
    }

    #[test]
    fn durations_add_up_to_the_time_that_passed() {
        let at = |number: u64| number * 33_333;
        let times = picture_times(&[&[at(0), at(1), at(2)], &[at(3)], &[at(4), at(5)], &[at(6)]]);
        let sum: u64 = times.iter().map(|(_, duration, _)| duration).sum();
        assert_eq!(sum, at(7));
    }

    #[test]
    fn a_hole_too_long_for_its_field_stays() {
        let hour_us = 3_600_000_000;
        assert_eq!(picture_times(&[&[0], &[hour_us]])[1].0, hour_us);
    }

    #[test]
    fn last_packet_of_a_run_lasts_as_it_says() {
        let durations: Vec<_> =
            frames_of(audio(), &[&[0, 61_000]]).iter().map(|frame| frame.duration_us).collect();
        assert_eq!(durations, [61_000, 60_000]);
    }

    #[test]
    fn time_never_falls_within_a_track() {
        let times: Vec<_> =
            picture_times(&[&[100_000, 50_000, 130_000]]).iter().map(|times| times.2).collect();
        assert_eq!(times, [100_000, 100_000, 130_000]);
    }

    #[test]
    fn state_reads_back_as_written() {
        let mut timeline = Timeline::new(State::default());
        let packet =
            Packet { track: 1, pts_us: 7, dts_us: Some(5), key: true, data: Bytes::from_static(b"\x18") };
        let mut frames = Vec::new();
        timeline.push(packet, &mut frames);
        timeline.finish(&[video(), audio()], &mut frames);
        let mut out = Vec::new();
        timeline.state().write(&mut out);
        assert_eq!(State::read(&mut Reader(&out)), Some(timeline.state().clone()));
    }
}
