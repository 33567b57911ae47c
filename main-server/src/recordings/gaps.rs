//! What a recording lacks, from the groups that its manifest has. Pure.

use protocol::item::{GroupName, GroupRange, MissingGroups};

/// Most holes that nodes are told of at a time. The oldest of more are told as one, with what is recorded between them.
const MOST_HOLES: usize = 64;

/// What nodes are told to add to the manifest of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    /// The group after the last one; `None` while there is none since recording was switched on.
    pub(super) next: Option<GroupName>,
    /// Holes before `next`, in order.
    pub(super) missing: Vec<MissingGroups>,
    /// Those, and the ones where recording was off: players that follow the item wait at each of them.
    pub(super) holes: Vec<MissingGroups>,
}

impl Gaps {
    /// The gaps between `recorded`, ranges in order. `pauses` are the groups after which recording was off for a while: what is
    /// missing there is not to be recorded. `from_start` says that nothing before the first range is to be left out.
    pub(super) fn between(recorded: &[GroupRange], pauses: &[GroupName], from_start: bool) -> Self {
        let mut gaps = Self::default();
        let mut run = from_start.then_some((ORIGIN, ORIGIN));
        for range in recorded {
            let (first, end) = (range.first, end(range));
            if let Some((run_first, run_end)) = run
                && run_end < first
            {
                let hole = MissingGroups { first: run_end, until: first };
                gaps.holes.push(hole);
                let is_pause = |pause: &GroupName| run_first < *pause && *pause <= first;
                if !pauses.iter().any(is_pause) {
                    gaps.missing.push(hole);
                }
                run = Some((first, end));
            } else {
                run = Some((run.map_or(first, |(run_first, _)| run_first), end));
            }
        }
        join_oldest(&mut gaps.missing);
        join_oldest(&mut gaps.holes);
        let last = recorded.last().map(end);
        gaps.next = last.filter(|last| pauses.iter().all(|pause| pause < last));
        gaps
    }
}

fn join_oldest(holes: &mut Vec<MissingGroups>) {
    let Some(surplus) = holes.len().checked_sub(MOST_HOLES) else { return };
    holes[surplus].first = holes[0].first;
    holes.drain(..surplus);
}

/// Before every other group.
const ORIGIN: GroupName = GroupName { take: 0, group: 0 };

/// The group after the last one of a range.
pub(super) fn end(range: &GroupRange) -> GroupName {
    GroupName { take: range.first.take, group: range.first.group.saturating_add(range.groups) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn name(take: u64, group: u64) -> GroupName {
        GroupName { take, group }
    }

    fn range(take: u64, group: u64, groups: u64) -> GroupRange {
        GroupRange { first: name(take, group), groups }
    }

    fn hole(first: GroupName, until: GroupName) -> MissingGroups {
        MissingGroups { first, until }
    }

    #[test]
    fn nothing_is_known_of_a_recording_without_groups() {
        assert_eq!(Gaps::between(&[], &[], true), Gaps::default());
    }

    #[test]
    fn what_is_missing_between_and_before_the_groups_is_named_across_takes() {
        let recorded = [range(0, 2, 3), range(0, 7, 1), range(1, 0, 4), range(4, 1, 1)];
        let gaps = Gaps::between(&recorded, &[], true);
        assert_eq!(gaps.next, Some(name(4, 2)));
        let holes = [
            hole(name(0, 0), name(0, 2)),
            hole(name(0, 5), name(0, 7)),
            hole(name(0, 8), name(1, 0)),
            hole(name(1, 4), name(4, 1)),
        ];
        assert_eq!(gaps.missing, holes);
        assert_eq!(Gaps::between(&recorded, &[], false).missing, holes[1..]);
    }

    #[test]
    fn what_was_sent_while_recording_was_off_is_not_missing() {
        let before = [range(0, 0, 5)];
        assert_eq!(Gaps::between(&before, &[name(0, 5)], true).next, None, "since it is on again");
        let after = [range(0, 0, 5), range(0, 9, 2), range(0, 12, 1)];
        let gaps = Gaps::between(&after, &[name(0, 5)], true);
        assert_eq!((gaps.next, gaps.missing), (Some(name(0, 13)), vec![hole(name(0, 11), name(0, 12))]));
        // A spool came back later with groups from before the pause, or recording was off for a moment only and a node has died since.
        let late = Gaps::between(&[range(0, 0, 6), range(0, 9, 4)], &[name(0, 5)], true);
        assert_eq!((late.missing, late.holes), (vec![], vec![hole(name(0, 6), name(0, 9))]));
        // Recording was on, but nothing of that arrived.
        assert_eq!(Gaps::between(&[range(0, 9, 4)], &[name(0, 9)], false).missing, []);
    }

    #[test]
    fn every_hole_is_among_the_ones_that_are_told_however_many_there_are() {
        let recorded: Vec<_> = (0..200).map(|at| range(0, 2 * at, 1)).collect();
        let gaps = Gaps::between(&recorded, &[], true);
        assert_eq!(gaps.missing.len(), MOST_HOLES);
        assert_eq!(gaps.missing[0], hole(name(0, 1), name(0, 272)));
        assert_eq!(gaps.missing[1], hole(name(0, 273), name(0, 274)));
        let is_told = |group| gaps.missing.iter().any(|hole| hole.contains(name(0, group)));
        assert!((0..199).all(|at| is_told(2 * at + 1)));
    }

    proptest! {
        #[test]
        fn a_group_before_the_next_one_is_either_recorded_or_missing(
            groups in prop::collection::btree_set((0..4_u64, 0..8_u64), 1..20),
        ) {
            let groups: BTreeSet<GroupName> = groups.into_iter().map(|(take, group)| name(take, group)).collect();
            let mut recorded: Vec<GroupRange> = Vec::new();
            for group in &groups {
                match recorded.last_mut() {
                    Some(last) if end(last) == *group => last.groups += 1,
                    _ => recorded.push(GroupRange { first: *group, groups: 1 }),
                }
            }
            let gaps = Gaps::between(&recorded, &[], true);
            let all = (0..4).flat_map(|take| (0..9).map(move |group| name(take, group)));
            for group in all {
                let is_missing = gaps.missing.iter().any(|hole| hole.contains(group));
                let is_before = gaps.next.is_some_and(|next| group < next);
                prop_assert_eq!(is_missing, is_before && !groups.contains(&group), "{:?}", group);
            }
        }
    }
}
