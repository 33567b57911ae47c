//! What placement is asked and what it answers: nodes in order, each with its role and the reason in words, or a refusal.

use std::fmt;

use serde::Serialize;

use crate::{nodes::Nodes, share::WHOLE};

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Public URLs of nodes the client just lost: it was served until now, and may go a little past a node's limit.
    pub avoid: &'a [String],
    /// The region that is tried before all others. If no node there has room, any node serves.
    pub region: Option<&'a str>,
    /// How many nodes the answer may name.
    pub at_most: usize,
}

impl Request<'_> {
    /// The parts of the fleet to try, one after the other; `None` is all of it.
    pub(crate) fn regions(&self) -> impl Iterator<Item = Option<&str>> {
        self.region.map(Some).into_iter().chain([None])
    }
}

/// A node that is to be named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick {
    pub(crate) slot: u32,
    pub(crate) role: Role,
    pub(crate) reason: Reason,
}

/// Where to go: the first choice, then standbys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Best first; never empty.
    pub nodes: Vec<Choice>,
}

impl Decision {
    pub(crate) fn new(nodes: &Nodes, picks: &[Pick]) -> Self {
        let choice = |pick: &Pick| {
            let node = nodes.node(pick.slot);
            Choice {
                hostname: node.name.to_string(),
                public_url: node.public_url.clone(),
                role: pick.role,
                reason: pick.reason,
            }
        };
        Self { nodes: picks.iter().map(choice).collect() }
    }
}

/// One node of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Its name.
    pub hostname: String,
    /// Where clients reach it.
    pub public_url: String,
    /// What it is to the stream.
    pub role: Role,
    /// Why it was chosen, in words.
    pub reason: Reason,
}

/// What a chosen node is, or becomes, to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It takes the stream in.
    Origin,
    /// It has the stream.
    Carrier,
    /// It does not have the stream and will pull it from a carrier.
    Edge,
}

/// Why a node was chosen. Shares are parts of [`WHOLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It carries the stream and has headroom.
    Headroom {
        /// What is taken of its limit.
        share: u32,
        /// Where headroom ends now.
        threshold: u32,
    },
    /// No carrier has headroom, and this is the least-loaded other node.
    Relieves {
        /// What is taken of its limit.
        share: u32,
        /// Where headroom ends now.
        threshold: u32,
    },
    /// No node has headroom; it carries the stream and is not full.
    Room(u32),
    /// The policy spreads viewers over all nodes, and it is the least-loaded one.
    LeastLoaded(u32),
    /// The broadcaster is missing; it has the stream's last seconds and waits.
    Waits,
    /// The stream was placed on it, and no other fit node carries it.
    Placed,
    /// It carries the stream already, so the broadcaster continues without a new take.
    GoesOn,
    /// Viewers that lost their node are sent there.
    Awaits,
    /// It has so many streams, the fewest.
    FewestStreams(u32),
    /// For when those before it are lost.
    Standby,
    /// The client lost it a moment ago; there is nothing better.
    Avoided,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Headroom { share, threshold } => write!(
                f,
                "carries the stream at {} of its limit, the least-loaded carrier below {}",
                Percent(share),
                Percent(threshold)
            ),
            Self::Relieves { share, threshold } => write!(
                f,
                "no carrier has headroom below {} of its limit; the least-loaded other node, at {}",
                Percent(threshold),
                Percent(share)
            ),
            Self::Room(share) => {
                write!(f, "no node has headroom; carries the stream and has room, at {}", Percent(share))
            }
            Self::LeastLoaded(share) => {
                write!(f, "the least-loaded node, at {} of its limit", Percent(share))
            }
            Self::Waits => f.write_str("has the stream's last seconds and waits for the broadcaster"),
            Self::Placed => f.write_str("the stream was placed on it, and no node carries it yet"),
            Self::GoesOn => f.write_str("carries the stream: it goes on there without a new take"),
            Self::Awaits => f.write_str("viewers who lost their node are sent there"),
            Self::FewestStreams(streams) => write!(f, "has the fewest streams, {streams}"),
            Self::Standby => f.write_str("standby"),
            Self::Avoided => f.write_str("the client just lost it, and there is nothing better"),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A share for people.
struct Percent(u32);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", f64::from(self.0) * 100.0 / f64::from(WHOLE))
    }
}

/// Why no node was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No live node carries the stream or is expected to, or there is no live node.
    #[error("no healthy node can take this now: try again in a moment")]
    NoNode,
    /// There are nodes, and all are as loaded as they may be.
    #[error("all nodes are at their limits: try again in a moment")]
    NoCapacity,
}
