//! The whole groups that a ring holds. A group that is not over yet is left out, and so is one that lacks a run.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use protocol::{Format, event::ChunkHead, item::GroupName};

use crate::{hub::SharedStream, lock::lock};

/// A group that is over, and where its runs are in the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: GroupName,
    /// In ms of the take's time.
    pub(super) start_ms: u64,
    /// When the next one begins, or the take ends; in ms of the take's time.
    pub(super) end_ms: u64,
    positions: Range<u64>,
}

/// The whole groups of a stream, oldest first.
pub(super) fn whole_groups(stream: &SharedStream) -> Vec<Group> {
    let heads: Vec<_> = {
        let stream = lock(stream);
        let ring = stream.ring();
        let positions = ring.first().max(ring.gap_end())..ring.end();
        positions.filter_map(|position| Some((position, *ring.head(position)?))).collect()
    };
    grouped(&heads)
}

fn grouped(heads: &[(u64, ChunkHead)]) -> Vec<Group> {
    let same_group = |a: &(u64, ChunkHead), b: &(u64, ChunkHead)| group_of(&a.1) == group_of(&b.1);
    let runs: Vec<_> = heads.chunk_by(same_group).collect();
    // The last one may go on.
    runs.windows(2).filter_map(|pair| group(pair[0], &pair[1].first()?.1)).collect()
}

/// The group with these runs, if they are all of it that there is; `next` begins the one after it.
fn group(runs: &[(u64, ChunkHead)], next: &ChunkHead) -> Option<Group> {
    let (first, head) = runs.first()?;
    let mut next_index = 0;
    let follows = |(_, head): &(u64, ChunkHead)| {
        let follows = head.name.index == next_index;
        next_index = head.name.index.saturating_add(head.frames);
        follows
    };
    let is_whole = head.key && runs.iter().all(follows);
    let ends_ms = runs.iter().map(|(_, head)| head.pts_ms.saturating_add(head.duration_ms));
    let end_ms = match next.name.take == head.name.take {
        true => next.pts_ms.max(head.pts_ms),
        false => ends_ms.max().unwrap_or(head.pts_ms),
    };
    is_whole.then(|| Group {
        name: group_of(head),
        start_ms: head.pts_ms,
        end_ms,
        positions: *first..first + runs.len() as u64,
    })
}

fn group_of(head: &ChunkHead) -> GroupName {
    GroupName { take: head.name.take, group: head.name.group }
}

/// The media of a group; none if the ring has given it up. The stream is locked for one run at a time, so that forwarding goes on
/// meanwhile.
pub(super) fn media(stream: &SharedStream, group: &Group, format: Format) -> Option<Bytes> {
    let chunk = |position| lock(stream).ring_mut().chunk(position, format);
    let chunks: Option<Vec<_>> = group.positions.clone().map(chunk).collect();
    let budget = lock(stream).ring().budget().cloned();
    if let Some(budget) = budget {
        budget.enforce();
    }
    let chunks = chunks?;
    let mut media = BytesMut::with_capacity(chunks.iter().map(|chunk| chunk.data.len()).sum());
    chunks.iter().for_each(|chunk| media.extend_from_slice(&chunk.data));
    Some(media.freeze())
}

#[cfg(test)]
mod tests {
    use protocol::event::FrameName;

    use super::*;

    fn run(take: u64, group: u64, index: u32) -> ChunkHead {
        let name = FrameName { take, group, index };
        let pts_ms = 1_000 * group + 100 * u64::from(index);
        ChunkHead { name, frames: 5, key: index == 0, pts_ms, duration_ms: 500, captured_at_ms: None }
    }

    fn names(runs: &[ChunkHead]) -> Vec<(u64, u64)> {
        let heads: Vec<_> = (7..).zip(runs.iter().copied()).collect();
        grouped(&heads).iter().map(|group| (group.name.take, group.name.group)).collect()
    }

    #[test]
    fn a_group_is_listed_once_another_one_follows() {
        let mut runs = vec![run(0, 0, 0), run(0, 0, 5)];
        assert_eq!(names(&runs), []);
        runs.push(run(0, 1, 0));
        assert_eq!(names(&runs), [(0, 0)]);
        runs.push(run(1, 0, 0));
        assert_eq!(names(&runs), [(0, 0), (0, 1)], "also the last one of a take");
        let heads: Vec<_> = (7..).zip(runs).collect();
        let first = &grouped(&heads)[0];
        assert_eq!((first.start_ms, first.end_ms, first.positions.clone()), (0, 1_000, 7..9));
    }

    #[test]
    fn a_group_that_lacks_a_run_is_left_out() {
        assert_eq!(
            names(&[run(0, 0, 5), run(0, 1, 0), run(0, 2, 0)]),
            [(0, 1)],
            "its beginning left the window"
        );
        assert_eq!(names(&[run(0, 0, 0), run(0, 0, 10), run(0, 1, 0)]), [], "a run in its middle");
    }
}
