//! What nodes do: register, report, say goodbye.

use protocol::{
    NodeId,
    node::{Command, Heartbeat, HeartbeatAnswer, NodeInfo, RegisterServer},
};

use super::{ControlPlane, Error};
use crate::clock::Now;

impl ControlPlane {
    /// Accepts a node and gives it its id.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub(crate) fn register(&self, request: RegisterServer, now: Now) -> Result<NodeId, Error> {
        let (hostname, generation) = (request.hostname.clone(), request.generation);
        let registered = self.change(|state| {
            let registration = state.registry.register(request, now.instant)?;
            if let Some(old) = &registration.replaced {
                state.catalogue.node_lost(old, now);
            }
            Ok(registration.node_id)
        });
        match &registered {
            Ok(node) => tracing::info!(node.id = %node, generation, "node {hostname} registered as {node}"),
            Err(error) => tracing::warn!(generation, "node {hostname:?} was refused: {error}"),
        }
        registered
    }

    /// Renews a node's lease, takes over what it carries, and answers what it has to do.
    ///
    /// # Errors
    /// [`Error::Registry`] if the node has to register again.
    pub(crate) fn heartbeat(
        &self,
        node_id: &NodeId,
        heartbeat: &Heartbeat,
        now: Now,
    ) -> Result<HeartbeatAnswer, Error> {
        self.change(|state| {
            let node = state.registry.heartbeat(node_id, heartbeat.load, now.instant)?;
            let to_end = state.catalogue.report(node_id, &node.hostname, &heartbeat.streams, now);
            let commands = to_end.into_iter().map(|stream_id| Command::EndStream { stream_id });
            Ok(HeartbeatAnswer { commands: commands.collect() })
        })
    }

    /// Forgets a node that stops; its streams are interrupted at once.
    ///
    /// # Errors
    /// [`Error::Registry`] if it is unknown.
    pub(crate) fn goodbye(&self, node_id: &NodeId, now: Now) -> Result<(), Error> {
        self.change(|state| {
            state.registry.remove(node_id)?;
            state.catalogue.node_lost(node_id, now);
            tracing::info!(node.id = %node_id, "node {node_id} said goodbye");
            Ok(())
        })
    }

    /// Every known node.
    pub(crate) fn nodes(&self, now: Now) -> Vec<NodeInfo> {
        self.change(|state| {
            let placed = state.catalogue.placed();
            state.registry.list(now.instant, |hostname| placed.get(hostname).copied().unwrap_or(0))
        })
    }
}
