//! Which groups of a recording the manifest holds, as far as main servers told.

use protocol::item::{GroupName, GroupRange, MissingGroups};

use super::group_set::GroupSet;

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub(super) struct Recorded {
    /// From answers to reports.
    reported: GroupSet,
    /// What is before this group is in the manifest or not to be recorded, apart from `missing`, as far as the last heartbeat told.
    /// The main server may not name every group that it lacks, so nothing is deleted because of it.
    next: Option<GroupName>,
    missing: Vec<MissingGroups>,
}

impl Recorded {
    /// Whether the manifest holds a group, by an answer to a report.
    pub(super) fn contains(&self, name: GroupName) -> bool {
        self.reported.contains(name)
    }

    /// Whether the manifest may hold a group: a heartbeat says so, and no answer to a report does.
    pub(super) fn is_unconfirmed(&self, name: GroupName) -> bool {
        let is_before_next = self.next.is_some_and(|next| name < next);
        is_before_next && !self.is_named(name) && !self.contains(name)
    }

    /// Whether the main server misses a group before others that it has. It may take a hole for a pause, and not know that the recording
    /// began before all that it has.
    pub(super) fn is_missing(&self, name: GroupName) -> bool {
        let is_before_others = self.reported.last_begin().is_some_and(|last| name < last);
        !self.contains(name) && (is_before_others || self.is_named(name))
    }

    /// Whether a heartbeat names a group as missing.
    fn is_named(&self, name: GroupName) -> bool {
        self.missing.iter().any(|missing| missing.contains(name))
    }

    /// An answer to a report.
    pub(super) fn confirm(&mut self, ranges: &[GroupRange]) {
        self.reported.extend(ranges);
    }

    /// An entry of an answer to a heartbeat.
    pub(super) fn learn(&mut self, next: Option<GroupName>, missing: &[MissingGroups]) {
        self.next = next;
        self.missing = missing.to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_heartbeat_says_is_unconfirmed_until_a_report_is_answered() {
        let name = |take, group| GroupName { take, group };
        let mut recorded = Recorded::default();
        recorded.learn(Some(name(1, 3)), &[MissingGroups { first: name(0, 5), until: name(1, 1) }]);
        let names = [name(0, 4), name(0, 5), name(0, 99), name(1, 0), name(1, 1), name(1, 3)];
        let unconfirmed = |recorded: &Recorded| names.map(|name| recorded.is_unconfirmed(name));
        assert_eq!(unconfirmed(&recorded), [true, false, false, false, true, false]);
        assert!(names.iter().all(|name| !recorded.contains(*name)));
        assert!(recorded.is_missing(name(0, 7)) && !recorded.is_missing(name(1, 3)));
        recorded.confirm(&[GroupRange { first: name(0, 4), groups: 2 }]);
        assert_eq!(unconfirmed(&recorded), [false, false, false, false, true, false]);
        assert!(recorded.contains(name(0, 5)) && !recorded.is_missing(name(0, 5)));
    }

    #[test]
    fn what_is_before_all_that_the_manifest_has_is_missing() {
        let name = |group| GroupName { take: 0, group };
        let mut recorded = Recorded::default();
        // Recording was switched on in the middle of the stream.
        recorded.learn(Some(name(14)), &[]);
        assert!(!recorded.is_missing(name(10)), "it may be there");
        recorded.confirm(&[GroupRange { first: name(13), groups: 1 }]);
        assert!(recorded.is_missing(name(10)) && !recorded.is_missing(name(14)));
    }

    #[test]
    fn what_is_between_groups_that_the_manifest_has_is_missing_although_no_heartbeat_names_it() {
        let name = |group| GroupName { take: 0, group };
        let mut recorded = Recorded::default();
        recorded.learn(Some(name(14)), &[]);
        let ranges = [(0, 6), (9, 5)].map(|(first, groups)| GroupRange { first: name(first), groups });
        recorded.confirm(&ranges);
        assert_eq!(
            [5, 6, 8, 9, 14].map(|group| recorded.is_missing(name(group))),
            [false, true, true, false, false]
        );
    }
}
