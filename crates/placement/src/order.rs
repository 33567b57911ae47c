//! Nodes in the order of a rank, everywhere and per region. A change of rank costs a logarithm of the nodes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Nodes are known by their slot; the smaller the rank, the better.
#[derive(Clone, Debug)]
pub(crate) struct Order<Rank> {
    everywhere: BTreeSet<(Rank, u32)>,
    regions: HashMap<Arc<str>, BTreeSet<(Rank, u32)>>,
}

impl<Rank> Default for Order<Rank> {
    fn default() -> Self {
        Self { everywhere: BTreeSet::new(), regions: HashMap::new() }
    }
}

impl<Rank: Ord + Clone> Order<Rank> {
    pub(crate) fn insert(&mut self, rank: Rank, slot: u32, region: Option<&Arc<str>>) {
        if let Some(region) = region {
            self.regions.entry(Arc::clone(region)).or_default().insert((rank.clone(), slot));
        }
        self.everywhere.insert((rank, slot));
    }

    pub(crate) fn remove(&mut self, rank: Rank, slot: u32, region: Option<&Arc<str>>) {
        let entry = (rank, slot);
        self.everywhere.remove(&entry);
        let Some((region, nodes)) = region.and_then(|name| Some((name, self.regions.get_mut(name)?))) else {
            return;
        };
        nodes.remove(&entry);
        if nodes.is_empty() {
            self.regions.remove(region);
        }
    }

    /// Best first: the slots of the nodes in `region`, or of all.
    pub(crate) fn best(&self, region: Option<&str>) -> impl Iterator<Item = u32> {
        let nodes = match region {
            Some(region) => self.regions.get(region),
            None => Some(&self.everywhere),
        };
        nodes.into_iter().flatten().map(|(_, slot)| *slot)
    }
}
