//! The control plane: a view of all nodes and streams behind one lock, and what follows from its changes.
//!
//! The view is made of what the [store] has, which [`follow`] keeps up with, and of the nodes' heartbeats,
//! heard here or passed on by the other main servers ([`gossip`](crate::cluster::gossip)). Reads are answered from it. What somebody waits for to
//! last (a created stream, an end, a registration) is in the store before the answer; what follows from heartbeats is
//! brought there by the [saver](crate::saver).
//!
//! Every change goes through [`ControlPlane::change`]: it holds the lock for a moment, never across a wait, and before
//! it lets go it tells listeners the news and the saver that there is something to save. So the order of events is the
//! order of changes.

pub(crate) mod durable;
pub(crate) mod follow;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use placement::{Fleet, Policies, Refusal};
use protocol::StreamId;
use store::{Namespace, Revision, Store};
use tokio::sync::Notify;

pub(crate) use crate::{
    cluster::partition::Link,
    streams::{NewStream, Whom},
};

use crate::{
    clock::Now,
    cluster::{circuit_breaker::Absence, gossip::Outbox},
    nodes::registry::{self, Registry},
    streams::catalogue::{self, Catalogue, Counts},
    streams::feed::{Change, Feed},
};

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
    /// There are nodes, and none may take more.
    #[error("every server is as loaded as it may be: try again in a moment")]
    NoCapacity,
    /// The store did not take a change that has to last, or not in time.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Other main servers may know better, and cannot be heard.
    #[error("this server has lost contact with the store that all main servers share: try again in a moment")]
    CutOff,
    /// The system gave no random bytes; says why.
    #[error("no random bytes: {0}")]
    Random(String),
}

/// How long the store keeps what nobody renews, and how nodes are chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// A stream that is over.
    pub(crate) remember_ended: Duration,
    /// The registration of a node.
    pub(crate) forget_node: Duration,
    /// How nodes are chosen; nothing of it is stored.
    pub(crate) policies: Policies,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoNode => Self::NoNodeAvailable,
            Refusal::NoCapacity => Self::NoCapacity,
        }
    }
}

pub(crate) struct State {
    pub(crate) registry: Registry,
    pub(crate) catalogue: Catalogue,
    /// The live nodes and what they carry, in the order of their loads: follows the two above.
    pub(crate) fleet: Fleet,
    /// What of the rest of the cluster cannot be seen now, and since when.
    pub(crate) lost: BTreeMap<Link, Instant>,
    /// Up to which write the watches have shown everything.
    pub(crate) shown: HashMap<Namespace, Revision>,
    /// Streams that have an entry in the journal, and the newest one known.
    pub(crate) journaled: BTreeMap<StreamId, Revision>,
}

/// See the [module](self).
pub(crate) struct ControlPlane {
    state: Mutex<State>,
    feed: Feed,
    pub(crate) store: Store,
    settings: Settings,
    pub(crate) outbox: Outbox,
    pub(crate) absence: Absence,
    unsaved: Notify,
}

impl ControlPlane {
    /// A control plane that knows nothing yet: [`Self::load`] what `store` has.
    pub(crate) fn new(registry: Registry, catalogue: Catalogue, store: Store, settings: Settings) -> Self {
        let fleet = Fleet::new(settings.policies);
        Self {
            state: Mutex::new(State {
                registry,
                catalogue,
                fleet,
                lost: BTreeMap::new(),
                shown: HashMap::new(),
                journaled: BTreeMap::new(),
            }),
            feed: Feed::new(),
            outbox: Outbox::new(store.bus.is_alone()),
            absence: Absence::default(),
            store,
            settings,
            unsaved: Notify::new(),
        }
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // A panic under the lock leaves data that is at worst a heartbeat old; serving on is better than refusing all.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut state);
        for (stream_id, hostname) in state.catalogue.take_moved() {
            match hostname {
                Some(hostname) => state.fleet.place(stream_id, &hostname),
                None => state.fleet.forget(stream_id),
            }
        }
        self.feed.tell(state.catalogue.take_news().into_iter().map(Change::from));
        if state.catalogue.has_unsaved() || state.registry.has_renewals() {
            self.unsaved.notify_one();
        }
        outcome
    }

    /// Tells listeners what looks different since the last call.
    pub(crate) fn tell_changes(&self) {
        self.change(|state| {
            self.feed.tell(state.catalogue.take_changed().into_iter().map(Change::Changed));
        });
    }

    /// The list of public streams and what is told of its changes.
    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Totals for operators: streams, known nodes and live ones, listeners.
    pub(crate) fn totals(&self, now: Now) -> Totals {
        let ready = self.ready(now).is_ok();
        let (listeners, snapshots) = self.feed.totals();
        self.change(|state| Totals {
            streams: state.catalogue.count(),
            nodes_live: state.registry.live(now.instant).count(),
            listeners,
            snapshots,
            ready,
        })
    }

    /// Waits until there is something to save.
    pub(crate) async fn until_unsaved(&self) {
        self.unsaved.notified().await;
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
    /// Snapshots of the list that were built since the start.
    pub(crate) snapshots: u64,
    /// See [`ControlPlane::ready`].
    pub(crate) ready: bool,
}
