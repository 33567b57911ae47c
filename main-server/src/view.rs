//! What this server knows of streams and nodes, behind one lock and in sync with the store.
//!
//! One lock, because a heartbeat is one event: it renews a node's lease and changes the states of its streams and the loads
//! that placement goes by. And because the order of changes is the order in which listeners are told of them. It is held for
//! a moment, never across a wait. A feature reaches what it needs: [`View::streams`] gives the streams and the fleet,
//! [`View::nodes`] the nodes, the fleet, and the streams as [`Carried`].
//!
//! Records come from the store and go there by [`Replicated`]; load, states and pictures are in memory only.

use std::sync::{Arc, Mutex, PoisonError};

use placement::{Fleet, Policies};
use store::{Entry, Host, Kv, Namespace, Record as _, Replica, Replicated};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Now,
    cluster::{
        gossip::Outbox,
        partition::{Contact, Link, Partition, STANDSTILL},
    },
    nodes::{record::Registration, registry::Registry, report::Carried},
    streams::{
        catalogue::{Catalogue, Counts},
        feed::{Change, Feed},
        record::Record,
    },
};

/// How long the store keeps what is not written again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// A stream that is over.
    pub(crate) remember_ended: std::time::Duration,
    /// The registration of a node.
    pub(crate) forget_node: std::time::Duration,
}

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

/// The lock, and the notifications of changes.
pub(crate) struct Locked {
    tables: Mutex<Tables>,
    feed: Arc<Feed>,
    partition: Arc<Partition>,
    outbox: Arc<Outbox>,
}

/// See the [module](self).
pub(crate) struct View {
    locked: Arc<Locked>,
    /// The records of streams.
    pub(crate) stream_records: Replicated<Record, Arc<Locked>>,
    /// The registrations of nodes.
    pub(crate) node_records: Replicated<Registration, Arc<Locked>>,
}

impl View {
    /// A view that knows nothing yet: see [`Self::load`].
    pub(crate) fn new(
        registry: Registry,
        catalogue: Catalogue,
        policies: Policies,
        terms: Terms,
        kv: &Arc<dyn Kv>,
        parts: (Arc<Feed>, Arc<Partition>, Arc<Outbox>),
    ) -> Self {
        let (feed, partition, outbox) = parts;
        let tables = Mutex::new(Tables { registry, catalogue, fleet: Fleet::new(policies) });
        let locked = Arc::new(Locked { tables, feed, partition, outbox });
        let Terms { remember_ended, forget_node } = terms;
        let of_stream = move |record: &Record| record.is_over().then_some(remember_ended);
        let of_node = move |_: &Registration| Some(forget_node);
        Self {
            stream_records: Replicated::new(Arc::clone(kv), Arc::clone(&locked), of_stream),
            node_records: Replicated::new(Arc::clone(kv), Arc::clone(&locked), of_node),
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

    /// Reads or changes streams.
    pub(crate) fn streams<T>(&self, access: impl FnOnce(&mut Catalogue, &mut Fleet) -> T) -> T {
        self.change(|tables| access(&mut tables.catalogue, &mut tables.fleet))
    }

    /// Reads or changes nodes.
    pub(crate) fn nodes<T>(
        &self,
        access: impl FnOnce(&mut Registry, &mut Fleet, &mut dyn Carried) -> T,
    ) -> T {
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

    /// Takes over what another main server says it wrote.
    pub(crate) fn hear(&self, namespace: Namespace, entry: &Entry) {
        match namespace {
            Record::NAMESPACE => self.stream_records.hear(entry),
            Registration::NAMESPACE => self.node_records.hear(entry),
            _ => {}
        }
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
            self.locked.feed.tell(tables.catalogue.take_changed().into_iter().map(Change::Changed));
        });
    }

    /// Streams, and the nodes whose lease runs.
    pub(crate) fn totals(&self, now: Now) -> (Counts, usize) {
        self.change(|tables| (tables.catalogue.count(), tables.registry.live(now.instant).count()))
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
        // A panic under the lock leaves data that is at worst a heartbeat old; serving on is better than refusing all.
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut tables);
        let unsaved = tables.settle();
        self.feed.tell(tables.catalogue.take_news());
        (outcome, unsaved)
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
        self.outbox.written(Record::NAMESPACE, entry.clone());
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
        self.outbox.written(Registration::NAMESPACE, entry.clone());
    }
}
