//! Keeps the view up with the store: loads it, watches it, and after a break finds out what is gone.
//!
//! What comes is applied in any order and as often as it comes: older revisions are passed over. An entry that does not
//! parse is left where it is, reported, and otherwise as if it were not there.

use std::{collections::HashMap, time::Duration};

use futures_util::StreamExt;
use protocol::{NodeId, StreamId};
use store::{Entry, Event, Namespace, Revision};
use tokio::time::{Instant, sleep};

use super::{ControlPlane, Link};
use crate::{
    clock::Now,
    nodes::registry::{NODES, Registration},
    streams::catalogue::{Record, STREAMS},
};

/// How long a store is waited for at the start: NATS takes up to nine seconds to see that a server died and choose leaders.
const LOAD_PATIENCE: Duration = Duration::from_secs(25);
/// Pause before a broken watch is begun again, or a failed load.
const RETRY: Duration = Duration::from_millis(200);

impl ControlPlane {
    /// Takes over all that the store has, and what waits in the journal. Where there are several servers, one may have
    /// died just now: then it is tried for a while.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn load(&self, now: Now) -> Result<(), store::Error> {
        let begun = Instant::now();
        loop {
            let is_late = self.store.journal.is_none() || begun.elapsed() >= LOAD_PATIENCE;
            match self.load_once(now).await {
                Err(store::Error::Unavailable(error)) if !is_late => tracing::warn!("{error}, trying again"),
                outcome => return outcome,
            }
            sleep(RETRY).await;
        }
    }

    async fn load_once(&self, now: Now) -> Result<(), store::Error> {
        for namespace in [NODES, STREAMS] {
            for entry in self.store.kv.entries(namespace, "").await? {
                self.learn(namespace, &entry, now);
            }
        }
        if let Some(journal) = &self.store.journal {
            self.look_into_journal(&**journal).await?;
        }
        let silence = self.silence(now).await?;
        self.change(|state| state.catalogue.doubt(silence, now));
        Ok(())
    }

    /// Follows the changes of streams and nodes.
    pub(crate) async fn follow(&self) {
        tokio::join!(
            self.follow_namespace(STREAMS, Link::Streams),
            self.follow_namespace(NODES, Link::Nodes)
        );
    }

    async fn follow_namespace(&self, namespace: Namespace, link: Link) {
        loop {
            if let Err(error) = self.follow_once(namespace, link).await {
                tracing::debug!("watch of {}: {error}", namespace.name());
            }
            self.lost(link, Now::read());
            sleep(RETRY).await;
        }
    }

    /// Follows a namespace until its watch breaks.
    async fn follow_once(&self, namespace: Namespace, link: Link) -> Result<(), store::Error> {
        // What is known before the watch begins and is not shown by it is gone.
        let mut unseen = self.all_known(namespace);
        let mut watch = self.store.kv.watch(namespace, "", None).await?;
        let (mut newest, mut is_current) = (Revision::NONE, false);
        while let Some(event) = watch.next().await {
            let (event, now) = (event?, Now::read());
            newest = newest.max(event.revision());
            is_current |= event == Event::Current;
            if is_current {
                self.change(|state| state.shown.insert(namespace, newest));
            }
            match event {
                Event::Put(entry) => {
                    unseen.remove(&entry.key);
                    self.learn(namespace, &entry, now);
                }
                Event::Deleted { key, revision } => self.forget(namespace, &key, revision, now),
                Event::Current => {
                    for (key, revision) in std::mem::take(&mut unseen) {
                        self.forget(namespace, &key, revision, now);
                    }
                    self.regained(link, now);
                }
            }
        }
        Ok(())
    }

    fn all_known(&self, namespace: Namespace) -> HashMap<String, Revision> {
        self.change(|state| match namespace {
            STREAMS => state.catalogue.known(),
            NODES => state.registry.known(),
            _ => HashMap::new(),
        })
    }

    /// From which write what is known under `key` comes.
    pub(crate) fn known(&self, namespace: Namespace, key: &str) -> Option<Revision> {
        self.change(|state| match namespace {
            STREAMS => state.catalogue.revision(key.parse().ok()?),
            NODES => state.registry.revision(key),
            _ => None,
        })
    }

    /// Takes over an entry.
    pub(crate) fn learn(&self, namespace: Namespace, entry: &Entry, now: Now) {
        match namespace {
            STREAMS => {
                let Some((stream_id, record)) = parse_stream(entry) else { return };
                self.change(|state| {
                    let is_over = record.is_over();
                    state.catalogue.learn(stream_id, record, entry.revision, now);
                    // Written by a version that forgot such streams by itself.
                    if is_over && entry.lease.is_none() {
                        state.catalogue.write_again(stream_id, now);
                    }
                });
            }
            NODES => {
                let registration = serde_json::from_slice(&entry.value).inspect_err(|error| {
                    tracing::error!("registration of node {:?}: {error}", entry.key);
                });
                if let Ok(registration) = registration {
                    self.learn_node(&entry.key, registration, entry.revision, now);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn learn_node(
        &self,
        hostname: &str,
        registration: Registration,
        revision: Revision,
        now: Now,
    ) {
        self.change(|state| {
            let node_id = registration.node_id.clone();
            if let Some(old) = state.registry.learn(hostname, registration, revision, now.instant) {
                state.catalogue.node_lost(&old, now);
                state.fleet.leave(hostname);
            }
            state.seat(&node_id, now);
        });
    }

    /// Takes over that an entry is gone.
    pub(crate) fn forget(&self, namespace: Namespace, key: &str, revision: Revision, now: Now) {
        self.change(|state| match namespace {
            STREAMS => {
                if let Ok(stream_id) = key.parse() {
                    state.catalogue.forget(stream_id, revision, now);
                }
            }
            NODES => {
                let gone: Option<NodeId> = state.registry.forget(key, revision);
                if let Some(node) = gone {
                    state.fleet.leave(key);
                    state.catalogue.node_lost(&node, now);
                }
            }
            _ => {}
        });
    }
}

pub(crate) fn parse_stream(entry: &Entry) -> Option<(StreamId, Record)> {
    let key = &entry.key;
    let stream_id =
        key.parse().inspect_err(|error| tracing::error!("stream {key:?} in the store: {error}")).ok()?;
    let record = serde_json::from_slice(&entry.value);
    let record = record.inspect_err(|error| tracing::error!("record of stream {key}: {error}")).ok()?;
    Some((stream_id, record))
}
