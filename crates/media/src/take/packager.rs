//! Frames in, runs of frames out: where a run and a group end, and how they are named, whatever the container.
//!
//! Names are a function of the frames and of where segments end: every segment's end ends a run (if it has a frame), and
//! so does the start of a group. A group starts at a video keyframe; without video at the first packet of each whole second.
//! Audio before the very first keyframe is [`Held`] for its run; other pictures before it, which nothing can
//! decode, are dropped.
//!
//! Runs become chunks, which cost more than their bytes, here and at every viewer, so their number is bounded by the input: a
//! group that began in the same segment and has under [`MIN_GROUP_BYTES`] takes the next keyframe in, and a run has at most
//! [`MAX_RUN_FRAMES`].
//!
//! ```text
//! segments  | a K v |  a v a  |  K v a K |      K keyframe, v other picture, a audio packet
//! groups    '---- group 0 ----'-- 1 --'-2
//! runs       [a K v] [a v a]   [K v a][K]
//! index       0       3         0      0
//! ```

use crate::{Frame, Run, Track, take::held::Held};

/// How long the groups of a take without video are.
const AUDIO_GROUP_US: u64 = 1_000_000;

/// What a group has at least if the next one starts in the same segment.
const MIN_GROUP_BYTES: usize = 1 << 10;

/// The most frames of a run: half a minute of both tracks.
const MAX_RUN_FRAMES: usize = 4096;

/// What a packager knows between segments.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// Whether the first group started.
    pub(crate) started: bool,
    /// The group the next frame belongs to, unless it starts one.
    pub(crate) group: u64,
    /// How many frames of that group there were.
    pub(crate) index: u32,
    /// How many of them the newest run has; 0 before the first run.
    pub(crate) newest_frames: u32,
    /// The whole second that the newest audio packet of a take without video begins in.
    pub(crate) newest_second: Option<u64>,
    /// Audio that waits for the first group.
    pub(crate) held: Held,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Packager {
    /// Index of the video track, if there is one.
    video: Option<usize>,
    /// What comes in the next run; empty between segments.
    pending: Vec<Frame>,
    /// Bytes of the frames in `pending`.
    pending_bytes: usize,
    state: State,
}

impl Packager {
    /// A packager for frames of at most two `tracks`, that continues from `state`.
    pub(crate) fn new(tracks: &[Track], state: State) -> Self {
        let video = tracks.iter().position(Track::is_video);
        Self { video, pending: Vec::new(), pending_bytes: 0, state }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Takes the next frame; gives the run that it ends, if it ends one.
    pub(crate) fn push(&mut self, frame: Frame) -> Option<Run> {
        let starts_group = self.starts_group(&frame) && !self.has_tiny_group();
        if self.video.is_none() {
            self.state.newest_second = Some(frame.pts_us / AUDIO_GROUP_US);
        }
        let done = if starts_group { self.start_group() } else { self.cut_full() };
        if self.state.started {
            self.pending_bytes += frame.data.len();
            self.pending.push(frame);
        } else if !self.is_video(&frame) {
            self.state.held.push(frame);
        }
        done
    }

    /// Ends the segment: gives all frames since the last run.
    pub(crate) fn end_segment(&mut self) -> Option<Run> {
        self.cut()
    }

    fn starts_group(&self, frame: &Frame) -> bool {
        if self.video.is_some() {
            return self.is_video(frame) && frame.key;
        }
        self.state.newest_second.is_none_or(|newest| newest < frame.pts_us / AUDIO_GROUP_US)
    }

    /// Whether the group that began in this segment is too small for another one to follow.
    fn has_tiny_group(&self) -> bool {
        self.state.index == 0 && !self.pending.is_empty() && self.pending_bytes < MIN_GROUP_BYTES
    }

    fn is_video(&self, frame: &Frame) -> bool {
        self.video == Some(frame.track)
    }

    /// Ends the run before a group, and begins the group. The first group takes in what was held for it.
    fn start_group(&mut self) -> Option<Run> {
        if !self.state.started {
            self.state.started = true;
            self.pending = self.state.held.take();
            return None;
        }
        let done = self.cut();
        self.state.group += 1;
        self.state.index = 0;
        done
    }

    /// Ends a run that takes no more frames.
    fn cut_full(&mut self) -> Option<Run> {
        if self.pending.len() < MAX_RUN_FRAMES { None } else { self.cut() }
    }

    fn cut(&mut self) -> Option<Run> {
        self.pending_bytes = 0;
        if self.pending.is_empty() {
            return None;
        }
        let mut frames = std::mem::take(&mut self.pending);
        frames.sort_by_key(|frame| frame.dts_us);
        let State { group, index, .. } = self.state;
        // A run has at most a few thousand frames.
        self.state.newest_frames = frames.len() as u32;
        self.state.index = index.saturating_add(self.state.newest_frames);
        Some(Run { group, index, frames })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Display, TrackKind};

    const VIDEO: usize = 0;
    const AUDIO: usize = 1;

    fn track(codec: Codec, kind: TrackKind) -> Track {
        Track { codec, kind, config: Default::default(), colour: Default::default() }
    }

    fn video_and_audio() -> Packager {
        let video =
            track(Codec::Vp9, TrackKind::Video { width: 1, height: 1, display: Display::coded(1, 1) });
        let audio = track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 });
        Packager::new(&[video, audio], State::default())
    }

    fn audio_only() -> Packager {
        let audio = track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 });
        Packager::new(&[audio], State::default())
    }

    /// A frame as large as a group has to be.
    fn frame(track: usize, pts_ms: u64, key: bool) -> Frame {
        let pts_us = pts_ms * 1000;
        let data = vec![3 << 3; MIN_GROUP_BYTES].into();
        Frame { track, pts_us, dts_us: pts_us, duration_us: 0, key, data }
    }

    /// The same with a single byte.
    fn tiny(frame: Frame) -> Frame {
        Frame { data: frame.data.slice(..1), ..frame }
    }

    fn picture(pts_ms: u64) -> Frame {
        frame(VIDEO, pts_ms, false)
    }

    fn keyframe(pts_ms: u64) -> Frame {
        frame(VIDEO, pts_ms, true)
    }

    fn packet(pts_ms: u64) -> Frame {
        frame(AUDIO, pts_ms, true)
    }

    /// Name and times of the frames of every run that these segments make.
    fn runs(packager: &mut Packager, segments: &[&[Frame]]) -> Vec<(u64, u32, Vec<u64>)> {
        let mut runs = Vec::new();
        for segment in segments {
            runs.extend(segment.iter().cloned().filter_map(|frame| packager.push(frame)));
            runs.extend(packager.end_segment());
        }
        let times = |run: &Run| run.frames.iter().map(|frame| frame.pts_us / 1000).collect();
        runs.iter().map(|run| (run.group, run.index, times(run))).collect()
    }

    #[test]
    fn a_segment_is_a_run_unless_a_keyframe_divides_it() {
        let segments: &[&[Frame]] = &[
            &[keyframe(0), picture(30)],
            &[picture(60)],
            &[],
            &[picture(90), keyframe(120), picture(150), keyframe(180)],
        ];
        assert_eq!(
            runs(&mut video_and_audio(), segments),
            [
                (0, 0, vec![0, 30]),
                (0, 2, vec![60]),
                (0, 3, vec![90]),
                (1, 0, vec![120, 150]),
                (2, 0, vec![180]),
            ]
        );
    }

    #[test]
    fn sound_before_the_first_keyframe_goes_into_its_run() {
        let segments: &[&[Frame]] = &[&[packet(0)], &[packet(60), keyframe(70)]];
        assert_eq!(runs(&mut video_and_audio(), segments), [(0, 0, vec![0, 60, 70])]);
    }

    #[test]
    fn sound_before_a_later_keyframe_goes_into_the_run_before() {
        let segments: &[&[Frame]] = &[&[keyframe(0)], &[packet(60), keyframe(70)]];
        let expected = [(0, 0, vec![0]), (0, 1, vec![60]), (1, 0, vec![70])];
        assert_eq!(runs(&mut video_and_audio(), segments), expected);
    }

    #[test]
    fn pictures_before_the_first_keyframe_are_dropped() {
        let segments: &[&[Frame]] = &[&[picture(0), packet(10)], &[keyframe(20)]];
        assert_eq!(runs(&mut video_and_audio(), segments), [(0, 0, vec![10, 20])]);
    }

    #[test]
    fn tiny_groups_of_one_segment_are_one_group() {
        let segments: &[&[Frame]] = &[
            &[tiny(keyframe(0)), tiny(picture(10)), tiny(keyframe(20)), keyframe(30), keyframe(40)],
            &[tiny(picture(50)), tiny(keyframe(60)), tiny(keyframe(70))],
            &[tiny(keyframe(80))],
        ];
        let expected = [
            (0, 0, vec![0, 10, 20, 30]),
            (1, 0, vec![40]),
            (1, 1, vec![50]),
            (2, 0, vec![60, 70]),
            (3, 0, vec![80]),
        ];
        assert_eq!(runs(&mut video_and_audio(), segments), expected);
    }

    #[test]
    fn a_run_has_a_bounded_number_of_frames() {
        let pictures = (1..=2 * MAX_RUN_FRAMES as u64).map(|pts_ms| tiny(picture(pts_ms)));
        let segment: Vec<_> = std::iter::once(keyframe(0)).chain(pictures).collect();
        let runs = runs(&mut video_and_audio(), &[&segment]);
        let frames: Vec<_> = runs.iter().map(|(_, _, times)| times.len()).collect();
        assert_eq!(frames, [MAX_RUN_FRAMES, MAX_RUN_FRAMES, 1]);
    }

    #[test]
    fn sound_alone_starts_a_group_each_second() {
        let packets = |times: [u64; 3]| times.map(|pts_ms| frame(0, pts_ms, true));
        let segments: &[&[Frame]] = &[&packets([0, 500, 990]), &packets([1050, 1900, 4000])];
        assert_eq!(
            runs(&mut audio_only(), segments),
            [(0, 0, vec![0, 500, 990]), (1, 0, vec![1050, 1900]), (2, 0, vec![4000])]
        );
    }
}
