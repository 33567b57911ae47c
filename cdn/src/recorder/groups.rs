//! Runs in, groups out: which runs are written, and where a file of the spool begins and ends. Pure.
//!
//! A file holds successive groups of one take whose times are in the same [`FRAGMENT_MS`], so recorders cut alike wherever they begin.
//! A group that turns out to have a hole is dropped, and ends the file. A group is whole once the next one follows it directly,
//! the stream has ended, or a new take has begun: then no node has more of it, unless this one fell behind or was away and did not read it
//! all.

use protocol::{
    event::{ChunkHead, FrameName},
    item::GroupName,
};
use serde::{Deserialize, Serialize};

/// How much of a take's time a fragment covers, in ms. It begins where a whole multiple of this lies in its first group or before.
pub(super) const FRAGMENT_MS: u64 = 10_000;

/// The end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finish {
    /// Whether its last group is whole.
    pub(super) whole: bool,
    /// Whether the take ends with that group.
    pub(super) ends_take: bool,
    /// When that group ends, in ms of the take's time.
    pub(super) end_ms: u64,
}

/// What the spool does for a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ends the file.
    Finish(Finish),
    /// Begins a file.
    Begin,
    /// Appends the run.
    Append,
}

/// The group that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenGroup {
    pub(super) name: GroupName,
    /// Which [`FRAGMENT_MS`] its file is for.
    pub(super) bucket: u64,
    /// The index of its next frame.
    pub(super) next_index: u32,
    /// Bytes of its media so far.
    pub(super) bytes: u64,
    /// When it ends, as far as that is known, in ms of the take's time.
    pub(super) end_ms: u64,
}

/// Decides what becomes of each run of a stream.
#[derive(Clone, Debug)]
pub(super) struct Assembler {
    open: Option<OpenGroup>,
    /// Whether the next run is the one right after the open group's last: reading has not begun anew since.
    is_at_end: bool,
    /// A larger group is not recorded.
    most_group_bytes: u64,
}

/// A run that the assembler decides on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) head: &'a ChunkHead,
    /// Bytes of its media.
    pub(super) bytes: u64,
    /// Whether it is known to be the very next run after the one before.
    pub(super) follows: bool,
    /// Whether the node had runs between that one and this one, which were not read.
    pub(super) lagged: bool,
}

impl OpenGroup {
    /// The group that begins with this run, in a file of its own.
    pub(super) fn begin(head: &ChunkHead, bytes: u64) -> Self {
        let mut open = Self {
            name: group_of(head.name),
            bucket: head.pts_ms / FRAGMENT_MS,
            next_index: 0,
            bytes: 0,
            end_ms: 0,
        };
        open.append(head, bytes);
        open
    }

    /// The next run of the group.
    pub(super) fn append(&mut self, head: &ChunkHead, bytes: u64) {
        self.next_index = head.name.index.saturating_add(head.frames);
        self.bytes = self.bytes.saturating_add(bytes);
        self.end_ms = self.end_ms.max(head.pts_ms.saturating_add(head.duration_ms));
    }

    /// Whether this run begins the next group of the same file.
    fn continues_with(&self, head: &ChunkHead) -> bool {
        self.is_before(head) && self.bucket == head.pts_ms / FRAGMENT_MS
    }

    /// The end of the file before a run that is not in it. It is known or not that the run `follows` directly, and that all runs between them
    /// were read.
    fn finish_before(&self, &Arrival { head, follows, .. }: &Arrival<'_>, all_read: bool) -> Finish {
        let ends_take = head.name.take > self.name.take && all_read;
        let is_next = follows && self.is_before(head);
        let end_ms = if is_next { head.pts_ms } else { self.end_ms };
        Finish { whole: ends_take || is_next, ends_take, end_ms }
    }

    /// Whether this run begins the next group of the take.
    fn is_before(&self, head: &ChunkHead) -> bool {
        let next = GroupName { take: self.name.take, group: self.name.group.saturating_add(1) };
        head.key && head.name.index == 0 && group_of(head.name) == next
    }
}

impl Assembler {
    /// Continues with `open`, if a file was left unfinished.
    pub(super) fn new(open: Option<OpenGroup>, most_group_bytes: u64) -> Self {
        Self { open, is_at_end: false, most_group_bytes }
    }

    /// Reading begins anew, right after the open group's last run if it `follows`. The rest of the group may have been there meanwhile.
    pub(super) fn read_anew(&mut self, follows: bool) {
        self.is_at_end = follows;
    }

    /// The last frame that was written, if more of its group may follow.
    pub(super) fn last(&self) -> Option<FrameName> {
        let OpenGroup { name, next_index, .. } = self.open?;
        Some(FrameName { take: name.take, group: name.group, index: next_index.checked_sub(1)? })
    }

    /// What to do for a run. `is_wanted` says of the group that it begins whether it is to be written.
    pub(super) fn push(&mut self, arrival: Arrival<'_>, is_wanted: impl Fn(GroupName) -> bool) -> Vec<Step> {
        let Arrival { head, bytes, follows, lagged } = arrival;
        let (name, index) = (group_of(head.name), head.name.index);
        let mut steps = Vec::with_capacity(3);
        if let Some(open) = &mut self.open {
            if (name, index) < (open.name, open.next_index) {
                return steps;
            }
            if (name, index) == (open.name, open.next_index) {
                open.append(head, bytes);
                self.is_at_end = true;
                let fits = open.bytes <= self.most_group_bytes;
                steps.push(if fits { Step::Append } else { self.drop_group() });
                return steps;
            }
            if follows && open.continues_with(head) && bytes <= self.most_group_bytes && is_wanted(name) {
                *open = OpenGroup::begin(head, bytes);
                steps.push(Step::Append);
                return steps;
            }
            steps.push(Step::Finish(open.finish_before(&arrival, self.is_at_end && !lagged)));
            self.open = None;
        }
        if head.key && index == 0 && bytes <= self.most_group_bytes && is_wanted(name) {
            (self.open, self.is_at_end) = (Some(OpenGroup::begin(head, bytes)), true);
            steps.extend([Step::Begin, Step::Append]);
        }
        steps
    }

    /// No more runs come: the stream has ended, or the recording. The end of the file, if one is unfinished.
    pub(super) fn end(&mut self, stream_ended: bool) -> Option<Finish> {
        let OpenGroup { end_ms, .. } = self.open.take()?;
        let whole = stream_ended && self.is_at_end;
        Some(Finish { whole, ends_take: whole, end_ms })
    }

    /// The open group cannot be written.
    pub(super) fn drop_group(&mut self) -> Step {
        let end_ms = self.open.take().map_or(0, |open| open.end_ms);
        Step::Finish(Finish { whole: false, ends_take: false, end_ms })
    }
}

/// The group of a frame.
pub(super) fn group_of(name: FrameName) -> GroupName {
    GroupName { take: name.take, group: name.group }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A run of two frames.
    fn head(take: u64, group: u64, index: u32, pts_ms: u64) -> ChunkHead {
        let name = FrameName { take, group, index };
        ChunkHead { name, frames: 2, key: index == 0, pts_ms, duration_ms: 100, captured_at_ms: None }
    }

    fn push(assembler: &mut Assembler, head: &ChunkHead, follows: bool) -> Vec<Step> {
        assembler.push(Arrival { head, bytes: 10, follows, lagged: false }, |_| true)
    }

    fn finish(whole: bool, ends_take: bool, end_ms: u64) -> Step {
        Step::Finish(Finish { whole, ends_take, end_ms })
    }

    const BEGIN: [Step; 2] = [Step::Begin, Step::Append];

    #[test]
    fn a_file_ends_where_ten_seconds_end_and_where_a_take_does() {
        let mut assembler = Assembler::new(None, 1000);
        assert_eq!(push(&mut assembler, &head(0, 3, 2, 8000), true), [], "begins with a keyframe");
        assert_eq!(push(&mut assembler, &head(0, 4, 0, 9000), true), BEGIN);
        assert_eq!(push(&mut assembler, &head(0, 4, 2, 9500), true), [Step::Append]);
        assert_eq!(push(&mut assembler, &head(0, 5, 0, 9900), true), [Step::Append]);
        let next = push(&mut assembler, &head(0, 6, 0, 10_100), true);
        assert_eq!(next, [finish(true, false, 10_100), Step::Begin, Step::Append]);
        let next = push(&mut assembler, &head(1, 0, 0, 0), true);
        assert_eq!(next, [finish(true, true, 10_200), Step::Begin, Step::Append]);
        assert_eq!(assembler.end(true), Some(Finish { whole: true, ends_take: true, end_ms: 100 }));
    }

    #[test]
    fn a_group_with_a_hole_is_dropped() {
        let begun = || {
            let mut assembler = Assembler::new(None, 1000);
            push(&mut assembler, &head(0, 0, 0, 0), true);
            assembler
        };
        assert_eq!(push(&mut begun(), &head(0, 0, 4, 100), true), [finish(false, false, 100)]);
        let next = push(&mut begun(), &head(0, 1, 0, 1000), false);
        assert_eq!(next, [finish(false, false, 100), Step::Begin, Step::Append], "its end may be missing");
        assert_eq!(begun().end(false), Some(Finish { whole: false, ends_take: false, end_ms: 100 }));
        let next = push(&mut begun(), &head(1, 0, 0, 0), false);
        assert_eq!(next, [finish(true, true, 100), Step::Begin, Step::Append], "no node has more of it");
        let late = Arrival { head: &head(1, 0, 0, 0), bytes: 10, follows: false, lagged: true };
        let next = begun().push(late, |_| true);
        assert_eq!(next, [finish(false, false, 100), Step::Begin, Step::Append], "the stream had more of it");
    }

    #[test]
    fn a_file_that_was_left_unfinished_is_continued_by_the_next_frame_alone() {
        let mut before = Assembler::new(None, 1000);
        push(&mut before, &head(0, 0, 0, 0), true);
        let resumed = || Assembler::new(before.open, 1000);
        assert_eq!(resumed().last(), Some(FrameName { take: 0, group: 0, index: 1 }));
        assert_eq!(push(&mut resumed(), &head(0, 0, 0, 0), false), [], "is written already");
        assert_eq!(push(&mut resumed(), &head(0, 0, 2, 0), false), [Step::Append]);
        assert_eq!(push(&mut resumed(), &head(0, 1, 0, 900), true), [Step::Append]);
    }

    #[test]
    fn a_group_of_which_a_node_may_have_missed_the_rest_is_dropped() {
        let away = |follows| {
            let mut assembler = Assembler::new(None, 1000);
            push(&mut assembler, &head(0, 0, 0, 0), true);
            assembler.read_anew(follows);
            assembler
        };
        let next_take = [Step::Begin, Step::Append];
        let expected = |whole| [&[finish(whole, whole, 100)], &next_take[..]].concat();
        for follows in [true, false] {
            assert_eq!(push(&mut away(follows), &head(1, 0, 0, 0), false), expected(follows));
            let ended = Finish { whole: follows, ends_take: follows, end_ms: 100 };
            assert_eq!(away(follows).end(true), Some(ended));
        }
        let mut continued = away(false);
        push(&mut continued, &head(0, 0, 2, 0), false);
        assert_eq!(push(&mut continued, &head(1, 0, 0, 0), false), expected(true));
    }

    #[test]
    fn groups_that_are_too_large_or_not_wanted_are_passed_over() {
        let mut assembler = Assembler::new(None, 25);
        push(&mut assembler, &head(0, 0, 0, 0), true);
        assert_eq!(push(&mut assembler, &head(0, 0, 2, 0), true), [Step::Append]);
        assert_eq!(push(&mut assembler, &head(0, 0, 4, 0), true), [finish(false, false, 100)]);
        assert_eq!(push(&mut assembler, &head(0, 0, 6, 0), true), []);
        assert_eq!(push(&mut assembler, &head(0, 1, 0, 900), true), BEGIN);
        let unwanted = Arrival { head: &head(0, 2, 0, 1900), bytes: 10, follows: true, lagged: false };
        assert_eq!(assembler.push(unwanted, |_| false), [finish(true, false, 1900)]);
    }

    proptest! {
        /// Recorders that begin anywhere write the same files from the first common boundary on.
        #[test]
        fn every_beginning_gives_the_same_files(
            lengths_ms in proptest::collection::vec(200u64..6000, 3..60),
            runs in proptest::collection::vec(1u32..4, 60),
            begin in 0usize..40,
        ) {
            let mut heads = Vec::new();
            let mut start_ms = 0;
            for (group, length_ms) in lengths_ms.iter().enumerate() {
                heads.extend((0..runs[group]).map(|run| head(0, group as u64, 2 * run, start_ms)));
                start_ms += length_ms;
            }
            // The files that a recorder writes which gets the runs from `skipped` on.
            let files = |skipped: usize| {
                let (mut assembler, mut files) = (Assembler::new(None, 1000), Vec::<Vec<FrameName>>::new());
                for (at, head) in heads.iter().enumerate().skip(skipped) {
                    for step in push(&mut assembler, head, at > skipped) {
                        match step {
                            Step::Begin => files.push(Vec::new()),
                            Step::Append => files.last_mut().unwrap().push(head.name),
                            Step::Finish(finish) => prop_assert!(finish.whole),
                        }
                    }
                }
                Ok(files)
            };
            let (whole, late) = (files(0)?, files(begin.min(heads.len()))?);
            let common = late.len().saturating_sub(1);
            prop_assert_eq!(&whole[whole.len() - common..], &late[late.len() - common..]);
        }
    }
}
