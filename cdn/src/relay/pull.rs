//! The pull of a stream from another node, from the first viewer's request until it ends. All viewers that wait share it.
//!
//! The main server is asked for sources; once a viewer that may watch the stream waits, an [`ActivePull`] follows them.

use std::{sync::Arc, time::Duration};

use cluster_client::retry_after;
use protocol::{ErrorCode, StreamId, WireError, event::FrameName, node::Sources};
use tokio::sync::{Notify, watch};

use super::{
    active_pull::ActivePull,
    context::RelayContext,
    errors::{unavailable, unknown_stream},
    pull_state::{PullEnd, PullState},
    sources::SourceLookup,
};
use crate::clock::Now;

/// How long a stream that no node has is asked for again: it may be about to begin, or on its way to another node. Shorter than
/// pages wait for their first WebSocket to speak.
const BEGINNING: Duration = Duration::from_secs(2);
/// How long the pull waits for a viewer that may watch, once the stream is found.
const VIEWER_TIMEOUT: Duration = Duration::from_secs(1);
/// First wait before a stream that no node has is asked for again.
const FIRST_ASK: Duration = Duration::from_millis(100);
/// Longest wait before a stream that no node has, or has room to pass on, is asked for again.
const LAST_ASK: Duration = Duration::from_millis(400);

/// What a stream is pulled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Viewers that are here already; no viewer waits for it.
    Adopt,
    /// Clients that wait for it, or the node, which may have the stream up to this frame.
    Fetch(Option<FrameName>),
}

/// See the [module](self).
pub(super) struct Pull {
    id: StreamId,
    purpose: Purpose,
    context: Arc<RelayContext>,
    lookup: Arc<SourceLookup>,
    state: watch::Sender<PullState>,
    admitted: Notify,
}

impl Pull {
    pub(super) fn new(
        id: StreamId,
        purpose: Purpose,
        context: Arc<RelayContext>,
        lookup: Arc<SourceLookup>,
    ) -> Self {
        let is_ready = purpose == Purpose::Adopt;
        let state = watch::Sender::new(if is_ready { PullState::Ready } else { PullState::Asking });
        Self { id, purpose, context, lookup, state, admitted: Notify::new() }
    }

    fn now(&self) -> Now {
        self.context.clock.now()
    }

    /// Whether viewers need not wait for it.
    pub(super) fn is_ready(&self) -> bool {
        self.state.borrow().is_ready()
    }

    /// How viewers that wait learn of progress.
    pub(super) fn progress(&self) -> watch::Receiver<PullState> {
        self.state.subscribe()
    }

    /// A viewer that may watch it waits for it.
    pub(super) fn viewer_admitted(&self) {
        self.admitted.notify_one();
    }

    /// Pulls until the stream is over, dropped, or published here.
    pub(super) async fn run(&self) {
        let failed = match self.pull().await {
            PullEnd::Done => {
                self.state.send_replace(PullState::Ready);
                return;
            }
            PullEnd::Unwanted => unavailable(self.id),
            PullEnd::Failed(error) => {
                self.lookup.remember(self.id, error.clone());
                error
            }
        };
        self.state.send_replace(PullState::Failed(failed));
    }

    async fn pull(&self) -> PullEnd {
        // The main server may not have heard of the end yet.
        if self.context.ingest.is_over(self.id) {
            return PullEnd::Failed(unknown_stream(self.id));
        }
        let sources = match self.sources().await {
            Ok(sources) => sources,
            Err(error) => return PullEnd::Failed(error),
        };
        let last = match self.purpose {
            Purpose::Adopt => None,
            Purpose::Fetch(last) => last,
        };
        if self.purpose != Purpose::Adopt {
            self.state.send_replace(PullState::Found(sources.access()));
            if tokio::time::timeout(VIEWER_TIMEOUT, self.admitted.notified()).await.is_err() {
                return PullEnd::Unwanted;
            }
        }
        ActivePull::new(self.id, &self.context, &self.lookup, &self.state, (sources, last)).run().await
    }

    /// The nodes to pull from. Viewers that wait for a stream that no node has yet, or that in a rush no node can pass on yet,
    /// get that answer after a moment; no viewer waits for an adopted one.
    async fn sources(&self) -> Result<Sources, WireError> {
        let began_ms = self.now().ms;
        let mut tries = 0;
        loop {
            let answer = self.lookup.ask(self.id, Vec::new()).await;
            let is_nowhere = answer.as_ref().is_err_and(|error| error.code == ErrorCode::NoNodeAvailable);
            let wait = retry_after(tries, FIRST_ASK, LAST_ASK);
            let is_adopting = self.purpose == Purpose::Adopt;
            if !is_nowhere || is_adopting || self.now().since(began_ms) + wait > BEGINNING {
                return answer;
            }
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }
}
