//! The nodes in the order of a rank, everywhere and per region, kept up to date as ranks change.
//!
//! Looking up the best costs a step per node looked at, a change of rank a logarithm of the nodes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The smaller, the better.
pub(super) type Rank = (u64, u64);

/// A node's place: rank, then name, so that the order is total and the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    rank: Rank,
    name: Arc<str>,
    slot: u32,
}

impl Place {
    pub(super) fn new(rank: Rank, name: &Arc<str>, slot: u32) -> Self {
        Self { rank, name: Arc::clone(name), slot }
    }

    pub(super) fn rank(&self) -> Rank {
        self.rank
    }

    pub(super) fn slot(&self) -> u32 {
        self.slot
    }
}

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    everywhere: BTreeSet<Place>,
    regions: HashMap<Arc<str>, BTreeSet<Place>>,
}

impl Order {
    pub(super) fn insert(&mut self, place: Place, region: Option<&Arc<str>>) {
        if let Some(region) = region {
            self.regions.entry(Arc::clone(region)).or_default().insert(place.clone());
        }
        self.everywhere.insert(place);
    }

    pub(super) fn remove(&mut self, place: &Place, region: Option<&Arc<str>>) {
        self.everywhere.remove(place);
        let Some((region, places)) = region.and_then(|name| Some((name, self.regions.get_mut(name)?))) else {
            return;
        };
        places.remove(place);
        if places.is_empty() {
            self.regions.remove(region);
        }
    }

    /// The slots, best first: those in `region`, or all.
    pub(super) fn best(&self, region: Option<&str>) -> impl Iterator<Item = u32> {
        let places = match region {
            Some(region) => self.regions.get(region),
            None => Some(&self.everywhere),
        };
        places.into_iter().flatten().map(Place::slot)
    }
}
