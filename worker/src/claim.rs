//! What connects the thread of a task with the rest of the worker: progress in one direction, the request to stop in the other.

use std::{
    sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    time::{Duration, Instant},
};

use job_kinds::{Cancelled, Report};
use tokio_util::sync::CancellationToken;

/// A task that this worker has.
#[derive(Debug)]
pub(crate) struct Claim {
    key: String,
    percent: AtomicU8,
    began_at: Instant,
    cancelled: CancellationToken,
    is_lost: AtomicBool,
}

impl Claim {
    pub(crate) fn new(key: String) -> Self {
        Self {
            key,
            percent: AtomicU8::new(0),
            began_at: Instant::now(),
            cancelled: CancellationToken::new(),
            is_lost: AtomicBool::new(false),
        }
    }

    /// Names the task.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// How much is done.
    pub(crate) fn percent(&self) -> u8 {
        self.percent.load(Relaxed)
    }

    /// How long the worker has it.
    pub(crate) fn age(&self) -> Duration {
        self.began_at.elapsed()
    }

    /// Asks the task to stop: it is handed back.
    pub(crate) fn cancel(&self) {
        self.cancelled.cancel();
    }

    /// Asks the task to stop, because it no longer belongs to this worker.
    pub(crate) fn lose(&self) {
        self.is_lost.store(true, Relaxed);
        self.cancelled.cancel();
    }

    /// Whether [`Self::lose`] was called.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.load(Relaxed)
    }

    /// Cancelled when the task has to stop.
    pub(crate) fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// Whether the task will probably be done within `time`, at its pace so far.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        ends_within(self.percent(), self.age(), time)
    }
}

fn ends_within(percent: u8, age: Duration, time: Duration) -> bool {
    let rest = u32::from(100_u8.saturating_sub(percent));
    percent > 0 && age * rest / u32::from(percent) <= time
}

impl Report for Claim {
    fn progress(&self, part: f32) -> Result<(), Cancelled> {
        // The cast turns NaN into 0.
        self.percent.store((part.clamp(0.0, 1.0) * 100.0) as u8, Relaxed);
        if self.cancelled.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_a_whole_percent_whatever_a_task_says() {
        let claim = Claim::new("a".into());
        for (part, percent) in [(0.0, 0), (0.499, 49), (1.0, 100), (-1.0, 0), (7.0, 100), (f32::NAN, 0)] {
            assert_eq!(claim.progress(part), Ok(()));
            assert_eq!(claim.percent(), percent, "{part}");
        }
    }

    #[test]
    fn what_is_nearly_done_is_told_from_its_pace() {
        let (seconds, grace) = (Duration::from_secs, Duration::from_secs(5));
        assert!(ends_within(90, seconds(45), grace));
        assert!(!ends_within(90, seconds(46), grace));
        assert!(!ends_within(0, seconds(0), grace), "nothing is known of its pace");
        assert!(ends_within(100, seconds(1_000_000), grace));
    }

    #[test]
    fn a_task_that_has_to_stop_hears_of_it_at_its_next_report() {
        let claim = Claim::new("a".into());
        claim.cancel();
        assert_eq!((claim.progress(0.5), claim.is_lost()), (Err(Cancelled), false));
        claim.lose();
        assert!(claim.is_lost());
    }
}
