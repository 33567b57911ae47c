//! What nodes do: register, report, say goodbye.

mod record;
pub(crate) mod registry;
pub(crate) mod routes;
mod sources;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use protocol::{
    NodeId, StreamId,
    node::{Command, Heartbeat, NodeInfo, RegisterServer},
};
use store::contention::give_way;
use tokio::time::timeout;

use crate::{
    clock::Now,
    control::{
        ControlPlane, Error,
        durable::{ATTEMPTS, in_time},
    },
    nodes::registry::{Claim, NODES},
    streams::catalogue::{Heard, Orders, STREAMS},
};

/// Most streams of one heartbeat that the store is asked about; the others' turn comes with the next.
const MOST_LOOKED_UP: usize = 64;
/// Longest wait for its answers: a node that waits for a second goes on to another main server.
const LOOK_UP_PATIENCE: Duration = Duration::from_millis(300);

impl ControlPlane {
    /// Accepts a node and gives it its id. Of several that ask for one hostname, at whatever main servers, one gets it.
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
        let hostname = request.hostname.as_str();
        let new_id = new_node_id()?;
        for attempt in 1..=ATTEMPTS {
            self.look_up_claimed(&request, &new_id, now).await?;
            let claim = self.change(|state| state.registry.claim(&request, &new_id, now.instant))?;
            let node_id = match claim {
                Claim::Registered(node_id) => node_id,
                Claim::Write(registration, expect) => {
                    match self.write_node(hostname, &registration, expect).await {
                        Ok(revision) => {
                            let node_id = registration.node_id.clone();
                            self.learn_node(hostname, registration, revision, now);
                            node_id
                        }
                        Err(store::Error::Conflict) => {
                            give_way(attempt).await;
                            continue;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
            };
            self.change(|state| {
                state.registry.renew(&node_id, now.instant);
                state.seat(&node_id, now);
            });
            return Ok(node_id);
        }
        Err(registry::Error::HostnameTaken(request.hostname).into())
    }

    /// Takes over what the store has under the hostname that is asked for. A process that has it already, as far as is
    /// known here, need not wait for a store that is away: whether it says so with this or with its next heartbeat is one.
    async fn look_up_claimed(
        &self,
        request: &RegisterServer,
        new_id: &NodeId,
        now: Now,
    ) -> Result<(), store::Error> {
        let claim = self.change(|state| state.registry.claim(request, new_id, now.instant));
        let looked_up = self.look_up(NODES, &request.hostname);
        match claim {
            Ok(Claim::Registered(_)) => {
                self.absence.or_none(&*self.store.kv, looked_up).await.unwrap_or(Ok(()))
            }
            _ => looked_up.await,
        }
    }

    /// Renews a node's lease, takes over what it carries, and answers what it has to do. The other main servers are told
    /// by passing `body` on, the heartbeat as it came.
    ///
    /// # Errors
    /// [`Error::Registry`] if the node has to register again, [`Error::CutOff`] if it may be registered elsewhere.
    pub(crate) async fn heartbeat(
        &self,
        node_id: &NodeId,
        heartbeat: &Heartbeat,
        body: &Bytes,
        now: Now,
    ) -> Result<Vec<Command>, Error> {
        let mut orders = match self.hear(node_id, heartbeat, Heard::Directly, now) {
            Err(unknown) => return Err(self.knows_all().err().unwrap_or(unknown)),
            Ok(orders) => orders,
        };
        self.outbox.heartbeat(node_id, heartbeat, body, now);
        if !orders.unknown.is_empty() {
            orders = self.look_up_unknown(node_id, heartbeat, orders, now).await?;
        }
        Ok(orders.over.into_iter().map(|stream_id| Command::EndStream { stream_id }).collect())
    }

    /// Takes over what a node reports, as another main server heard it.
    pub(crate) fn overhear(&self, node_id: &NodeId, heartbeat: &Heartbeat, now: Now) {
        if self.change(|state| state.registry.is_news(node_id, now.instant)) {
            // What it asks for is answered by who heard it.
            drop(self.hear(node_id, heartbeat, Heard::FromOthers, now));
        }
    }

    fn hear(&self, node_id: &NodeId, heartbeat: &Heartbeat, heard: Heard, now: Now) -> Result<Orders, Error> {
        self.change(|state| {
            let node = state.registry.heartbeat(node_id, heartbeat.load, heard, now.instant)?;
            let orders = state.catalogue.report(node_id, &node.hostname, &heartbeat.streams, heard, now);
            state.fleet.join(&node.spec());
            state.fleet.report(&node.hostname, &heartbeat.load, &heartbeat.streams, now.instant);
            for stream_id in orders.over.iter().chain(&orders.unknown) {
                state.fleet.forget(*stream_id);
            }
            Ok(orders)
        })
    }

    /// Asks the store about streams that a node carries and nobody here knows. Those it does not know either are to end.
    async fn look_up_unknown(
        &self,
        node_id: &NodeId,
        heartbeat: &Heartbeat,
        orders: Orders,
        now: Now,
    ) -> Result<Orders, Error> {
        let unknown = orders.unknown.into_iter().take(MOST_LOOKED_UP);
        let asked = join_all(unknown.map(async |stream_id: StreamId| {
            self.look_up(STREAMS, &stream_id.to_string()).await.is_ok().then_some(stream_id)
        }));
        let answers = timeout(LOOK_UP_PATIENCE, asked).await.unwrap_or_default();
        let answered: Vec<StreamId> = answers.into_iter().flatten().collect();
        let mut orders = self.hear(node_id, heartbeat, Heard::Directly, now)?;
        let nowhere = orders.unknown.iter().filter(|stream_id| answered.contains(stream_id));
        orders.over.extend(nowhere);
        Ok(orders)
    }

    /// Forgets a node that stops; its streams are interrupted at once.
    ///
    /// # Errors
    /// [`Error::Registry`] if it is unknown, [`Error::Store`]: it is chosen no more all the same.
    pub(crate) async fn goodbye(&self, node_id: &NodeId, now: Now) -> Result<(), Error> {
        let hostname = self.change(|state| {
            let hostname = state.registry.get(node_id)?.hostname.clone();
            state.registry.end_lease(node_id, now.instant);
            state.fleet.leave(&hostname);
            state.catalogue.node_lost(node_id, now);
            Ok::<_, Error>(hostname)
        })?;
        for attempt in 1..=ATTEMPTS {
            let known = self.known(NODES, &hostname);
            let is_there = self.change(|state| state.registry.get(node_id).is_ok());
            let Some(revision) = known.filter(|_| is_there) else { break };
            match in_time(self.store.kv.delete(NODES, &hostname, Some(revision))).await {
                Ok(()) => self.forget(NODES, &hostname, revision, now),
                Err(store::Error::Conflict) => {
                    give_way(attempt).await;
                    self.look_up(NODES, &hostname).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        tracing::info!(node.id = %node_id, "node {node_id} said goodbye");
        Ok(())
    }

    /// Every known node.
    pub(crate) fn nodes(&self, now: Now) -> Vec<NodeInfo> {
        self.change(|state| {
            let (placed, waiting) = (state.catalogue.placed(), state.catalogue.waiting());
            let counts = |hostname: &str| {
                [&placed, &waiting].map(|counts| counts.get(hostname).copied().unwrap_or(0)).into()
            };
            state.registry.list(now.instant, counts)
        })
    }
}

fn new_node_id() -> Result<NodeId, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(NodeId(format!("{:016x}", u64::from_ne_bytes(bytes))))
}
