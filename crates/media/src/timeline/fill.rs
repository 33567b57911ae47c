//! Frames for what a track lacks.
//!
//! A player plays what it has of *all* tracks, so a hole in sound, or a track that stops while the other one continues, would
//! stop both. Holes in sound become gap frames, which muxers write as silence; a picture that stands is shown again, where its
//! codec has a packet for that.

use bytes::Bytes;

use crate::{Frame, Track, codec};

/// How often a picture that stands is shown again. Firefox stops as soon as it has no picture.
pub(super) const REPEAT_US: u64 = 400_000;

/// A segment has at most so many frames that are made here, and one more for every [`BYTES_PER_FRAME`]: 50 s of silence,
/// whatever times it claims.
const FRAMES_PER_SEGMENT: u64 = 512;
const BYTES_PER_FRAME: u64 = 16;

/// How many frames may still be made for a segment.
#[derive(Debug)]
pub(super) struct Allowance(u64);

impl Default for Allowance {
    fn default() -> Self {
        Self(FRAMES_PER_SEGMENT * BYTES_PER_FRAME)
    }
}

impl Allowance {
    /// The segment has a packet of so many bytes.
    pub(super) fn add(&mut self, bytes: usize) {
        self.0 += bytes as u64;
    }

    /// Whether so many more frames may be made, which are then counted.
    pub(super) fn take(&mut self, frames: u64) -> bool {
        let left = self.0.checked_sub(frames * BYTES_PER_FRAME);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// The gap frame of sound that begins at `from_us` and ends by `to_us`; `None` where there is no room for one, less than
/// `least_us` are missing, or its codec has no silence.
pub fn gap(index: usize, track: &Track, from_us: u64, to_us: u64, least_us: u64) -> Option<Frame> {
    let room_us = to_us.checked_sub(from_us).filter(|&room_us| room_us >= least_us)?;
    let silence = codec::silence(track, room_us)?;
    let duration_us =
        codec::packet_duration_us(track, &silence).filter(|&duration_us| duration_us <= room_us)?;
    Some(Frame { track: index, pts_us: from_us, dts_us: from_us, duration_us, key: true, data: Bytes::new() })
}

/// The picture that was last shown, shown again at `at_us`.
pub(super) fn repeated(index: usize, data: Bytes, at_us: u64) -> Frame {
    Frame { track: index, pts_us: at_us, dts_us: at_us, duration_us: REPEAT_US, key: false, data }
}
