//! The most recently used manifests, bounded by the number of their fragments.

use std::{collections::HashMap, sync::Arc};

use protocol::ItemId;

use super::assemble::Takes;

/// Most fragments of all cached manifests together, about 60 MiB.
const MOST_FRAGMENTS: usize = 200_000;

/// The media of an item, as read at one moment.
#[derive(Debug, Default)]
pub(crate) struct Cached {
    /// The value of [`Record::media_version`](crate::library::record::Record::media_version) before reading;
    /// the takes may be newer.
    pub(crate) version: u64,
    /// The takes.
    pub(crate) takes: Takes,
}

impl Cached {
    /// Its weight in the cache; an item without fragments has some, too.
    fn weight(&self) -> usize {
        1 + self.takes.values().map(|take| 1 + take.len()).sum::<usize>()
    }
}

#[derive(Debug, Default)]
struct Slot {
    manifest: Arc<Cached>,
    weight: usize,
    used: u64,
}

/// The cache of manifests.
#[derive(Debug, Default)]
pub(super) struct Cache {
    slots: HashMap<ItemId, Slot>,
    weight: usize,
    uses: u64,
}

impl Cache {
    /// The manifest of an item, if it is cached in this version.
    pub(super) fn get(&mut self, item_id: ItemId, version: u64) -> Option<Arc<Cached>> {
        self.uses += 1;
        let slot = self.slots.get_mut(&item_id).filter(|slot| slot.manifest.version == version)?;
        slot.used = self.uses;
        Some(Arc::clone(&slot.manifest))
    }

    /// Adds a manifest, and removes the least recently used ones beyond the limit.
    pub(super) fn put(&mut self, item_id: ItemId, manifest: Arc<Cached>) {
        self.remove(item_id);
        self.uses += 1;
        let weight = manifest.weight();
        self.slots.insert(item_id, Slot { manifest, weight, used: self.uses });
        self.weight += weight;
        while self.weight > MOST_FRAGMENTS
            && self.slots.len() > 1
            && let Some(oldest) = self.slots.iter().min_by_key(|(_, slot)| slot.used).map(|(id, _)| *id)
        {
            self.remove(oldest);
        }
    }

    /// Removes a manifest.
    pub(super) fn remove(&mut self, item_id: ItemId) {
        if let Some(slot) = self.slots.remove(&item_id) {
            self.weight -= slot.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use store::Revision;

    use super::*;
    use crate::library::manifest::take::{Format, Take, TakeHead};

    #[test]
    fn those_that_were_not_asked_for_longest_make_room() {
        let head = || TakeHead::new(Format { mime: "audio/mp4".into(), init: None }, vec![]);
        let takes: Takes =
            (0..MOST_FRAGMENTS as u64 / 3).map(|n| (n, Take::new(head(), Revision(1)))).collect();
        let large = Arc::new(Cached { version: 1, takes });
        let ids = [1, 2, 3].map(|byte| ItemId::from_bytes([byte; 16]));
        let mut cache = Cache::default();
        cache.put(ids[0], Arc::clone(&large));
        cache.put(ids[1], Arc::clone(&large));
        assert!(cache.get(ids[0], 1).is_some() && cache.get(ids[0], 2).is_none());
        cache.put(ids[2], large);
        assert!(cache.get(ids[0], 1).is_some() && cache.get(ids[1], 1).is_none());
        for id in ids {
            cache.remove(id);
        }
        assert_eq!((cache.weight, cache.slots.len()), (0, 0));
    }
}
