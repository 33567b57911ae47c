//! One live node as placement sees it.

use std::sync::Arc;

use protocol::{StreamId, node::Capacity};

use crate::load::ExpectedLoad;

/// What a node says of itself when it registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeSpec<'a> {
    /// Its name, unique.
    pub hostname: &'a str,
    /// Where clients reach it; never ends in a slash.
    pub public_url: &'a str,
    /// Where other nodes reach it, if not there.
    pub peer_url: Option<&'a str>,
    /// Limits that its operator configured.
    pub capacity: Capacity,
    /// The operator's label for where it stands.
    pub region: Option<&'a str>,
}

/// Numbers of streams that belong on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placed {
    /// All that have not ended.
    pub(crate) all: u32,
    /// Those among them that media has arrived for.
    pub(crate) started: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: Arc<str>,
    pub(crate) public_url: String,
    pub(crate) peer_url: Option<String>,
    pub(crate) capacity: Capacity,
    pub(crate) region: Option<Arc<str>>,
    pub(crate) load: ExpectedLoad,
    pub(crate) placed: Placed,
    /// Streams it carries or is about to, sorted.
    pub(crate) carries: Vec<StreamId>,
}

impl Node {
    pub(crate) fn new(spec: &NodeSpec<'_>, placed: Placed) -> Self {
        Self {
            name: spec.hostname.into(),
            public_url: spec.public_url.to_owned(),
            peer_url: spec.peer_url.map(str::to_owned),
            capacity: spec.capacity,
            region: spec.region.map(Arc::from),
            load: ExpectedLoad::default(),
            placed,
            carries: Vec::new(),
        }
    }

    pub(crate) fn matches(&self, spec: &NodeSpec<'_>) -> bool {
        self.public_url == spec.public_url
            && self.peer_url.as_deref() == spec.peer_url
            && self.capacity == spec.capacity
            && self.region.as_deref() == spec.region
    }

    /// Whether it is one of the nodes that a client just lost.
    pub(crate) fn is_avoided(&self, avoid: &[String]) -> bool {
        avoid.iter().any(|url| url.trim_end_matches('/') == self.public_url)
    }

    /// Whether it lies in `region`, where one is asked for.
    pub(crate) fn is_in(&self, region: Option<&str>) -> bool {
        region.is_none_or(|region| self.region.as_deref() == Some(region))
    }
}
