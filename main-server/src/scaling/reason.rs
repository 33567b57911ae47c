//! The sentence that says why: what the nodes carry, what would be if one were lost, what follows.

use std::{cmp::Ordering, fmt, time::Duration};

use super::load::{Total, WHOLE};

/// All that the sentence names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// What the nodes carry.
    pub(super) total: Total,
    /// Percent beyond which more are wanted.
    pub(super) full: u8,
    /// Nodes wanted by the load alone.
    pub(super) unbounded: u32,
    /// Nodes wanted, within what the asker allows.
    pub(super) wanted: u32,
    /// How many would be enough, and for how long that has to stay so.
    pub(super) calm: Option<(u32, Duration)>,
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.carried(f)?;
        self.with_one_lost(f)?;
        write!(f, "; {} wanted", self.unbounded)?;
        if let Some((enough, left)) = self.calm {
            write!(f, ", {enough} if it stays so for {} s", left.as_millis().div_ceil(1000))?;
        }
        match self.wanted.cmp(&self.unbounded) {
            Ordering::Less => write!(f, ", at most {} allowed", self.wanted)?,
            Ordering::Greater => write!(f, ", at least {} asked for", self.wanted)?,
            Ordering::Equal => {}
        }
        match (self.wanted, self.total.nodes) {
            (wanted, nodes) if wanted > nodes => write!(f, ", {} to start", wanted - nodes),
            (wanted, nodes) if wanted < nodes => write!(f, ", {} may go", nodes - wanted),
            _ => Ok(()),
        }
    }
}

impl Facts {
    fn carried(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Total { nodes, streams, viewers, carries, .. } = self.total;
        match nodes {
            0 => write!(f, "no node is live"),
            _ if !carries => write!(f, "{} with nothing to carry", count(nodes, "node")),
            _ => {
                let (nodes, streams) = (count(nodes, "node"), count(streams, "stream"));
                write!(f, "{nodes} with {streams} and {}", count(viewers, "viewer"))
            }
        }
    }

    fn with_one_lost(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.total.carries {
            return Ok(());
        }
        let Some(share) = self.total.without_one(self.total.nodes) else {
            return write!(f, ", with no other node to take over");
        };
        write!(f, ": if one died, the rest would be {} % full", percent(share))?;
        if share > super::share(self.full) { write!(f, ", above {} %", self.full) } else { Ok(()) }
    }
}

fn count(number: impl Into<u64>, of: &str) -> String {
    match number.into() {
        1 => format!("1 {of}"),
        number => format!("{number} {of}s"),
    }
}

fn percent(share: u64) -> u64 {
    share.div_ceil(WHOLE / 100)
}
