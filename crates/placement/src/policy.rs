//! The policies an operator can choose from, by name.

use std::str::FromStr;

/// How a fleet decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// For broadcasters.
    pub broadcasters: BroadcasterPolicy,
    /// For viewers.
    pub viewers: ViewerPolicy,
}

/// Which node a new stream goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BroadcasterPolicy {
    /// The one with the fewest streams, ties by egress, then by name.
    #[default]
    FewestStreams,
    /// The one with the smallest share of its limit taken, ties by streams, then by name: for few streams whose audiences differ much.
    LeastEgress,
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
    /// One that carries the stream and has headroom; if none has, another one becomes an edge.
    #[default]
    CarriersFirst,
    /// The one with the smallest share of its limit taken, whether it carries the stream or not.
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
    "unknown policy {0:?}: fewest-streams or least-egress for broadcasters, carriers-first or least-egress for viewers"
)]
pub struct UnknownPolicy(String);
