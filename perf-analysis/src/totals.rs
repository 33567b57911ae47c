//! Counts what the viewers of a trial received.

use serde::{Deserialize, Serialize};

/// Counters over the whole stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Bytes of chunks that viewers received completely, over all viewers.
    pub delivered_bytes: u64,
    /// Chunks that viewers received completely.
    pub delivered: u64,
    /// Chunks whose bytes were not the expected ones.
    pub corrupt: u64,
    /// Chunks a viewer received again.
    pub repeated: u64,
    /// Chunks under a name that was never published.
    pub unexpected: u64,
}

impl Totals {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            delivered_bytes: self.delivered_bytes + other.delivered_bytes,
            delivered: self.delivered + other.delivered,
            corrupt: self.corrupt + other.corrupt,
            repeated: self.repeated + other.repeated,
            unexpected: self.unexpected + other.unexpected,
        }
    }
}
