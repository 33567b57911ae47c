//! How far a stream is written to the recorder's disk and to the sockets of relays, so that what is not is not acknowledged.
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

/// How long an acknowledgement waits at most. After that none waits for what was too slow until it has caught up.
const WAIT: Duration = Duration::from_secs(1);
/// The stream is not recorded, or the relay is gone.
const NOT_RECORDED: u64 = u64::MAX;
/// It is too slow to be waited for.
const BEHIND: u64 = u64::MAX - 1;

/// How far the recorder is, or one relay.
pub(super) struct Written {
    /// The position in the ring up to which everything is written, or cannot be.
    end: AtomicU64,
    advanced: Notify,
}

/// Runs of a recorded stream that may not be written yet.
pub struct Unwritten {
    recorder: Arc<Written>,
    relays: Vec<Arc<Written>>,
    end: u64,
}

impl Default for Written {
    fn default() -> Self {
        Self { end: AtomicU64::new(NOT_RECORDED), advanced: Notify::new() }
    }
}

impl Written {
    /// Of something that is not waited for before it has caught up once.
    pub(super) fn behind() -> Self {
        Self { end: AtomicU64::new(BEHIND), advanced: Notify::new() }
    }

    /// Whether the stream is recorded here.
    pub(super) fn is_recorded(&self) -> bool {
        self.end.load(Acquire) != NOT_RECORDED
    }

    /// Everything before `end` is written. What is behind is waited for only once it `has_caught_up`.
    pub(super) fn advance(&self, end: u64, has_caught_up: bool) {
        let advanced = |now: u64| (has_caught_up || now != BEHIND).then_some(end);
        if self.end.fetch_update(AcqRel, Acquire, advanced).is_ok() {
            self.advanced.notify_waiters();
        }
    }

    /// The stream is not recorded any more, or the relay is gone.
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

    /// Unless everything before `end` is written, nothing waits for it until it has caught up. Returns whether that is new.
    fn fall_behind(&self, end: u64) -> bool {
        let behind = |now: u64| (now < end).then_some(BEHIND);
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
    pub(super) fn new(recorder: Arc<Written>, relays: Vec<Arc<Written>>, end: u64) -> Self {
        Self { recorder, relays, end }
    }

    /// Waits until the recorder has written the runs, cannot, does not record the stream any more, or is too slow, and until each
    /// relay's connection has taken them, is gone, or is too slow. Returns false if the recorder is too slow, once until it has caught up.
    pub async fn written(self) -> bool {
        let Self { recorder, relays, end } = self;
        let all = async {
            for written in [&recorder].into_iter().chain(&relays) {
                written.until(end).await;
            }
        };
        if timeout(WAIT, all).await.is_ok() {
            return true;
        }
        for relay in &relays {
            relay.fall_behind(end);
        }
        !recorder.fall_behind(end)
    }
}
