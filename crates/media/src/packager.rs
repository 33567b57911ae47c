//! Frames in, the contents of chunks out: where a chunk and a group end, and how they are named, whatever the container.
//!
//! Names are a function of the frames and of where segments end: every segment's end ends a chunk (if a frame came), and
//! so does the start of a group. A group starts at a video keyframe; without video at the first packet of each whole second.
//! Audio that comes before the very first keyframe is [`Held`] for its chunk; other pictures before it, which nothing can
//! decode, are dropped.
//!
//! Chunks cost more than their bytes, here and at every viewer, so their number is bounded by the input: a group that began
//! in the same segment and has under [`MIN_GROUP_BYTES`] takes the next keyframe in, and a chunk has at most
//! [`MAX_CHUNK_FRAMES`].
//!
//! ```text
//! segments  | a K v |  a v a  |  K v a K |      K keyframe, v other picture, a audio packet
//! groups    '---- group 0 ----'-- 1 --'-2
//! chunks     [a K v] [a v a]   [K v a][K]
//! ```

use crate::{Frame, Track, held::Held, opus};

/// How long the groups of a take without video are.
const AUDIO_GROUP_US: u64 = 1_000_000;

/// A picture is taken to last as long as the one before it, but at most this long.
const MAX_PICTURE_US: u64 = 1_000_000;

/// What a group has at least if the next one starts in the same segment.
const MIN_GROUP_BYTES: usize = 1 << 10;

/// The most frames of a chunk: half a minute of both tracks.
const MAX_CHUNK_FRAMES: usize = 4096;

/// The contents of one chunk.
#[derive(Debug, PartialEq)]
pub(crate) struct Package {
    pub(crate) group: u64,
    pub(crate) index: u32,
    /// In order of time; never empty.
    pub(crate) frames: Vec<Frame>,
    pub(crate) pts_us: u64,
    pub(crate) duration_us: u64,
}

/// What a packager knows between segments.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// Whether the first group started.
    pub(crate) started: bool,
    /// The group the next frame belongs to, unless it starts one.
    pub(crate) group: u64,
    /// The index of the next chunk.
    pub(crate) index: u32,
    /// Time of each track's newest frame.
    pub(crate) newest_us: [Option<u64>; 2],
    /// From the newest picture but one to the newest.
    pub(crate) picture_us: u64,
    /// Audio that waits for the first group.
    pub(crate) held: Held,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Packager {
    /// Index of the video track, if there is one.
    video: Option<usize>,
    /// What comes in the next chunk; empty between segments.
    pending: Vec<Frame>,
    /// Bytes of the frames in `pending`.
    pending_bytes: usize,
    state: State,
}

impl Packager {
    /// A packager for frames of at most two `tracks`, that goes on from `state`.
    pub(crate) fn new(tracks: &[Track], state: State) -> Self {
        let video = tracks.iter().position(Track::is_video);
        Self { video, pending: Vec::new(), pending_bytes: 0, state }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Takes the next frame; gives the chunk that it ends, if it ends one.
    pub(crate) fn push(&mut self, mut frame: Frame) -> Option<Package> {
        let starts_group = self.starts_group(&frame) && !self.has_tiny_group();
        self.keep_time(&mut frame);
        let done = if starts_group { self.start_group() } else { self.cut_full() };
        if self.state.started {
            self.pending_bytes += frame.data.len();
            self.pending.push(frame);
        } else if !self.is_video(&frame) {
            self.state.held.push(frame);
        }
        done
    }

    /// Ends the segment: gives all frames since the last chunk.
    pub(crate) fn end_segment(&mut self) -> Option<Package> {
        self.cut()
    }

    fn starts_group(&self, frame: &Frame) -> bool {
        if self.video.is_some() {
            return self.is_video(frame) && frame.key;
        }
        let newest = self.state.newest_us[frame.track];
        newest.is_none_or(|newest| newest / AUDIO_GROUP_US < frame.pts_us / AUDIO_GROUP_US)
    }

    /// Whether the group that began in this segment is too small for another one to follow.
    fn has_tiny_group(&self) -> bool {
        self.state.index == 0 && !self.pending.is_empty() && self.pending_bytes < MIN_GROUP_BYTES
    }

    fn is_video(&self, frame: &Frame) -> bool {
        self.video == Some(frame.track)
    }

    /// Keeps a track's time from falling, and measures the distance of pictures.
    fn keep_time(&mut self, frame: &mut Frame) {
        let is_video = self.is_video(frame);
        let newest = &mut self.state.newest_us[frame.track];
        if let Some(newest) = *newest {
            frame.pts_us = frame.pts_us.max(newest);
            if is_video {
                self.state.picture_us = (frame.pts_us - newest).min(MAX_PICTURE_US);
            }
        }
        *newest = Some(frame.pts_us);
    }

    /// Ends the chunk before a group, and begins the group. The first group takes in what was held for it.
    fn start_group(&mut self) -> Option<Package> {
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

    /// Ends a chunk that takes no more frames.
    fn cut_full(&mut self) -> Option<Package> {
        if self.pending.len() < MAX_CHUNK_FRAMES { None } else { self.cut() }
    }

    fn cut(&mut self) -> Option<Package> {
        self.pending_bytes = 0;
        let mut frames = std::mem::take(&mut self.pending);
        frames.sort_by_key(|frame| frame.pts_us);
        let pts_us = frames.first()?.pts_us;
        let end_us = frames.iter().map(|frame| frame.pts_us + self.frame_us(frame)).max()?;
        let index = self.state.index;
        self.state.index += 1;
        Some(Package { group: self.state.group, index, frames, pts_us, duration_us: end_us - pts_us })
    }

    fn frame_us(&self, frame: &Frame) -> u64 {
        if self.is_video(frame) {
            return self.state.picture_us;
        }
        opus::packet_duration_us(&frame.data).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, TrackKind};

    const VIDEO: usize = 0;
    const AUDIO: usize = 1;

    fn track(codec: Codec, kind: TrackKind) -> Track {
        Track { codec, kind, codec_private: Default::default(), colour: Default::default() }
    }

    fn video_and_audio() -> Packager {
        let video = track(Codec::Vp9, TrackKind::Video { width: 1, height: 1 });
        let audio = track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 });
        Packager::new(&[video, audio], State::default())
    }

    fn audio_only() -> Packager {
        let audio = track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 });
        Packager::new(&[audio], State::default())
    }

    /// A frame whose data is one Opus packet of 60 ms, should it be taken for one.
    fn frame(track: usize, pts_ms: u64, key: bool) -> Frame {
        Frame { track, pts_us: pts_ms * 1000, key, data: vec![3 << 3; MIN_GROUP_BYTES].into() }
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

    /// Name and times of the frames of every chunk that these segments make.
    fn chunks(packager: &mut Packager, segments: &[&[Frame]]) -> Vec<(u64, u32, Vec<u64>)> {
        let mut chunks = Vec::new();
        for segment in segments {
            chunks.extend(segment.iter().cloned().filter_map(|frame| packager.push(frame)));
            chunks.extend(packager.end_segment());
        }
        let times = |package: &Package| package.frames.iter().map(|frame| frame.pts_us / 1000).collect();
        chunks.iter().map(|package| (package.group, package.index, times(package))).collect()
    }

    #[test]
    fn a_segment_is_a_chunk_unless_a_keyframe_divides_it() {
        let segments: &[&[Frame]] = &[
            &[keyframe(0), picture(30)],
            &[picture(60)],
            &[],
            &[picture(90), keyframe(120), picture(150), keyframe(180)],
        ];
        assert_eq!(
            chunks(&mut video_and_audio(), segments),
            [
                (0, 0, vec![0, 30]),
                (0, 1, vec![60]),
                (0, 2, vec![90]),
                (1, 0, vec![120, 150]),
                (2, 0, vec![180]),
            ]
        );
    }

    #[test]
    fn sound_before_the_first_keyframe_goes_into_its_chunk() {
        let segments: &[&[Frame]] = &[&[packet(0)], &[packet(60), keyframe(70)]];
        assert_eq!(chunks(&mut video_and_audio(), segments), [(0, 0, vec![0, 60, 70])]);
    }

    #[test]
    fn sound_before_a_later_keyframe_goes_into_the_chunk_before() {
        let segments: &[&[Frame]] = &[&[keyframe(0)], &[packet(60), keyframe(70)]];
        let expected = [(0, 0, vec![0]), (0, 1, vec![60]), (1, 0, vec![70])];
        assert_eq!(chunks(&mut video_and_audio(), segments), expected);
    }

    #[test]
    fn pictures_before_the_first_keyframe_are_dropped() {
        let segments: &[&[Frame]] = &[&[picture(0), packet(10)], &[keyframe(20)]];
        assert_eq!(chunks(&mut video_and_audio(), segments), [(0, 0, vec![10, 20])]);
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
        assert_eq!(chunks(&mut video_and_audio(), segments), expected);
    }

    #[test]
    fn a_chunk_has_a_bounded_number_of_frames() {
        let pictures = (1..=2 * MAX_CHUNK_FRAMES as u64).map(|pts_ms| tiny(picture(pts_ms)));
        let segment: Vec<_> = std::iter::once(keyframe(0)).chain(pictures).collect();
        let chunks = chunks(&mut video_and_audio(), &[&segment]);
        let frames: Vec<_> = chunks.iter().map(|(_, _, times)| times.len()).collect();
        assert_eq!(frames, [MAX_CHUNK_FRAMES, MAX_CHUNK_FRAMES, 1]);
    }

    #[test]
    fn sound_alone_starts_a_group_each_second() {
        let packets = |times: [u64; 3]| times.map(|pts_ms| frame(0, pts_ms, true));
        let segments: &[&[Frame]] = &[&packets([0, 500, 990]), &packets([1050, 1900, 4000])];
        assert_eq!(
            chunks(&mut audio_only(), segments),
            [(0, 0, vec![0, 500, 990]), (1, 0, vec![1050, 1900]), (2, 0, vec![4000])]
        );
    }

    #[test]
    fn time_never_falls_within_a_track_and_chunks_are_in_its_order() {
        let segments: &[&[Frame]] = &[&[keyframe(100), packet(40), picture(50), packet(130)]];
        assert_eq!(chunks(&mut video_and_audio(), segments), [(0, 0, vec![40, 100, 100, 130])]);
    }

    #[test]
    fn a_chunk_lasts_until_its_last_frame_ends() {
        let mut packager = video_and_audio();
        for frame in [keyframe(0), packet(10), picture(30)] {
            assert_eq!(packager.push(frame), None);
        }
        let package = packager.end_segment().unwrap();
        assert_eq!((package.pts_us, package.duration_us), (0, 70_000), "the packet ends last");
        packager.push(picture(80));
        let package = packager.end_segment().unwrap();
        assert_eq!((package.pts_us, package.duration_us), (80_000, 50_000), "as the picture before");
    }
}
