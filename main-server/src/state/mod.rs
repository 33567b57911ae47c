//! What this server knows of streams and nodes, behind one lock and in sync with the store. Features stand on it; it knows none
//! of them.
//!
//! One lock, because a heartbeat is one event: it renews a node's lease and changes the states of its streams and the loads
//! that placement goes by. And because the order of changes is the order in which listeners are told of them. It is held for
//! a moment, never across a wait. A feature reaches what it needs: [`ClusterState::streams`] gives the streams and the fleet,
//! [`ClusterState::nodes`] all three.
//!
//! Records come from the store and go there by [`Replicated`]; load, states and pictures are in memory only.

pub(crate) mod catalogue;
pub(crate) mod heartbeat;
pub(crate) mod registry;
mod totals;
mod upkeep;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use placement::Fleet;
use protocol::node::NodeInfo;
use store::{Entry, Host, Record as _, Replica, Replicated};
use tokio_util::sync::CancellationToken;

pub(crate) use self::upkeep::feature;
use self::{
    catalogue::{Catalogue, Counts, News, record::Record},
    registry::{Registry, record::Registration},
};

use crate::{
    clock::Now,
    cluster::{
        gossip::Outbox,
        partition::{Contact, Link, Partition, STANDSTILL},
    },
    events::Feed,
    feature::Context,
};

/// How long a node that is silent keeps its hostname from older generations.
const FORGET_NODE: Duration = Duration::from_secs(5 * 60);

struct Tables {
    registry: Registry,
    catalogue: Catalogue,
    /// The live nodes and what they carry, in the order of their loads: follows the two above.
    fleet: Fleet,
}

/// Which tables have something to save.
struct Unsaved {
    streams: bool,
    nodes: bool,
}

/// The lock, and what is told of changes.
pub(crate) struct Locked {
    tables: Mutex<Tables>,
    feed: Arc<Feed>,
    partition: Arc<Partition>,
    outbox: Arc<Outbox>,
}

/// See the [module](self).
pub(crate) struct ClusterState {
    locked: Arc<Locked>,
    /// The records of streams.
    pub(crate) stream_records: Replicated<Record, Arc<Locked>>,
    /// The registrations of nodes.
    pub(crate) node_records: Replicated<Registration, Arc<Locked>>,
}

impl ClusterState {
    /// Knows nothing yet: see [`Self::load`].
    pub(crate) fn new(context: &Context) -> Self {
        let config = &context.config;
        let registry = registry::Settings {
            lease: config.lease,
            forget_after: FORGET_NODE,
            max_nodes: config.limits.nodes,
        };
        let catalogue = catalogue::Settings {
            grace: config.grace,
            first_media: config.first_media,
            max_streams: config.limits.streams,
            max_waiting: config.limits.waiting_streams,
            max_of_address: config.limits.streams_per_address,
            max_thumbnail_bytes: config.limits.thumbnail_bytes,
        };
        let tables = Mutex::new(Tables {
            registry: Registry::new(registry),
            catalogue: Catalogue::new(catalogue),
            fleet: Fleet::new(config.placement),
        });
        let (feed, partition) = (Arc::clone(&context.feed), Arc::clone(&context.partition));
        let locked = Arc::new(Locked { tables, feed, partition, outbox: Arc::clone(&context.outbox) });
        let remember_ended = config.remember_ended;
        let of_stream = move |record: &Record| record.is_over().then_some(remember_ended);
        let of_node = |_: &Registration| Some(FORGET_NODE);
        let kv = || Arc::clone(&context.store.kv);
        Self {
            stream_records: Replicated::new(kv(), Arc::clone(&locked), of_stream),
            node_records: Replicated::new(kv(), Arc::clone(&locked), of_node),
            locked,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> T {
        let (outcome, unsaved) = self.locked.change(change);
        if unsaved.streams {
            self.stream_records.wake();
        }
        if unsaved.nodes {
            self.node_records.wake();
        }
        outcome
    }

    fn read<T>(&self, read: impl FnOnce(&Tables) -> T) -> T {
        read(&self.locked.lock())
    }

    /// Reads streams.
    pub(crate) fn read_streams<T>(&self, read: impl FnOnce(&Catalogue, &Fleet) -> T) -> T {
        self.read(|tables| read(&tables.catalogue, &tables.fleet))
    }

    /// Reads nodes.
    pub(crate) fn read_nodes<T>(&self, read: impl FnOnce(&Registry) -> T) -> T {
        self.read(|tables| read(&tables.registry))
    }

    /// Reads nodes and streams.
    pub(crate) fn read_both<T>(&self, read: impl FnOnce(&Registry, &Catalogue) -> T) -> T {
        self.read(|tables| read(&tables.registry, &tables.catalogue))
    }

    /// Reads or changes streams.
    pub(crate) fn streams<T>(&self, access: impl FnOnce(&mut Catalogue, &mut Fleet) -> T) -> T {
        self.change(|tables| access(&mut tables.catalogue, &mut tables.fleet))
    }

    /// Reads or changes nodes.
    pub(crate) fn nodes<T>(&self, access: impl FnOnce(&mut Registry, &mut Fleet, &mut Catalogue) -> T) -> T {
        self.change(|tables| access(&mut tables.registry, &mut tables.fleet, &mut tables.catalogue))
    }

    /// Takes over all that the store has.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn load(&self) -> Result<(), store::Error> {
        self.node_records.load().await?;
        self.stream_records.load().await
    }

    /// Follows what other main servers write, for ever.
    pub(crate) async fn follow(&self) {
        tokio::join!(self.stream_records.follow(), self.node_records.follow());
    }

    /// Saves what changes until `shutdown`, and once more then.
    pub(crate) async fn save(&self, shutdown: &CancellationToken) {
        tokio::join!(self.stream_records.save(shutdown), self.node_records.save(shutdown));
    }

    /// Lets time pass: leases end, deadlines are met. `before` is when it was called last.
    pub(crate) fn expire(&self, before: Now, now: Now) {
        let contact = self.locked.partition.look();
        self.change(|tables| {
            let since = now.instant.saturating_duration_since(before.instant);
            if since > STANDSTILL {
                tracing::warn!("this process was suspended: all leases and deadlines restart");
                tables.begin_anew(now);
                tables.catalogue.doubt(since, now);
            }
            match contact {
                Contact::Whole => {}
                Contact::Regained => tables.begin_anew(now),
                Contact::Lost => tables.registry.hold_for_others(now.instant),
            }
            for node in tables.registry.expire(now.instant) {
                tracing::warn!(node.id = %node, "the lease of node {node} expired without a heartbeat");
                if let Ok(node) = tables.registry.get(&node) {
                    tables.fleet.leave(&node.hostname);
                }
                tables.catalogue.node_lost(&node, now);
            }
            if contact != Contact::Lost {
                tables.catalogue.expire(now);
            }
        });
    }

    /// Tells listeners what looks different since the last call.
    pub(crate) fn tell_changes(&self) {
        self.change(|tables| {
            let changed = tables.catalogue.take_changed().into_iter().map(News::Changed);
            self.locked.feed.publish(changed.map(Into::into));
        });
    }

    /// Every known node.
    pub(crate) fn list_nodes(&self, now: Now) -> Vec<NodeInfo> {
        self.read(|tables| {
            let (placed, waiting) = tables.catalogue.placed();
            let counts = |hostname: &str| {
                [&placed, &waiting].map(|counts| counts.get(hostname).copied().unwrap_or(0)).into()
            };
            tables.registry.list(now.instant, counts)
        })
    }

    /// Streams, and the nodes whose lease runs.
    pub(crate) fn totals(&self, now: Now) -> (Counts, usize) {
        self.read(|tables| (tables.catalogue.count(), tables.registry.live(now.instant).count()))
    }

    /// Whether anything is not saved yet.
    #[cfg(test)]
    pub(crate) fn has_unsaved(&self) -> bool {
        self.change(|tables| {
            let records = tables.catalogue.records();
            records.iter().any(|(stream_id, _)| !records.is_saved(stream_id))
        })
    }
}

impl Locked {
    fn change<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> (T, Unsaved) {
        let mut tables = self.lock();
        let outcome = change(&mut tables);
        let unsaved = tables.settle();
        self.feed.publish(tables.catalogue.take_news().into_iter().map(Into::into));
        (outcome, unsaved)
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A panic under the lock leaves data that is at worst a heartbeat old; serving on is better than refusing all.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self, link: Link, is_current: bool) {
        if is_current {
            self.partition.regained(link);
        } else {
            self.partition.lost(link, Now::read());
        }
    }
}

impl Tables {
    /// Brings everything in line with what has changed.
    fn settle(&mut self) -> Unsaved {
        let now = Now::read();
        let handovers = self.registry.apply_changes(now.instant);
        let nodes = !handovers.is_empty() || self.registry.records().has_unsaved(now.instant);
        for handover in handovers {
            if let Some(gone) = &handover.from {
                self.catalogue.node_lost(gone, now);
                self.fleet.leave(&handover.hostname);
            }
            if let Some(node) = &handover.to {
                self.registry.join(node, &mut self.fleet, now.instant);
            }
        }
        let has_changed = self.catalogue.apply_changes(now);
        for (stream_id, hostname) in self.catalogue.take_moved() {
            match hostname {
                Some(hostname) => self.fleet.place(stream_id, &hostname),
                None => self.fleet.forget(stream_id),
            }
        }
        Unsaved { streams: has_changed || self.catalogue.records().has_unsaved(now.instant), nodes }
    }

    /// Restarts every lease and deadline: this server's knowledge is old.
    fn begin_anew(&mut self, now: Now) {
        self.registry.renew_leases(now.instant);
        self.catalogue.renew_deadlines(now);
        for (_, node) in self.registry.live(now.instant) {
            self.fleet.join(&node.spec());
        }
    }
}

impl Host<Record> for Locked {
    fn replica<R>(&self, access: impl FnOnce(&mut Replica<Record>) -> R) -> R {
        self.change(|tables| access(tables.catalogue.records())).0
    }

    fn link(&self, is_current: bool) {
        self.link(Link::Streams, is_current);
    }

    fn written(&self, entry: &Entry) {
        self.outbox.written(Record::NAMESPACE, entry);
    }
}

impl Host<Registration> for Locked {
    fn replica<R>(&self, access: impl FnOnce(&mut Replica<Registration>) -> R) -> R {
        self.change(|tables| access(tables.registry.records())).0
    }

    fn link(&self, is_current: bool) {
        self.link(Link::Nodes, is_current);
    }

    fn written(&self, entry: &Entry) {
        self.outbox.written(Registration::NAMESPACE, entry);
    }
}
