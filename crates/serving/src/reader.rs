//! What the client of an HTTP/2 connection takes of its responses.
//!
//! A response of which the client takes nothing for too long ends, and its stream is reset. Other responses of the connection go on:
//! browsers have one connection for all pages of a site. If the client took nothing of those either, and none ended, the connection is
//! closed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// A response is looked after this often within the time for unread data.
const CHECKS: u32 = 4;

tokio::task_local! {
    /// The response of the request that the task runs.
    static RESPONSE: Taken;
}

/// The client of a connection.
#[derive(Debug)]
pub(crate) struct Reader {
    /// How long it may take nothing of a response.
    unread: Duration,
    /// When it last took something.
    took_at: Mutex<Option<Instant>>,
    stopped: CancellationToken,
}

/// What the client has taken of a response: the server asks for the next part of a body once there is room for it.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    reader: Arc<Reader>,
    /// Since when a part waits until the client has room for it.
    waits_since: Arc<Mutex<Option<Instant>>>,
}

impl Reader {
    /// A client that may take nothing of a response for the time `unread`.
    pub(crate) fn new(unread: Duration) -> Arc<Self> {
        Arc::new(Self { unread, took_at: Mutex::default(), stopped: CancellationToken::new() })
    }

    /// Runs a request until its response is sent, or waited for too long.
    pub(crate) async fn run(self: Arc<Self>, request: impl Future<Output = ()>) {
        let taken = Taken { reader: self, waits_since: Arc::default() };
        let watched = taken.clone();
        let run = async move {
            tokio::select! {
                biased;
                () = request => watched.reader.took(Instant::now()),
                () = watched.unread() => {}
            }
        };
        RESPONSE.scope(taken, run).await;
    }

    /// Ready once the client takes nothing of any response.
    pub(crate) async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    fn took(&self, now: Instant) {
        *self.took_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    fn took_after(&self, since: Instant) -> bool {
        self.took_at.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|took_at| took_at > since)
    }
}

impl Taken {
    /// That of the request which the task runs, with HTTP/2.
    pub(crate) fn of_task() -> Option<Self> {
        RESPONSE.try_with(Self::clone).ok()
    }

    /// The client has room for the next part.
    pub(crate) fn all(&self) {
        if self.set(None).is_some() {
            self.reader.took(Instant::now());
        }
    }

    /// A part waits for room.
    pub(crate) fn nothing_yet(&self) {
        self.set(Some(Instant::now()));
    }

    fn set(&self, since: Option<Instant>) -> Option<Instant> {
        let mut waits_since = self.waits_since.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *waits_since, since)
    }

    /// Waits until a part has waited for too long.
    async fn unread(&self) {
        loop {
            sleep(self.reader.unread / CHECKS).await;
            let waits_since = *self.waits_since.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(since) = waits_since.filter(|since| since.elapsed() >= self.reader.unread) else {
                continue;
            };
            if !self.reader.took_after(since) {
                self.reader.stopped.cancel();
            }
            return;
        }
    }
}
