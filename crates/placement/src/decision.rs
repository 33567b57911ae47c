//! What placement answers: nodes in order, each with its role and the reason in words, or why there is none.

use std::fmt;

use serde::Serialize;

use super::load::WHOLE;

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Public URLs of nodes the client just lost: it was served until now, and may go a little past a node's limit.
    pub avoid: &'a [String],
    /// Where it would like to be served from.
    pub region: Option<&'a str>,
    /// How many nodes the answer may name.
    pub at_most: usize,
}

/// Where to go: the first choice, then standbys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Best first; never empty.
    pub nodes: Vec<Choice>,
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
        /// What no carrier is below.
        threshold: u32,
    },
    /// Nobody has headroom; it carries the stream and is not full.
    Room(u32),
    /// The policy spreads viewers over all nodes, and it is the least-loaded one.
    LeastLoaded(u32),
    /// Its broadcaster is missing; it has the stream's last seconds and waits.
    Waits,
    /// The stream was given to it, and nobody else carries it or is fit to.
    Placed,
    /// It carries the stream already, so the broadcaster goes on without a new take.
    GoesOn,
    /// Viewers who lost their node are sent there.
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
                "no carrier is below {} of its limit; the least-loaded other node, at {}",
                Percent(threshold),
                Percent(share)
            ),
            Self::Room(share) => {
                write!(f, "nobody has headroom; carries the stream and has room, at {}", Percent(share))
            }
            Self::LeastLoaded(share) => {
                write!(f, "the least-loaded node, at {} of its limit", Percent(share))
            }
            Self::Waits => f.write_str("has the stream's last seconds and waits for the broadcaster"),
            Self::Placed => f.write_str("the stream was given to it, and nobody carries it yet"),
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

/// Why nobody was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No live node has to do with the stream, or there is none at all.
    #[error("no healthy node can take this now: try again in a moment")]
    NoNode,
    /// There are nodes, and all are as loaded as they may be.
    #[error("every node is as loaded as it may be: try again in a moment")]
    NoCapacity,
}
