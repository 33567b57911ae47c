//! CDN nodes: registered, alive, expired.
//!
//! [`Nodes`] is what requests come to. A node's [`record`] lasts in the store; the [`registry`] counts its lease; the fleet of
//! the crate `placement` learns how loaded it is. Of streams a node needs what [`report::Carried`] offers.

mod heartbeat;
pub(crate) mod record;
mod register;
pub(crate) mod registry;
pub(crate) mod report;
pub(crate) mod routes;
mod sources;

use std::sync::Arc;

use placement::Refusal;
use protocol::{NodeId, StreamId, node::NodeInfo};
use store::Kv;

use crate::{
    clock::Now,
    cluster::{
        circuit_breaker::CircuitBreaker,
        gossip::Outbox,
        partition::{CutOff, Partition},
    },
    view::View,
};

/// Why a request was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    /// The node is unknown, or was not accepted.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The stream is over, or never existed.
    #[error("stream {0} is over or unknown")]
    UnknownStream(StreamId),
    /// No node has the stream, or none may take more.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store did not take a change that has to last, or not in time.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Other main servers may know better.
    #[error(transparent)]
    CutOff(#[from] CutOff),
    /// The system gave no random bytes; says why.
    #[error("the system's random generator failed: {0}")]
    Random(String),
}

/// See the [module](self).
pub(crate) struct Nodes {
    view: Arc<View>,
    partition: Arc<Partition>,
    outbox: Arc<Outbox>,
    kv: Arc<dyn Kv>,
    breaker: CircuitBreaker,
}

impl Nodes {
    /// The nodes of `view`.
    pub(crate) fn new(
        (view, partition, outbox): (Arc<View>, Arc<Partition>, Arc<Outbox>),
        kv: Arc<dyn Kv>,
    ) -> Self {
        Self { view, partition, outbox, kv, breaker: CircuitBreaker::default() }
    }

    /// Forgets a node that stops; its streams are interrupted at once.
    ///
    /// # Errors
    /// [`Error::Registry`] if it is unknown, [`Error::Store`]: it is not chosen any more all the same.
    pub(crate) async fn goodbye(&self, node_id: &NodeId, now: Now) -> Result<(), Error> {
        let hostname = self.view.nodes(|registry, fleet, streams| {
            let hostname = registry.get(node_id)?.hostname.clone();
            registry.end_lease(node_id, now.instant);
            fleet.leave(&hostname);
            streams.node_lost(node_id, now);
            Ok::<_, Error>(hostname)
        })?;
        // Another process may have the hostname by now.
        self.view.node_records.remove_if(&hostname, |found| found.node_id == *node_id).await?;
        tracing::info!(node.id = %node_id, "node {node_id} deregistered");
        Ok(())
    }

    /// Every known node.
    pub(crate) fn list(&self, now: Now) -> Vec<NodeInfo> {
        self.view.nodes(|registry, _, streams| {
            let (placed, waiting) = streams.placed();
            let counts = |hostname: &str| {
                [&placed, &waiting].map(|counts| counts.get(hostname).copied().unwrap_or(0)).into()
            };
            registry.list(now.instant, counts)
        })
    }
}
