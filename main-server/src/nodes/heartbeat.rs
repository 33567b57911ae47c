//! Heartbeats: a node says how loaded it is and which streams it carries, here or at another main server.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use protocol::{
    NodeId, StreamId,
    node::{Command, Heartbeat},
};
use tokio::time::timeout;

use super::{
    Error, Nodes, registry,
    report::{Heard, Orders},
};
use crate::clock::Now;

/// Most streams of one heartbeat that the store is asked about; the next heartbeat asks about others.
const MOST_LOOKED_UP: usize = 64;
/// Longest wait for its answers: a node that waits for a second uses another main server.
const LOOK_UP_TIMEOUT: Duration = Duration::from_millis(300);

impl Nodes {
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
            Ok(orders) => orders,
            Err(unknown) => {
                self.partition.knows_all()?;
                return Err(unknown.into());
            }
        };
        self.outbox.heartbeat(node_id, heartbeat, body, now);
        if !orders.unknown.is_empty() {
            orders = self.look_up_unknown(node_id, heartbeat, orders, now).await?;
        }
        Ok(orders.over.into_iter().map(|stream_id| Command::EndStream { stream_id }).collect())
    }

    /// Takes over what a node reported to another main server.
    pub(crate) fn overhear(&self, node_id: &NodeId, heartbeat: &Heartbeat, now: Now) {
        if self.view.nodes(|registry, _, _| registry.is_news(node_id, now.instant)) {
            // The main server that heard it answers the node.
            drop(self.hear(node_id, heartbeat, Heard::FromOthers, now));
        }
    }

    fn hear(
        &self,
        node_id: &NodeId,
        heartbeat: &Heartbeat,
        heard: Heard,
        now: Now,
    ) -> Result<Orders, registry::Error> {
        self.view.nodes(|registry, fleet, streams| {
            let node = registry.heartbeat(node_id, heartbeat.load, heard, now.instant)?;
            let orders = streams.report(node_id, &node.hostname, &heartbeat.streams, heard, now);
            fleet.join(&node.spec());
            fleet.report(&node.hostname, &heartbeat.load, &heartbeat.streams, now.instant);
            for stream_id in orders.over.iter().chain(&orders.unknown) {
                fleet.forget(*stream_id);
            }
            Ok(orders)
        })
    }

    /// Asks the store about streams that a node carries and that are unknown here. Those it does not know either are to end.
    async fn look_up_unknown(
        &self,
        node_id: &NodeId,
        heartbeat: &Heartbeat,
        orders: Orders,
        now: Now,
    ) -> Result<Orders, Error> {
        let unknown = orders.unknown.into_iter().take(MOST_LOOKED_UP);
        let asked = join_all(unknown.map(async |stream_id: StreamId| {
            self.view.stream_records.look_up(&stream_id).await.is_ok().then_some(stream_id)
        }));
        let answers = timeout(LOOK_UP_TIMEOUT, asked).await.unwrap_or_default();
        let answered: Vec<StreamId> = answers.into_iter().flatten().collect();
        let mut orders = self.hear(node_id, heartbeat, Heard::Directly, now)?;
        let nowhere = orders.unknown.iter().filter(|stream_id| answered.contains(stream_id));
        orders.over.extend(nowhere);
        Ok(orders)
    }
}
