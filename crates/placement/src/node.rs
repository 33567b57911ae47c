//! One live node as placement sees it.

use std::sync::Arc;

use protocol::{StreamId, node::Capacity};

use super::{Policies, load::Burden, order::Place};

/// What a node says of itself when it registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec<'a> {
    /// Its name, unique.
    pub hostname: &'a str,
    /// Where clients reach it; never ends in a slash.
    pub public_url: &'a str,
    /// Where other nodes reach it, if not there.
    pub peer_url: Option<&'a str>,
    /// What its operator allows it to take.
    pub capacity: Capacity,
    /// Where it stands.
    pub region: Option<&'a str>,
}

/// Streams that belong on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Placed {
    /// All that are not over.
    pub(super) all: u32,
    /// Those among them that media has arrived for: only they take one of the places that its operator allows.
    pub(super) started: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) name: Arc<str>,
    pub(super) public_url: String,
    pub(super) peer_url: Option<String>,
    pub(super) capacity: Capacity,
    pub(super) region: Option<Arc<str>>,
    pub(super) burden: Burden,
    /// Streams placed on it that are not over.
    pub(super) placed: Placed,
    /// Streams it carries or is about to, sorted.
    pub(super) carries: Vec<StreamId>,
    /// [`Burden::share`] as it stands in the orders.
    pub(super) share: u32,
    /// Where it stands in the order for broadcasters.
    pub(super) for_broadcasters: Place,
    /// Where it stands in the order by load.
    pub(super) by_load: Place,
}

impl Node {
    pub(super) fn new(spec: &Spec<'_>, slot: u32, placed: Placed) -> Self {
        let name: Arc<str> = spec.hostname.into();
        let nowhere = Place::new((0, 0), &name, slot);
        Self {
            public_url: spec.public_url.to_owned(),
            peer_url: spec.peer_url.map(str::to_owned),
            capacity: spec.capacity,
            region: spec.region.map(Arc::from),
            burden: Burden::default(),
            placed,
            carries: Vec::new(),
            share: 0,
            for_broadcasters: nowhere.clone(),
            by_load: nowhere,
            name,
        }
    }

    pub(super) fn is(&self, spec: &Spec<'_>) -> bool {
        self.public_url == spec.public_url
            && self.peer_url.as_deref() == spec.peer_url
            && self.capacity == spec.capacity
            && self.region.as_deref() == spec.region
    }

    /// Works out the places anew; true if one of them changed.
    pub(super) fn settle(&mut self, policies: &Policies) -> bool {
        self.share = self.burden.share(&self.capacity);
        let slot = self.by_load.slot();
        let by_load = Place::new(super::least_egress::rank(self), &self.name, slot);
        let for_broadcasters = Place::new(policies.broadcasters.rank(self), &self.name, slot);
        let changed = by_load != self.by_load || for_broadcasters != self.for_broadcasters;
        self.by_load = by_load;
        self.for_broadcasters = for_broadcasters;
        changed
    }

    pub(super) fn is_avoided(&self, avoid: &[String]) -> bool {
        avoid.iter().any(|url| url.trim_end_matches('/') == self.public_url)
    }
}
