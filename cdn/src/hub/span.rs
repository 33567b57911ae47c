//! The names of a run's frames.

use protocol::event::{ChunkHead, FrameName};

/// A run's frames by name: the first, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first frame, which names the run.
    pub first: FrameName,
    /// At least 1.
    pub frames: u32,
}

impl Span {
    /// Of a run of which one frame's name is known and nothing else.
    pub fn around(frame: FrameName) -> Self {
        Self { first: frame, frames: 1 }
    }

    /// Whether `frame` is one of them.
    pub fn holds(&self, frame: FrameName) -> bool {
        self.shares_group(frame)
            && frame.index.checked_sub(self.first.index).is_some_and(|after| after < self.frames)
    }

    /// Whether `next` is the very next frame of the same group.
    pub fn continues_with(&self, next: FrameName) -> bool {
        self.shares_group(next) && Some(next.index) == self.first.index.checked_add(self.frames)
    }

    /// Whether all of them come before `frame`.
    pub fn is_before(&self, frame: FrameName) -> bool {
        self.first < frame && !self.holds(frame)
    }

    /// Whether `next` can begin the very next run.
    pub fn may_precede(&self, next: FrameName) -> bool {
        let is_next_group = next.take == self.first.take
            && Some(next.group) == self.first.group.checked_add(1)
            && next.index == 0;
        next.take > self.first.take || is_next_group || self.continues_with(next)
    }

    fn shares_group(&self, frame: FrameName) -> bool {
        (frame.take, frame.group) == (self.first.take, self.first.group)
    }
}

impl From<&ChunkHead> for Span {
    fn from(head: &ChunkHead) -> Self {
        Self { first: head.name, frames: head.frames }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(take: u64, group: u64, index: u32) -> FrameName {
        FrameName { take, group, index }
    }

    #[test]
    fn a_span_knows_its_frames_and_what_comes_next() {
        let span = Span { first: name(1, 2, 10), frames: 5 };
        let held = |index| span.holds(name(1, 2, index));
        assert_eq!([9, 10, 14, 15].map(held), [false, true, true, false]);
        assert!(!span.holds(name(1, 3, 10)) && !span.holds(name(0, 2, 10)));
        assert!(span.continues_with(name(1, 2, 15)) && !span.continues_with(name(1, 2, 14)));
        let before = |index| span.is_before(name(1, 2, index));
        assert_eq!([9, 10, 14, 15, 99].map(before), [false, false, false, true, true]);
        for next in [name(1, 2, 15), name(1, 3, 0), name(2, 0, 0), name(3, 7, 7)] {
            assert!(span.may_precede(next), "{next:?}");
        }
        for other in [name(1, 2, 16), name(1, 3, 1), name(1, 4, 0), name(0, 9, 0)] {
            assert!(!span.may_precede(other), "{other:?}");
        }
    }

    #[test]
    fn the_last_index_has_no_next() {
        let span = Span { first: name(0, 0, u32::MAX), frames: 1 };
        assert!(span.holds(name(0, 0, u32::MAX)));
        assert!(!span.continues_with(name(0, 0, 0)));
    }
}
