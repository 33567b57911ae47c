//! One take of an item: its head, and its fragments in parts. Pure.
//!
//! A fragment names its groups, so that reports of several nodes can be merged: a fragment with only known
//! groups is ignored, one that partially overlaps others is refused, and any other one is added in its place.
//! Takes of files have one group per fragment.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use protocol::item::{Blob, GroupName, GroupRange, PART_GROUPS};
use serde::{Deserialize, Serialize};
use store::Revision;

/// Most further init segments of a take.
const MOST_OTHERS: usize = 7;

/// The types and init segments of a take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakeHead {
    /// The preferred format for players.
    #[serde(flatten)]
    pub(crate) format: Format,
    /// The same frames in other formats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) alternatives: Vec<Format>,
    /// Further init segments of the take, because nodes of other versions may write its frames differently.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) others: Vec<Format>,
    /// Missing groups before this one are lost.
    #[serde(default)]
    pub(crate) settled_before: u64,
    /// Whether no groups follow the existing ones.
    #[serde(default)]
    pub(crate) is_over: bool,
}

/// A format of a take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    /// The type for MSE, with codecs.
    pub(crate) mime: String,
    /// The init segment, if the format has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) init: Option<Blob>,
}

impl TakeHead {
    /// The head of a take without fragments.
    pub(crate) fn new(format: Format, alternatives: Vec<Format>) -> Self {
        Self { format, alternatives, others: Vec::new(), settled_before: 0, is_over: false }
    }

    /// The number of a fragment's format; `None` if the take does not have it.
    pub(super) fn number_of(&self, format: &Format, alternatives: &[Format]) -> Option<usize> {
        let is_same = self.alternatives == alternatives;
        self.formats().position(|known| known == format).filter(|_| is_same)
    }

    /// The format with this number, or the first one.
    pub(super) fn numbered(&self, number: usize) -> &Format {
        self.formats().nth(number).unwrap_or(&self.format)
    }

    /// Whether the take can accept fragments in this new format.
    pub(super) fn takes(&self, format: &Format, alternatives: &[Format]) -> bool {
        let has_alternatives = !self.alternatives.is_empty() || !alternatives.is_empty();
        !has_alternatives && self.others.len() < MOST_OTHERS && format.container() == self.format.container()
    }

    /// All formats of fragments.
    fn formats(&self) -> impl Iterator<Item = &Format> {
        std::iter::once(&self.format).chain(&self.others)
    }

    /// All init segments.
    pub(super) fn inits(&self) -> impl Iterator<Item = &Blob> {
        self.formats().chain(&self.alternatives).filter_map(|format| format.init.as_ref())
    }
}

impl Format {
    /// The type without its codecs.
    fn container(&self) -> &str {
        self.mime.split(';').next().unwrap_or_default().trim()
    }
}

/// A fragment of a take. Its blobs are in the object store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakeFragment {
    /// Its first group. In a take of a file, its index.
    #[serde(rename = "group")]
    pub(crate) first_group: u64,
    /// Number of whole groups. In a take of a file, 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(crate) groups: u64,
    /// The blob with its bytes.
    #[serde(flatten)]
    pub(crate) blob: Blob,
    /// The number of its format in the take.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) format: usize,
    /// Its blobs in each alternative format of the take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) alternatives: Vec<Blob>,
    /// Start in the take's time, ms.
    pub(crate) start_ms: u64,
    /// Duration, ms.
    pub(crate) duration_ms: u64,
    /// Whether it is the last one of the take.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ends_take: bool,
}

fn one() -> u64 {
    1
}

// Serde passes references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(count: &u64) -> bool {
    *count == 1
}

// Serde passes references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl TakeFragment {
    /// The group after its last one.
    pub(super) fn end(&self) -> u64 {
        self.first_group.saturating_add(self.groups)
    }

    /// The part that it belongs to.
    pub(super) fn part(&self) -> u64 {
        self.first_group / PART_GROUPS
    }

    /// All of its blobs.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        std::iter::once(&self.blob).chain(&self.alternatives)
    }
}

/// The value of an entry with fragments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// In the order of their groups.
    pub(crate) fragments: Vec<TakeFragment>,
}

/// A part, and the revision of its entry.
#[derive(Clone, Debug)]
pub(super) struct StoredPart {
    pub(super) part: Part,
    pub(super) revision: Revision,
}

/// The result of adding a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was added.
    Taken,
    /// All of its groups were known.
    Known,
    /// Only some of its groups were known.
    Overlaps,
}

/// A take in the store.
#[derive(Clone, Debug)]
pub(crate) struct Take {
    pub(super) head: TakeHead,
    /// The revision of the head's entry.
    pub(super) revision: Revision,
    pub(super) parts: BTreeMap<u64, Arc<StoredPart>>,
}

impl Take {
    pub(super) fn new(head: TakeHead, revision: Revision) -> Self {
        Self { head, revision, parts: BTreeMap::new() }
    }

    /// Its fragments in the order of their groups. If two servers wrote overlapping fragments, the earlier
    /// one counts.
    pub(super) fn fragments(&self) -> impl Iterator<Item = &TakeFragment> {
        shown(self.parts.values().flat_map(|stored| &stored.part.fragments))
    }

    /// How many fragments it has.
    pub(super) fn len(&self) -> usize {
        self.parts.values().map(|stored| stored.part.fragments.len()).sum()
    }

    /// The part with `fragment` added, if possible.
    pub(super) fn with(&self, part: &mut Part, fragment: &TakeFragment) -> Outcome {
        let (first, end) = (fragment.first_group, fragment.end());
        let of = |parts: Range<u64>| self.parts.range(parts).flat_map(|(_, stored)| &stored.part.fragments);
        // A fragment of the previous part may reach into this one, and this fragment into the next part.
        let (before, after) = (of(0..fragment.part()), of(fragment.part() + 1..u64::MAX));
        let overlaps = |known: &TakeFragment| known.first_group < end && known.end() > first;
        let covered: u64 = shown(before.chain(&part.fragments).chain(after))
            .filter(|known| overlaps(known))
            .map(|known| known.end().min(end) - known.first_group.max(first))
            .sum();
        if covered == 0 {
            // Overlapping fragments no longer count.
            part.fragments.retain(|known| !overlaps(known));
            let at = part.fragments.partition_point(|known| known.first_group < first);
            part.fragments.insert(at, fragment.clone());
            Outcome::Taken
        } else if covered >= fragment.groups {
            Outcome::Known
        } else {
            Outcome::Overlaps
        }
    }

    /// Its groups, as ranges in order.
    pub(super) fn ranges(&self, take: u64) -> Vec<GroupRange> {
        let mut ranges: Vec<GroupRange> = Vec::new();
        for fragment in self.fragments() {
            match ranges.last_mut() {
                Some(last) if last.first.group + last.groups == fragment.first_group => {
                    last.groups += fragment.groups;
                }
                _ => ranges.push(GroupRange {
                    first: GroupName { take, group: fragment.first_group },
                    groups: fragment.groups,
                }),
            }
        }
        ranges
    }

    /// Whether the other version has the same revisions.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let revisions = |take: &Self| {
            let parts = take.parts.iter().map(|(index, stored)| (*index, stored.revision));
            (take.revision, parts.collect::<Vec<_>>())
        };
        revisions(self) == revisions(other)
    }
}

/// The fragments that count among `all`, which are in the order of their groups.
fn shown<'a>(all: impl Iterator<Item = &'a TakeFragment>) -> impl Iterator<Item = &'a TakeFragment> {
    let mut next = 0;
    all.filter(move |fragment| {
        let is_behind = fragment.first_group >= next;
        if is_behind {
            next = fragment.end();
        }
        is_behind
    })
}
