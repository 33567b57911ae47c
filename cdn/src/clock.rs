//! The node's clock, read at the edges and handed inwards as a value.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Milliseconds since the node started; never runs backwards.
    pub(crate) ms: u64,
    /// Milliseconds since the Unix epoch: the server clock that capture times refer to.
    pub(crate) unix_ms: i64,
}

impl Now {
    /// Seconds since the Unix epoch, as grants count them.
    pub(crate) fn unix_s(self) -> u64 {
        u64::try_from(self.unix_ms / 1000).unwrap_or(0)
    }
}

/// Counts from when it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Now {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            ms: u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX),
            unix_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
        }
    }
}
