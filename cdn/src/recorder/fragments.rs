//! Whole groups of a file in, fragments out. Pure.
//!
//! A fragment is as many successive groups as are missing from the manifest, of one part of it ([`PART_GROUPS`]), of at most
//! [`MOST_FRAGMENT_BYTES`] unless it is a single group. Where groups of the middle are recorded already, what is left is cut anew around them.

use std::ops::Range;

use protocol::item::{GroupName, PART_GROUPS};
use serde::{Deserialize, Serialize};

/// Most bytes of a fragment of several groups.
pub(super) const MOST_FRAGMENT_BYTES: u64 = 16 << 20;

/// A group in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    /// Which group of the file's take.
    pub(super) number: u64,
    /// When it begins, in ms of the take's time.
    pub(super) start_ms: u64,
    /// When its first frame was captured, Unix epoch.
    pub(super) captured_at_ms: Option<u64>,
    /// Bytes of its media.
    pub(super) bytes: u64,
    /// Where its records are in the file.
    pub(super) extent: Range<u64>,
}

/// Successive groups of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Groups<'a> {
    pub(super) take: u64,
    /// All of them are whole, and their numbers have no hole.
    pub(super) groups: &'a [Group],
    /// When the last one ends, in ms of the take's time.
    pub(super) end_ms: u64,
    /// Whether the take ends with the last one.
    pub(super) ends_take: bool,
}

/// The groups of a fragment, and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) first: GroupName,
    pub(super) groups: u64,
    pub(super) ends_take: bool,
    pub(super) start_ms: u64,
    pub(super) duration_ms: u64,
    pub(super) captured_at_ms: Option<u64>,
    /// Where its records are in the file.
    pub(super) extent: Range<u64>,
}

impl Groups<'_> {
    /// The first fragment of those groups that are missing.
    pub(super) fn first_missing(&self, is_missing: impl Fn(GroupName) -> bool) -> Option<Cut> {
        let is_missing = |group: &Group| is_missing(self.name(group));
        let from = self.groups.iter().position(is_missing)?;
        let mut bytes = self.groups[from].bytes;
        let mut to = from + 1;
        while let Some(group) = self.groups.get(to).filter(|group| is_missing(group)) {
            bytes = bytes.saturating_add(group.bytes);
            if bytes > MOST_FRAGMENT_BYTES || group.number.is_multiple_of(PART_GROUPS) {
                break;
            }
            to += 1;
        }
        Some(self.cut(from..to))
    }

    /// The fragment of these groups, at least one.
    fn cut(&self, at: Range<usize>) -> Cut {
        let (first, last) = (&self.groups[at.start], &self.groups[at.end - 1]);
        let end_ms = self.groups.get(at.end).map_or(self.end_ms, |next| next.start_ms);
        Cut {
            first: self.name(first),
            groups: at.len() as u64,
            ends_take: self.ends_take && at.end == self.groups.len(),
            start_ms: first.start_ms,
            duration_ms: end_ms.saturating_sub(first.start_ms),
            captured_at_ms: first.captured_at_ms,
            extent: first.extent.start..last.extent.end,
        }
    }

    fn name(&self, group: &Group) -> GroupName {
        GroupName { take: self.take, group: group.number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups from 5 on of so many MiB and a second each.
    fn groups(sizes_mib: &[u64]) -> Vec<Group> {
        let group = |(at, mib): (usize, &u64)| {
            let (number, at) = (5 + at as u64, at as u64);
            let (start_ms, extent) = (1000 * at, 100 * at..100 * (at + 1));
            Group { number, start_ms, captured_at_ms: Some(7000 + start_ms), bytes: mib << 20, extent }
        };
        sizes_mib.iter().enumerate().map(group).collect()
    }

    /// First group, number of groups, time and whether the take ends, of all fragments that are reported one after another.
    fn cuts(sizes_mib: &[u64], recorded: &[u64]) -> Vec<(u64, u64, u64, u64, bool)> {
        let (groups, mut recorded) = (groups(sizes_mib), recorded.to_vec());
        let all = Groups { take: 1, groups: &groups, end_ms: 9999, ends_take: true };
        let mut cuts = Vec::new();
        while let Some(cut) = all.first_missing(|name| !recorded.contains(&name.group)) {
            assert_eq!((cut.first.take, cut.captured_at_ms), (1, Some(7000 + cut.start_ms)));
            let first = cut.first.group;
            assert_eq!(cut.extent, 100 * (first - 5)..100 * (first - 5 + cut.groups));
            recorded.extend(first..first + cut.groups);
            cuts.push((first, cut.groups, cut.start_ms, cut.duration_ms, cut.ends_take));
        }
        cuts
    }

    #[test]
    fn a_file_is_one_fragment_unless_it_is_large() {
        assert_eq!(cuts(&[1, 2, 3], &[]), [(5, 3, 0, 9999, true)]);
        assert_eq!(cuts(&[10, 6, 1], &[]), [(5, 2, 0, 2000, false), (7, 1, 2000, 7999, true)]);
        assert_eq!(cuts(&[20, 1], &[]), [(5, 1, 0, 1000, false), (6, 1, 1000, 8999, true)]);
    }

    #[test]
    fn a_fragment_lies_within_a_part_of_the_manifest() {
        let mut groups = groups(&[1; 4]);
        (510..).zip(&mut groups).for_each(|(number, group)| group.number = number);
        let all = Groups { take: 1, groups: &groups, end_ms: 9999, ends_take: true };
        let cut =
            |from| all.first_missing(|name| name.group >= from).map(|cut| (cut.first.group, cut.groups));
        assert_eq!([cut(510), cut(512)], [Some((510, 2)), Some((512, 2))]);
    }

    #[test]
    fn what_is_recorded_already_is_cut_out() {
        assert_eq!(cuts(&[1; 6], &[5, 8]), [(6, 2, 1000, 2000, false), (9, 2, 4000, 5999, true)]);
        assert_eq!(cuts(&[1; 2], &[6]), [(5, 1, 0, 1000, false)], "another node reported the end");
        assert_eq!(cuts(&[1; 2], &[5, 6]), []);
    }
}
