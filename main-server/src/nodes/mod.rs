//! CDN nodes: registered, alive, expired.
//!
//! [`Nodes`] is what requests come to. The registry of [`crate::state`] has all nodes and counts their leases; the fleet of the
//! crate `placement` learns how loaded they are.

mod error;
mod feature;
mod forwarded;
mod heartbeat;
mod register;
pub(crate) mod routes;
mod sources;

use std::sync::Arc;

use protocol::NodeId;
use store::Kv;

pub(crate) use self::{error::Error, feature::feature};
use crate::{
    clock::Now,
    cluster::{circuit_breaker::CircuitBreaker, gossip::Outbox, partition::Partition},
    feature::Context,
    invitations::Invitations,
    state::ClusterState,
};

/// See the [module](self).
pub(crate) struct Nodes {
    state: Arc<ClusterState>,
    partition: Arc<Partition>,
    outbox: Arc<Outbox>,
    kv: Arc<dyn Kv>,
    breaker: CircuitBreaker,
    invitations: Arc<Invitations>,
}

impl Nodes {
    /// The nodes of `state`.
    pub(crate) fn new(context: &Context, state: &Arc<ClusterState>, invitations: &Arc<Invitations>) -> Self {
        Self {
            state: Arc::clone(state),
            partition: Arc::clone(&context.partition),
            outbox: Arc::clone(&context.outbox),
            kv: Arc::clone(&context.store.kv),
            breaker: CircuitBreaker::default(),
            invitations: Arc::clone(invitations),
        }
    }

    /// Forgets a node that stops; its streams are interrupted at once.
    ///
    /// # Errors
    /// [`Error::Registry`] if it is unknown, [`Error::Store`]: it is not chosen any more all the same.
    pub(crate) async fn goodbye(&self, node_id: &NodeId, now: Now) -> Result<(), Error> {
        let hostname = self.state.nodes(|registry, fleet, streams| {
            let hostname = registry.get(node_id)?.hostname.clone();
            registry.end_lease(node_id, now.instant);
            fleet.leave(&hostname);
            streams.node_lost(node_id, now);
            Ok::<_, Error>(hostname)
        })?;
        // Another process may have the hostname by now.
        self.state.node_records.remove_if(&hostname, |found| found.node_id == *node_id).await?;
        tracing::info!(node.id = %node_id, "node {node_id} deregistered");
        Ok(())
    }
}

/// Reads a payload as a heartbeat that another main server passed on.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_heartbeat(payload: bytes::Bytes) {
    let _ = forwarded::Receiver::default().receive(payload);
}
