//! One take of an item: its head, and its fragments in parts. Pure.
//!
//! A fragment names the groups that it holds, so that reports of several nodes can be merged: a fragment whose groups are all
//! there is passed over, one that overlaps others in part is refused, and any other one is taken, wherever it belongs. Takes of
//! files have one group in each fragment.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use protocol::item::{Blob, GroupName, GroupRange, PART_GROUPS};
use serde::{Deserialize, Serialize};
use store::Revision;

/// Most further init segments of a take.
const MOST_OTHERS: usize = 7;

/// The types and init segments of a take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakeHead {
    /// What players are given first.
    #[serde(flatten)]
    pub(crate) format: Format,
    /// The same frames in other formats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) alternatives: Vec<Format>,
    /// Further init segments of the take: nodes of other versions may write its frames in another way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) others: Vec<Format>,
    /// Groups before this one that are missing are lost.
    #[serde(default)]
    pub(crate) settled_before: u64,
    /// Whether no groups come after those that are there.
    #[serde(default)]
    pub(crate) is_over: bool,
}

/// A format of a take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    /// The type for MSE, with codecs.
    pub(crate) mime: String,
    /// What a decoder is given before the first fragment, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) init: Option<Blob>,
}

impl TakeHead {
    /// The head of a take without fragments.
    pub(crate) fn new(format: Format, alternatives: Vec<Format>) -> Self {
        Self { format, alternatives, others: Vec::new(), settled_before: 0, is_over: false }
    }

    /// Which of the formats a fragment is in; `None` if the take does not have it.
    pub(super) fn number_of(&self, format: &Format, alternatives: &[Format]) -> Option<usize> {
        let is_same = self.alternatives == alternatives;
        self.formats().position(|known| known == format).filter(|_| is_same)
    }

    /// The format of that number, or the first one.
    pub(super) fn numbered(&self, number: usize) -> &Format {
        self.formats().nth(number).unwrap_or(&self.format)
    }

    /// Whether a fragment of the take may be in this format, which it does not have yet.
    pub(super) fn takes(&self, format: &Format, alternatives: &[Format]) -> bool {
        let has_alternatives = !self.alternatives.is_empty() || !alternatives.is_empty();
        !has_alternatives && self.others.len() < MOST_OTHERS && format.container() == self.format.container()
    }

    /// The formats that fragments may be in.
    fn formats(&self) -> impl Iterator<Item = &Format> {
        std::iter::once(&self.format).chain(&self.others)
    }

    /// The init segments that it names.
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
    /// The first group of the take that it holds. In a take of a file, its index.
    #[serde(rename = "group")]
    pub(crate) first_group: u64,
    /// How many groups it holds, whole. In a take of a file, 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(crate) groups: u64,
    /// Its bytes.
    #[serde(flatten)]
    pub(crate) blob: Blob,
    /// The number of the format of the take that it is in.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) format: usize,
    /// In each alternative format of the take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) alternatives: Vec<Blob>,
    /// When it begins, in ms of the take's time.
    pub(crate) start_ms: u64,
    /// Until it ends.
    pub(crate) duration_ms: u64,
    /// Whether the take ends with it.
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

    /// Every blob that it names.
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

/// A part and the write that it comes from.
#[derive(Clone, Debug)]
pub(super) struct StoredPart {
    pub(super) part: Part,
    pub(super) revision: Revision,
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is there now.
    Taken,
    /// All of its groups were there.
    Known,
    /// Some of its groups were there.
    Overlaps,
}

/// A take as the store has it.
#[derive(Clone, Debug)]
pub(crate) struct Take {
    pub(super) head: TakeHead,
    /// The write that the head comes from.
    pub(super) revision: Revision,
    pub(super) parts: BTreeMap<u64, Arc<StoredPart>>,
}

impl Take {
    pub(super) fn new(head: TakeHead, revision: Revision) -> Self {
        Self { head, revision, parts: BTreeMap::new() }
    }

    /// Its fragments in the order of their groups. Where two servers wrote fragments that overlap, the earlier one counts.
    pub(super) fn fragments(&self) -> impl Iterator<Item = &TakeFragment> {
        shown(self.parts.values().flat_map(|stored| &stored.part.fragments))
    }

    /// How many fragments it has.
    pub(super) fn len(&self) -> usize {
        self.parts.values().map(|stored| stored.part.fragments.len()).sum()
    }

    /// The part with `fragment` in it, if it can be taken.
    pub(super) fn with(&self, part: &mut Part, fragment: &TakeFragment) -> Outcome {
        let (first, end) = (fragment.first_group, fragment.end());
        let of = |parts: Range<u64>| self.parts.range(parts).flat_map(|(_, stored)| &stored.part.fragments);
        // A fragment of the part before may reach into this one, and this one's into the next.
        let (before, after) = (of(0..fragment.part()), of(fragment.part() + 1..u64::MAX));
        let overlaps = |known: &TakeFragment| known.first_group < end && known.end() > first;
        let covered: u64 = shown(before.chain(&part.fragments).chain(after))
            .filter(|known| overlaps(known))
            .map(|known| known.end().min(end) - known.first_group.max(first))
            .sum();
        if covered == 0 {
            // What overlaps now does not count.
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

    /// The groups that it has, as ranges in order.
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

    /// Whether the other version comes from the same writes.
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
