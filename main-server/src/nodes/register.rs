//! Registration: a node gets its id. Of several processes that ask for one hostname, at whatever main servers, one gets it.

use protocol::{NodeId, node::RegisterServer};
use store::contention::give_way;

use super::{Error, Nodes};
use crate::{
    clock::Now,
    state::registry::{self, Claim, record::Registration},
};

/// How often a registration that met another one is tried again, with pauses between.
const ATTEMPTS: u32 = 16;

impl Nodes {
    /// Accepts a node and gives it its id.
    ///
    /// # Errors
    /// [`Error::Registry`], [`Error::Store`].
    pub(crate) async fn register(&self, request: RegisterServer, now: Now) -> Result<NodeId, Error> {
        let (hostname, generation) = (request.hostname.clone(), request.generation);
        let registered = self.claim(request, now).await;
        match &registered {
            Ok(node) => tracing::info!(node.id = %node, generation, "node {hostname} registered as {node}"),
            Err(error) => tracing::warn!(generation, "node {hostname:?} was refused: {error}"),
        }
        registered
    }

    async fn claim(&self, request: RegisterServer, now: Now) -> Result<NodeId, Error> {
        let request = registry::checked(request)?;
        let new_id = new_node_id()?;
        for attempt in 1..=ATTEMPTS {
            self.look_up(&request, &new_id, now).await?;
            let claim = self.state.read_nodes(|registry| registry.claim(&request, &new_id, now.instant))?;
            if let Some(node_id) = self.write(&request.hostname, claim).await? {
                self.state.nodes(|registry, fleet, _| {
                    registry.renew(&node_id, now.instant);
                    registry.join(&node_id, fleet, now.instant);
                });
                return Ok(node_id);
            }
            give_way(attempt).await;
        }
        Err(registry::Error::HostnameTaken(request.hostname).into())
    }

    /// Takes over what the store has under the hostname. A process that has it already, as far as is known here, need not wait
    /// for a store that does not answer: it might as well have sent its next heartbeat.
    async fn look_up(&self, request: &RegisterServer, new_id: &NodeId, now: Now) -> Result<(), store::Error> {
        let claim = self.state.read_nodes(|registry| registry.claim(request, new_id, now.instant));
        let looked_up = self.state.node_records.look_up(&request.hostname);
        match claim {
            Ok(Claim::Registered(_)) => self.breaker.call(&*self.kv, looked_up).await.unwrap_or(Ok(())),
            _ => looked_up.await,
        }
    }

    /// Writes what the claim wants. Gives the id of the node that has the hostname then; `None` if another process was first.
    async fn write(&self, hostname: &str, claim: Claim) -> Result<Option<NodeId>, store::Error> {
        let (records, hostname) = (&self.state.node_records, hostname.to_owned());
        match claim {
            Claim::Registered(node_id) => Ok(Some(node_id)),
            Claim::Add(registration) => match records.create(&hostname, registration.clone()).await {
                Ok(()) => Ok(Some(registration.node_id)),
                Err(store::Error::Conflict) => Ok(None),
                Err(error) => Err(error),
            },
            Claim::Replace { known, by } => {
                let replace = |found: &Registration| (*found == known).then(|| by.clone());
                let found = records.change_known(&hostname, replace).await?;
                Ok(found.filter(|found| *found == by).map(|found| found.node_id))
            }
        }
    }
}

fn new_node_id() -> Result<NodeId, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(NodeId(format!("{:016x}", u64::from_ne_bytes(bytes))))
}
