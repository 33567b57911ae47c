//! What a node keeps of the window of a stream between requests: where its takes lie on one time line, and the names of groups. Pure.

use std::collections::{BTreeMap, HashMap};

use objects::Hash;
use protocol::item::{Blob, GroupName};

use super::groups::Group;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// What to add to the times of a take, in ms.
    offsets: BTreeMap<u64, i64>,
    /// Where the last group ended that was ever there.
    end_ms: i64,
    blobs: HashMap<GroupName, Blob>,
}

impl Timeline {
    /// Takes note of the groups that there are, and forgets those that left the window. The first group that was ever there begins
    /// at 0, a take at the end of the take before it.
    pub(super) fn follow(&mut self, groups: &[Group]) {
        for group in groups {
            let begins = self.end_ms - to_i64(group.start_ms);
            let offset_ms = *self.offsets.entry(group.name.take).or_insert(begins);
            self.end_ms = self.end_ms.max(to_i64(group.end_ms) + offset_ms);
        }
        self.offsets.retain(|take, _| groups.iter().any(|group| group.name.take == *take));
        self.blobs.retain(|name, _| groups.iter().any(|group| group.name == *name));
    }

    /// What to add to the times of a take, in ms.
    pub(super) fn offset_ms(&self, take: u64) -> i64 {
        self.offsets.get(&take).copied().unwrap_or_default()
    }

    /// The name of a group's media, if it is known.
    pub(super) fn blob(&self, name: GroupName) -> Option<&Blob> {
        self.blobs.get(&name)
    }

    /// The group with this name of its media, and the bytes of that.
    pub(super) fn find(&self, hash: &str) -> Option<(GroupName, u64)> {
        self.blobs.iter().find(|(_, blob)| blob.hash == hash).map(|(name, blob)| (*name, blob.bytes))
    }

    /// Names a group by its media.
    pub(super) fn name(&mut self, name: GroupName, media: &[u8]) -> Blob {
        let blob = blob_of(media);
        self.blobs.insert(name, blob.clone());
        blob
    }
}

/// The name of some bytes.
pub(super) fn blob_of(bytes: &[u8]) -> Blob {
    Blob { hash: Hash::of(bytes).to_string(), bytes: bytes.len() as u64 }
}

fn to_i64(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX / 4)
}
