//! The time, read once per request or tick and handed down as a value, so that everything below is testable.

use std::{
    ops::Add,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// One moment on two clocks: leases and deadlines count on the one that never jumps, what people and other
/// programs read is in Unix time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For deadlines.
    pub(crate) instant: Instant,
    /// Since the Unix epoch.
    pub(crate) unix: Duration,
}

impl Now {
    /// Reads both clocks. A system clock set before 1970 counts as 1970.
    pub(crate) fn read() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { instant: Instant::now(), unix }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn unix_ms(&self) -> u64 {
        u64::try_from(self.unix.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Add<Duration> for Now {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self { instant: self.instant + later, unix: self.unix + later }
    }
}
