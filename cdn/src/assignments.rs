//! Which streams the main server wants recorded here: what `control` learns and the recorder does.

use std::sync::Once;

use protocol::item::RecordStream;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// See the [module](self).
pub(crate) struct Assignments {
    /// None before the first answer.
    wanted: watch::Sender<Option<Vec<RecordStream>>>,
    /// That the node was asked to record and cannot.
    refusal: Once,
    stopped: CancellationToken,
}

impl Assignments {
    pub(crate) fn new() -> Self {
        Self { wanted: watch::Sender::new(None), refusal: Once::new(), stopped: CancellationToken::new() }
    }

    /// The main server wants these streams recorded, and no others.
    pub(crate) fn assign(&self, recordings: Vec<RecordStream>) {
        // Without a folder the recorder has ended when the node started.
        if self.stopped.is_cancelled() && !recordings.is_empty() {
            let refuse =
                || tracing::warn!("the node was asked to record and cannot: it has no folder for that");
            self.refusal.call_once(refuse);
        }
        let recordings = Some(recordings);
        self.wanted.send_if_modified(|wanted| {
            let changes = *wanted != recordings;
            *wanted = recordings;
            changes
        });
    }

    /// What is wanted, now and after each change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Vec<RecordStream>>> {
        self.wanted.subscribe()
    }

    /// The recorder has stopped once the guard is dropped.
    pub(crate) fn stops_when_dropped(&self) -> DropGuard {
        self.stopped.clone().drop_guard()
    }

    /// Waits until all recordings have ended after the node was asked to stop.
    pub(crate) async fn recorder_stopped(&self) {
        self.stopped.cancelled().await;
    }
}
