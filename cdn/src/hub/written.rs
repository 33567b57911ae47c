//! How far the node's recorder has written a stream, so that what it has not written is not acknowledged.
//!
//! Written means handed to the operating system: a process that is killed loses nothing of it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

/// How long an acknowledgement waits for a recorder at most. After that none waits until the recorder has caught up.
const WAIT: Duration = Duration::from_secs(1);
/// The stream is not recorded.
const NOT_RECORDED: u64 = u64::MAX;
/// The recorder is too slow to be waited for.
const BEHIND: u64 = u64::MAX - 1;

/// See the [module](self).
pub(super) struct Written {
    /// The position in the ring up to which everything is written, or cannot be.
    end: AtomicU64,
    advanced: Notify,
}

/// Runs of a recorded stream that may not be written yet.
pub struct Unwritten {
    written: Arc<Written>,
    end: u64,
}

impl Default for Written {
    fn default() -> Self {
        Self { end: AtomicU64::new(NOT_RECORDED), advanced: Notify::new() }
    }
}

impl Written {
    /// Whether the stream is recorded here.
    pub(super) fn is_recorded(&self) -> bool {
        self.end.load(Acquire) != NOT_RECORDED
    }

    /// The recorder wrote everything before `end`. A recorder that is behind is waited for only once it `has_caught_up`.
    pub(super) fn advance(&self, end: u64, has_caught_up: bool) {
        let advanced = |now: u64| (has_caught_up || now != BEHIND).then_some(end);
        if self.end.fetch_update(AcqRel, Acquire, advanced).is_ok() {
            self.advanced.notify_waiters();
        }
    }

    /// The stream is not recorded any more.
    pub(super) fn release(&self) {
        self.end.store(NOT_RECORDED, Release);
        self.advanced.notify_waiters();
    }

    async fn until(&self, end: u64) {
        loop {
            // Hears of what happens from here on.
            let advanced = self.advanced.notified();
            if self.end.load(Acquire) >= end {
                return;
            }
            advanced.await;
        }
    }

    /// Nothing waits until the recorder has caught up. Returns whether anything did.
    fn fall_behind(&self) -> bool {
        let behind = |now: u64| (now < BEHIND).then_some(BEHIND);
        let fell = self.end.fetch_update(AcqRel, Acquire, behind).is_ok();
        self.advanced.notify_waiters();
        fell
    }
}

impl fmt::Debug for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unwritten").field("end", &self.end).finish_non_exhaustive()
    }
}

impl Unwritten {
    /// What comes before position `end` of the ring.
    pub(super) fn new(written: Arc<Written>, end: u64) -> Self {
        Self { written, end }
    }

    /// Waits until the recorder has written the runs, cannot, does not record the stream any more, or is too slow. Returns false if it
    /// is too slow, once until it has caught up.
    pub async fn written(self) -> bool {
        timeout(WAIT, self.written.until(self.end)).await.is_ok() || !self.written.fall_behind()
    }
}
