//! A set of groups of a stream, as ranges. Costs O(log ranges) for a look-up.

use std::collections::BTreeMap;

use protocol::item::{GroupName, GroupRange};

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupSet {
    /// The first group of each range, and the group after its last. Ranges neither overlap nor touch.
    ranges: BTreeMap<GroupName, u64>,
}

impl GroupSet {
    /// Adds `groups` successive groups from `first` on.
    pub(super) fn insert(&mut self, first: GroupName, groups: u64) {
        if groups == 0 {
            return;
        }
        let (mut first, mut end) = (first, first.group.saturating_add(groups));
        if let Some((&before, &before_end)) = self.ranges.range(..=first).next_back()
            && before.take == first.take
            && before_end >= first.group
        {
            (first, end) = (before, end.max(before_end));
        }
        let last = GroupName { take: first.take, group: end };
        let touched: Vec<GroupName> = self.ranges.range(first..=last).map(|(&first, _)| first).collect();
        for range in touched {
            end = end.max(self.ranges.remove(&range).unwrap_or(end));
        }
        self.ranges.insert(first, end);
    }

    /// Adds ranges.
    pub(super) fn extend(&mut self, ranges: &[GroupRange]) {
        ranges.iter().for_each(|range| self.insert(range.first, range.groups));
    }

    /// Whether no group is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The first group of its last range.
    pub(super) fn last_begin(&self) -> Option<GroupName> {
        self.ranges.keys().next_back().copied()
    }

    /// Whether a group is in it.
    pub(super) fn contains(&self, name: GroupName) -> bool {
        let range = self.ranges.range(..=name).next_back();
        range.is_some_and(|(first, &end)| first.take == name.take && name.group < end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_was_inserted_and_nothing_else(
            inserted in proptest::collection::vec((0u64..2, 0u64..30, 0u64..8), 0..20),
        ) {
            let (mut set, mut expected) = (GroupSet::default(), BTreeSet::new());
            for &(take, group, groups) in &inserted {
                set.extend(&[GroupRange { first: GroupName { take, group }, groups }]);
                expected.extend((group..group + groups).map(|group| (take, group)));
            }
            for take in 0..3 {
                for group in 0..50 {
                    prop_assert_eq!(set.contains(GroupName { take, group }), expected.contains(&(take, group)));
                }
            }
        }
    }

    #[test]
    fn ranges_up_to_the_last_number_do_not_overflow() {
        let mut set = GroupSet::default();
        set.insert(GroupName { take: u64::MAX, group: u64::MAX - 1 }, u64::MAX);
        assert!(set.contains(GroupName { take: u64::MAX, group: u64::MAX - 1 }));
        assert!(!set.contains(GroupName { take: u64::MAX, group: 0 }));
    }
}
