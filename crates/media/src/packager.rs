//! Frames in, the contents of chunks out: where a chunk and a group end, and how they are named, whatever the container.
//!
//! Names are a function of the frames and of where segments end: every segment's end ends a chunk (if a frame came), and
//! so does the start of a group. A group starts at a video keyframe; without video at the first packet of each whole second.
//! Audio that comes before the very first keyframe is [`Held`] for its chunk; other pictures before it, which nothing can
//! decode, are dropped.
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
    state: State,
}

impl Packager {
    /// A packager for frames of at most two `tracks`, that goes on from `state`.
    pub(crate) fn new(tracks: &[Track], state: State) -> Self {
        Self { video: tracks.iter().position(Track::is_video), pending: Vec::new(), state }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Takes the next frame; gives the chunk that it ends, if it ends one.
    pub(crate) fn push(&mut self, mut frame: Frame) -> Option<Package> {
        let starts_group = self.starts_group(&frame);
        self.keep_time(&mut frame);
        let done = if starts_group { self.start_group() } else { None };
        if self.state.started {
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

    fn cut(&mut self) -> Option<Package> {
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
