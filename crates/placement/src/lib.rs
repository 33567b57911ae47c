//! Where a broadcaster, a viewer or a relay goes: what the nodes report and a request in, an ordered choice out.
//!
//! Pure: no clock, lock or socket; `now` is an argument. A [`Fleet`] is told what happens (nodes that come, report and go,
//! streams that are placed and end) and keeps it in the orders that decisions need, so that a decision looks at a
//! few nodes of ten thousand. One policy per file: `fewest_streams` and `least_egress` order nodes for
//! broadcasters, `carriers_first` and `least_egress` choose for viewers; `capacity` and `region` hold for all;
//! `tree` settles whom a new edge pulls from, and `sources` tells edges that ask.

mod broadcasters;
mod capacity;
mod carriers_first;
mod decision;
mod fewest_streams;
mod fleet;
mod least_egress;
mod load;
mod node;
mod order;
mod region;
mod sources;
mod stream;
#[cfg(test)]
mod tests;
mod tree;
mod viewers;

pub use decision::{Ask, Choice, Decision, Reason, Refusal, Role};
pub use fleet::{Fleet, Standing};
pub use load::{FULL_PROCESSOR_PERMILLE, SETTLE, UNKNOWN_LIMIT, WHOLE};
pub use node::Spec;

use std::str::FromStr;

use node::Node;
use order::Rank;
use protocol::node::MOST_HOPS;

/// How a fleet decides. Shares are parts of [`WHOLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policies {
    /// For broadcasters.
    pub broadcasters: BroadcasterPolicy,
    /// For viewers.
    pub viewers: ViewerPolicy,
    /// Below this share of its limit a node always has headroom, so small streams stay on one node; one fifth.
    pub calm: u32,
    /// How far above the fleet's mean load a node has headroom still; 6 %.
    pub slack: u32,
    /// How far above where its headroom ends a node may be for the sake of relays; 6 %.
    pub feeding: u32,
    /// Above this share no node has headroom; 85 %.
    pub tight: u32,
    /// Most nodes that pull one stream from one node; 16, as nodes allow.
    pub fan_out: u32,
    /// Most hops from a stream's origin; 3, as nodes allow.
    pub depth: usize,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            broadcasters: BroadcasterPolicy::default(),
            viewers: ViewerPolicy::default(),
            calm: WHOLE / 5,
            slack: WHOLE / 100 * 6,
            feeding: WHOLE / 100 * 6,
            tight: WHOLE / 100 * 85,
            fan_out: 16,
            depth: MOST_HOPS,
        }
    }
}

impl Policies {
    /// Where headroom ends while the fleet's mean share is `mean`.
    fn threshold(&self, mean: u32) -> u32 {
        above(mean, self.slack).clamp(self.calm, self.tight)
    }

    /// Up to where relays are let in first while the fleet's mean share is `mean`.
    fn ceiling(&self, mean: u32) -> u32 {
        above(self.threshold(mean), self.feeding)
    }
}

fn above(mean: u32, by: u32) -> u32 {
    let above = u64::from(mean) * u64::from(WHOLE + by) / u64::from(WHOLE);
    u32::try_from(above).unwrap_or(u32::MAX)
}

/// Which node a new stream goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BroadcasterPolicy {
    /// The one with the fewest streams, ties by egress.
    #[default]
    FewestStreams,
    /// The one with most of its limit left.
    LeastEgress,
}

impl BroadcasterPolicy {
    fn rank(self, node: &Node) -> Rank {
        match self {
            Self::FewestStreams => fewest_streams::rank(node),
            Self::LeastEgress => least_egress::rank(node),
        }
    }

    fn reason(self, node: &Node) -> Reason {
        match self {
            Self::FewestStreams => Reason::FewestStreams(node.placed.all),
            Self::LeastEgress => Reason::LeastLoaded(node.share),
        }
    }
}

impl FromStr for BroadcasterPolicy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        match name {
            "fewest-streams" => Ok(Self::FewestStreams),
            "least-egress" => Ok(Self::LeastEgress),
            _ => Err(UnknownPolicy(name.into())),
        }
    }
}

/// Which node a viewer goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ViewerPolicy {
    /// One that carries the stream and has headroom; when there is none, another one becomes an edge.
    #[default]
    CarriersFirst,
    /// The one with most of its limit left, whether it carries the stream or not.
    LeastEgress,
}

impl FromStr for ViewerPolicy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        match name {
            "carriers-first" => Ok(Self::CarriersFirst),
            "least-egress" => Ok(Self::LeastEgress),
            _ => Err(UnknownPolicy(name.into())),
        }
    }
}

/// No policy has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no policy {0:?}: fewest-streams or least-egress for broadcasters, carriers-first or least-egress for viewers"
)]
pub struct UnknownPolicy(String);
