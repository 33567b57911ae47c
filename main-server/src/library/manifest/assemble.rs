//! Assembles the manifest for players from the takes of an item. Pure.
//!
//! Takes are played one after another, without pauses. A take with a gap (groups that no node has any more)
//! becomes two takes with the same init segment; a take written by nodes of several versions becomes several,
//! each with its own init segment. The manifest of a growing item ends at the first gap that may still be
//! filled, so that its known part never changes.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use protocol::{
    ItemId,
    item::{Alternative, Blob, Fragment, GroupRange, Manifest, ManifestTake},
};

use sha2::{Digest, Sha256};

use super::take::{Take, TakeFragment};

/// The takes of an item by their numbers.
pub(crate) type Takes = BTreeMap<u64, Take>;

/// The length and size of an item's media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Length of the playable media.
    pub(crate) duration_ms: u64,
    /// Bytes of all blobs, in all formats.
    pub(crate) bytes: u64,
}

/// The groups in the takes.
pub(crate) fn recorded(takes: &Takes) -> Vec<GroupRange> {
    takes.iter().flat_map(|(number, take)| take.ranges(*number)).collect()
}

/// The identity of the media, 64 hex digits.
pub(crate) fn content_digest(takes: &Takes) -> String {
    let blobs = takes.values().flat_map(Take::fragments).map(|fragment| &fragment.blob.hash);
    let digest = blobs.fold(Sha256::new(), |digest, hash| digest.chain_update(hash));
    HEXLOWER.encode(&digest.finalize())
}

/// Length and size of the media.
pub(crate) fn totals(takes: &Takes, is_growing: bool) -> Totals {
    let duration_ms = runs(takes, is_growing).iter().map(|run| span_ms(&run.fragments)).sum();
    let inits = takes.values().flat_map(|take| take.head.inits());
    let fragments = takes.values().flat_map(Take::fragments).flat_map(TakeFragment::blobs);
    Totals { duration_ms, bytes: inits.chain(fragments).fold(0, |sum, blob| blob.bytes.saturating_add(sum)) }
}

/// The manifest of an item.
pub(crate) fn assemble(item_id: ItemId, takes: &Takes, is_growing: bool) -> Manifest {
    let mut begins_ms = 0;
    let runs = runs(takes, is_growing);
    let takes = runs.iter().map(|run| {
        let take = run.manifest_take(begins_ms);
        begins_ms += span_ms(&run.fragments);
        take
    });
    Manifest { item_id, is_growing, takes: takes.collect() }
}

/// Consecutive fragments of one take and one format.
struct Run<'a> {
    take: &'a Take,
    fragments: Vec<&'a TakeFragment>,
}

fn runs(takes: &Takes, is_growing: bool) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut is_first_take = true;
    for take in takes.values() {
        // The recording may begin within a take.
        let mut next = if is_first_take { None } else { Some(0) };
        let mut fragments: Vec<&TakeFragment> = Vec::new();
        for fragment in take.fragments() {
            let is_behind_hole = next.is_some_and(|next| next != fragment.first_group);
            let is_other = fragments.last().is_some_and(|last| last.format != fragment.format);
            if (is_behind_hole && !fragments.is_empty()) || is_other {
                runs.push(Run { take, fragments: std::mem::take(&mut fragments) });
            }
            if is_behind_hole && is_growing && fragment.first_group > take.head.settled_before {
                return runs;
            }
            next = Some(fragment.end());
            fragments.push(fragment);
        }
        let ends = take.head.is_over || fragments.last().is_some_and(|last| last.ends_take);
        if !fragments.is_empty() {
            runs.push(Run { take, fragments });
            is_first_take = false;
        }
        if is_growing && !ends {
            return runs;
        }
    }
    runs
}

/// From the beginning of the first fragment to the end of the last one.
fn span_ms(fragments: &[&TakeFragment]) -> u64 {
    let (Some(first), Some(last)) = (fragments.first(), fragments.last()) else { return 0 };
    last.start_ms.saturating_add(last.duration_ms).saturating_sub(first.start_ms)
}

impl Run<'_> {
    /// The run as a take that begins at `begins_ms` of the item.
    fn manifest_take(&self, begins_ms: u64) -> ManifestTake {
        let (first_ms, number) =
            self.fragments.first().map_or((0, 0), |first| (first.start_ms, first.format));
        let head = &self.take.head;
        let format = head.numbered(number);
        let of_format = |blob: fn(&TakeFragment, usize) -> Option<&Blob>, format: usize| {
            let with_next = self.fragments.iter().zip(self.fragments.iter().skip(1).map(Some).chain([None]));
            with_next
                .filter_map(|(fragment, next)| {
                    let end_ms = next
                        .map_or(fragment.start_ms.saturating_add(fragment.duration_ms), |next| next.start_ms);
                    Some(Fragment {
                        blob: blob(fragment, format)?.clone(),
                        start_ms: fragment.start_ms.saturating_sub(first_ms).saturating_add(begins_ms),
                        duration_ms: end_ms.saturating_sub(fragment.start_ms),
                    })
                })
                .collect::<Vec<_>>()
        };
        let alternatives = head.alternatives.iter().enumerate().map(|(index, format)| Alternative {
            mime: format.mime.clone(),
            init: format.init.clone(),
            fragments: of_format(|fragment, index| fragment.alternatives.get(index), index),
        });
        ManifestTake {
            mime: format.mime.clone(),
            init: format.init.clone(),
            fragments: of_format(|fragment, _| Some(&fragment.blob), 0),
            offset_ms: begins_ms.cast_signed().saturating_sub(first_ms.cast_signed()),
            alternatives: alternatives.collect(),
        }
    }
}
