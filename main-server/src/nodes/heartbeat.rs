//! Heartbeats: a node says how loaded it is and which streams it carries, here or at another main server.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use protocol::{
    NodeId, StreamId,
    node::{Access, CarriedStream, Command, Heartbeat},
};
use tokio::time::timeout;

use super::{
    Error, Nodes,
    forwarded::{self, Forwarded},
};
use crate::{
    clock::Now,
    state::{
        heartbeat::{Received, Reply},
        registry,
    },
};

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
        let mut reply = match self.hear(node_id, heartbeat, Received::Directly, now) {
            Ok(reply) => reply,
            Err(unknown) => {
                self.partition.knows_all()?;
                return Err(unknown.into());
            }
        };
        forwarded::send(&self.outbox, node_id, heartbeat, body, now.unix_ms());
        if !reply.unknown.is_empty() {
            reply = self.look_up_unknown(node_id, heartbeat, reply, now).await?;
        }
        let ends = reply.over.into_iter().map(|stream_id| Command::EndStream { stream_id });
        let visibilities = self.visibilities(heartbeat);
        Ok(ends.chain(self.revocations(heartbeat)).chain(visibilities).collect())
    }

    /// The streams that a node lets other viewers watch than it should. A server that is cut off may not have heard that a stream
    /// became private, so it opens none.
    fn visibilities(&self, heartbeat: &Heartbeat) -> Vec<Command> {
        let mut changes = self.state.read_streams(|catalogue, _| {
            let change = |row: &CarriedStream| {
                let told = row.visibility?;
                let wanted = catalogue.running(row.stream_id).ok()?.record().access();
                // An older node never says more than the visibility.
                let has = Access::new(told, row.asked_only.unwrap_or(wanted.asked_only()));
                (has != wanted).then_some((row.stream_id, has, wanted))
            };
            heartbeat.streams.iter().filter_map(change).collect::<Vec<_>>()
        });
        if !changes.is_empty() && self.partition.knows_all().is_err() {
            changes.retain(|(_, has, wanted)| wanted > has);
        }
        let command = |(stream_id, _, wanted): (StreamId, Access, Access)| {
            let (visibility, asked_only) = (wanted.visibility(), wanted.asked_only());
            Command::SetVisibility { stream_id, visibility, asked_only }
        };
        changes.into_iter().map(command).collect()
    }

    /// The revoked invitations to the streams that a node carries.
    fn revocations(&self, heartbeat: &Heartbeat) -> Vec<Command> {
        if !self.invitations.has_revoked() {
            return Vec::new();
        }
        let carried = heartbeat.streams.iter().map(|row| row.stream_id);
        let revoked = |stream_id| {
            let ids = self.invitations.revoked(stream_id).into_iter();
            ids.map(move |invitation_id| Command::RevokeInvitation { stream_id, invitation_id })
        };
        carried.flat_map(revoked).collect()
    }

    /// Takes over what a node reported to another main server.
    pub(super) fn apply_forwarded(&self, forwarded: &Forwarded) {
        let Forwarded { node_id, received_at_ms, heartbeat } = forwarded;
        // So that a stream went live at the same time everywhere.
        let now = Now { unix: Duration::from_millis(*received_at_ms), ..Now::read() };
        if self.state.read_nodes(|registry| registry.is_news(node_id, now.instant)) {
            // The main server that received it answers the node.
            drop(self.hear(node_id, heartbeat, Received::Forwarded, now));
        }
    }

    fn hear(
        &self,
        node_id: &NodeId,
        heartbeat: &Heartbeat,
        received: Received,
        now: Now,
    ) -> Result<Reply, registry::Error> {
        self.state.nodes(|registry, fleet, streams| {
            registry.note(node_id, heartbeat);
            let node = registry.heartbeat(node_id, heartbeat.load, received, now.instant)?;
            let reply = streams.report(node_id, &node.hostname, &heartbeat.streams, received, now);
            fleet.join(&node.spec());
            fleet.report(&node.hostname, &heartbeat.load, &heartbeat.streams, now.instant);
            for stream_id in reply.over.iter().chain(&reply.unknown) {
                fleet.forget(*stream_id);
            }
            Ok(reply)
        })
    }

    /// Asks the store about streams that a node carries and that are unknown here. Those it does not know either are to end.
    async fn look_up_unknown(
        &self,
        node_id: &NodeId,
        heartbeat: &Heartbeat,
        reply: Reply,
        now: Now,
    ) -> Result<Reply, Error> {
        let unknown = reply.unknown.into_iter().take(MOST_LOOKED_UP);
        let asked = join_all(unknown.map(async |stream_id: StreamId| {
            self.state.stream_records.look_up(&stream_id).await.is_ok().then_some(stream_id)
        }));
        let answers = timeout(LOOK_UP_TIMEOUT, asked).await.unwrap_or_default();
        let answered: Vec<StreamId> = answers.into_iter().flatten().collect();
        let mut reply = self.hear(node_id, heartbeat, Received::Directly, now)?;
        let nowhere = reply.unknown.iter().filter(|stream_id| answered.contains(stream_id));
        reply.over.extend(nowhere);
        Ok(reply)
    }
}
