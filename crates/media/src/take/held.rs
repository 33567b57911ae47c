//! Audio that waits for the first video keyframe, whose run it goes into: the newest 2 s and 256 KiB of it at most.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::Frame;

/// How far back what is held may reach.
const MAX_US: u64 = 2_000_000;

/// How much memory it may take, each frame counted with [`OVERHEAD_BYTES`].
const MAX_BYTES: usize = 256 << 10;

/// What a frame takes besides its data, roughly.
const OVERHEAD_BYTES: usize = 64;

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Held {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Held {
    /// Adds a frame, and drops the oldest ones where a bound asks for it.
    pub(crate) fn push(&mut self, frame: Frame) {
        let oldest_us = frame.pts_us.saturating_sub(MAX_US);
        self.bytes += cost(&frame);
        // A copy, so that a small packet does not keep the whole segment it came in.
        self.frames.push_back(Frame { data: Bytes::copy_from_slice(&frame.data), ..frame });
        while let Some(first) = self.frames.front()
            && (first.pts_us < oldest_us || self.bytes > MAX_BYTES)
        {
            self.bytes -= cost(first);
            self.frames.pop_front();
        }
    }

    /// Gives up all frames, oldest first.
    pub(crate) fn take(&mut self) -> Vec<Frame> {
        self.bytes = 0;
        std::mem::take(&mut self.frames).into()
    }

    /// At least what a resume point takes for the frames held: four numbers for each, and its data.
    pub(crate) fn least_point_bytes(&self) -> usize {
        self.bytes - self.frames.len() * (OVERHEAD_BYTES - 5)
    }

    /// The frames held, oldest first.
    pub(crate) fn frames(&self) -> impl ExactSizeIterator<Item = &Frame> {
        self.frames.iter()
    }
}

fn cost(frame: &Frame) -> usize {
    frame.data.len() + OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pts_us: u64, bytes: usize) -> Frame {
        Frame { track: 0, pts_us, dts_us: pts_us, duration_us: 0, key: true, data: vec![0; bytes].into() }
    }

    #[test]
    fn oldest_packets_go_when_they_are_too_old() {
        let mut held = Held::default();
        for pts_us in [0, 1_000_000, 2_000_000, 3_000_000] {
            held.push(packet(pts_us, 10));
        }
        let times: Vec<_> = held.take().iter().map(|frame| frame.pts_us).collect();
        assert_eq!(times, [1_000_000, 2_000_000, 3_000_000]);
    }

    #[test]
    fn memory_stays_under_its_bound_however_small_the_packets() {
        let mut held = Held::default();
        for _ in 0..2 * MAX_BYTES / OVERHEAD_BYTES {
            held.push(packet(0, 1));
        }
        assert!(held.frames().map(cost).sum::<usize>() <= MAX_BYTES);
        assert!(held.frames().len() > MAX_BYTES / OVERHEAD_BYTES / 2, "it does not drop everything");
    }
}
