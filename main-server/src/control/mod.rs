//! The control plane: nodes and streams behind one lock, and what follows from their changes.
//!
//! Every change goes through [`ControlPlane::change`]: it holds the lock for a moment, never across a wait, and before
//! it lets go it tells listeners the news and the [saver](crate::saver) that there is something to save. So the order of
//! events is the order of changes, and a snapshot taken under the lock misses nothing.

mod nodes;
mod streams;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use protocol::{StreamId, stream::StreamInfo};
use tokio::{
    sync::{Notify, broadcast, watch},
    time::timeout,
};

pub(crate) use streams::{Access, NewStream};

use crate::{
    catalogue::{self, Catalogue, Counts, Record},
    clock::Now,
    feed::{Feed, Message},
    registry::{self, Registry},
};

/// Longest wait for a change to reach the store.
const SAVE_PATIENCE: Duration = Duration::from_secs(5);

/// Why the control plane refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    /// About a node.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// About a stream.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// No live node may be chosen.
    #[error("no healthy node can take this now: try again in a moment")]
    NoNodeAvailable,
    /// The store did not confirm a change in time.
    #[error("the stream could not be saved")]
    NotSaved,
}

struct State {
    registry: Registry,
    catalogue: Catalogue,
    /// Counts the changes that have to be saved.
    revision: u64,
}

/// What the store has to be told, and up to which change that is everything.
pub(crate) struct Unsaved {
    /// A record to keep, or none to forget the stream.
    pub(crate) records: Vec<(StreamId, Option<Record>)>,
    revision: u64,
}

/// See the [module](self).
pub(crate) struct ControlPlane {
    state: Mutex<State>,
    feed: Feed,
    unsaved: Notify,
    saved: watch::Sender<u64>,
}

impl ControlPlane {
    /// A control plane over what is known at the start.
    pub(crate) fn new(registry: Registry, catalogue: Catalogue) -> Self {
        Self {
            state: Mutex::new(State { registry, catalogue, revision: 0 }),
            feed: Feed::new(),
            unsaved: Notify::new(),
            saved: watch::Sender::new(0),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // A panic under the lock leaves data that is at worst a heartbeat old; serving on is better than refusing all.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut state);
        for news in state.catalogue.take_news() {
            self.feed.tell(Message::from(&news));
        }
        if state.catalogue.has_unsaved() {
            state.revision += 1;
            self.unsaved.notify_one();
        }
        outcome
    }

    /// Lets time pass: leases end, deadlines are met.
    pub(crate) fn expire(&self, now: Now) {
        self.change(|state| {
            for node in state.registry.expire(now.instant) {
                tracing::warn!(node.id = %node, "lease of node {node} ended without a heartbeat");
                state.catalogue.node_lost(&node, now);
            }
            state.catalogue.expire(now);
        });
    }

    /// Tells listeners what looks different since the last call.
    pub(crate) fn tell_changes(&self) {
        self.change(|state| {
            for stream in state.catalogue.take_changed() {
                self.feed.tell(Message::changed(&stream));
            }
        });
    }

    /// The list now, and every message after it.
    pub(crate) fn listen(&self) -> (Vec<StreamInfo>, broadcast::Receiver<Message>) {
        self.change(|state| (state.catalogue.listed(), self.feed.subscribe()))
    }

    /// Totals for operators: streams, known nodes and live ones, listeners.
    pub(crate) fn totals(&self, now: Now) -> Totals {
        self.change(|state| Totals {
            streams: state.catalogue.count(),
            nodes_live: state.registry.live(now.instant).count(),
            listeners: self.feed.listeners(),
        })
    }

    /// Waits until there is something to save.
    pub(crate) async fn until_unsaved(&self) {
        self.unsaved.notified().await;
    }

    /// What has to be saved now.
    pub(crate) fn take_unsaved(&self) -> Unsaved {
        self.change(|state| Unsaved { records: state.catalogue.take_unsaved(), revision: state.revision })
    }

    /// It was saved.
    pub(crate) fn note_saved(&self, saved: &Unsaved) {
        self.saved.send_replace(saved.revision);
    }

    /// It was not saved: it is to be taken again.
    pub(crate) fn put_back(&self, unsaved: Unsaved) {
        let streams = unsaved.records.into_iter().map(|(stream_id, _)| stream_id);
        self.change(|state| state.catalogue.put_back_unsaved(streams));
    }

    /// Waits until change number `revision` is saved.
    async fn until_saved(&self, revision: u64) -> Result<(), Error> {
        let mut saved = self.saved.subscribe();
        let reached = timeout(SAVE_PATIENCE, saved.wait_for(|saved| *saved >= revision)).await;
        reached.map_err(|_| Error::NotSaved)?.map_err(|_| Error::NotSaved).map(drop)
    }
}

/// Totals for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Of the catalogue.
    pub(crate) streams: Counts,
    /// Nodes whose lease runs.
    pub(crate) nodes_live: usize,
    /// Open event streams.
    pub(crate) listeners: usize,
}
