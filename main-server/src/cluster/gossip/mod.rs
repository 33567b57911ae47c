//! What main servers tell each other: the heartbeats and pictures they got and what they wrote to the store, so that all
//! have the same view.
//!
//! No message has to arrive: the next heartbeat replaces the last one a second later, and the watch of the store shows every
//! write. Only while that watch is broken, gossip [replaces](super::partition) it. So a message is sent once and without an
//! answer, and when the bus is slow the oldest messages are dropped. A server also hears its own messages. While it does not, it
//! is [cut off](super::partition). A main server that is alone sends nothing.

mod message;
mod outbox;

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use protocol::{
    NodeId, StreamId,
    node::{CarriedStream, Heartbeat},
};
use store::{Bus, Entry, Namespace, Subject};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::message::{Item, Part};
pub(crate) use self::outbox::Outbox;
use crate::{
    clock::Now,
    cluster::partition::{Link, Partition},
    streams::thumbnail::Thumbnail,
};

/// What main servers hear each other on.
const SUBJECT: Subject = Subject("gossip");
/// How long a message is held back to be sent together with later ones.
const BATCH: Duration = Duration::from_millis(100);
/// Keep-alive interval: a server that has no news for so long says so.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// Longest wait for the bus to take a message.
const BUS_TIMEOUT: Duration = Duration::from_secs(1);
/// Time without its own messages after which a server counts as cut off. Shorter than the shortest lease of nodes (3 s with
/// NATS), so that no lease ends for that.
const DEAF: Duration = Duration::from_millis(2200);
/// Pause before a broken subscription is begun again.
const RETRY: Duration = Duration::from_millis(200);
/// Most nodes whose heartbeat has come in part.
const MOST_IN_PARTS: usize = 64;
/// Most streams of a heartbeat that comes in parts; no node has as many.
const MOST_ROWS: usize = 100_000;

type InParts = HashMap<NodeId, Vec<CarriedStream>>;

/// Receives what other main servers send.
pub(crate) trait Listener: Send + Sync {
    /// A node's heartbeat arrived there at `now`.
    fn heartbeat(&self, node_id: &NodeId, heartbeat: &Heartbeat, now: Now);
    /// A picture arrived there.
    fn thumbnail(&self, stream_id: StreamId, thumbnail: Thumbnail);
    /// It wrote an entry.
    fn written(&self, namespace: Namespace, entry: &Entry);
}

/// See the [module](self).
pub(crate) struct Gossip<L> {
    bus: Arc<dyn Bus>,
    outbox: Arc<Outbox>,
    partition: Arc<Partition>,
    listener: L,
}

impl<L: Listener> Gossip<L> {
    /// Tells what is in `outbox`; `listener` hears the others.
    pub(crate) fn new(
        bus: Arc<dyn Bus>,
        outbox: Arc<Outbox>,
        partition: Arc<Partition>,
        listener: L,
    ) -> Self {
        Self { bus, outbox, partition, listener }
    }

    /// Tells the others and listens to them; returns at once if there can be none.
    pub(crate) async fn run(&self) {
        if !self.bus.is_alone() {
            tokio::join!(self.tell(), self.listen());
        }
    }

    async fn tell(&self) {
        let mut said = Instant::now() - KEEP_ALIVE;
        loop {
            let messages = self.outbox.take();
            if messages.is_empty() && said.elapsed() >= KEEP_ALIVE {
                self.say(self.outbox.keep_alive()).await;
                said = Instant::now();
            }
            for message in messages {
                self.say(message).await;
                said = Instant::now();
            }
            // Running out of time is one of the two ways this is meant to end.
            drop(timeout(BATCH, self.outbox.until_full()).await);
        }
    }

    async fn say(&self, message: Bytes) {
        // A server that is not heard notices by itself.
        match timeout(BUS_TIMEOUT, self.bus.publish(SUBJECT, message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("other main servers could not be told: {error}"),
            Err(_) => tracing::debug!("other main servers could not be told in time"),
        }
    }

    async fn listen(&self) {
        let mut heard = Instant::now();
        loop {
            match timeout(BUS_TIMEOUT, self.bus.subscribe(SUBJECT)).await {
                Ok(Ok(messages)) => self.hear(messages, &mut heard).await,
                Ok(Err(error)) => tracing::debug!("other main servers cannot be heard: {error}"),
                Err(_) => tracing::debug!("other main servers cannot be heard in time"),
            }
            if heard.elapsed() > DEAF {
                self.partition.lost(Link::Others, Now::read());
            }
            sleep(RETRY).await;
        }
    }

    /// Listens until the subscription ends; `heard` is when this server last heard itself.
    async fn hear(&self, mut messages: BoxStream<'static, Bytes>, heard: &mut Instant) {
        let mut in_parts = InParts::new();
        loop {
            let message = match timeout_at(*heard + DEAF, messages.next()).await {
                Ok(Some(message)) => message,
                Ok(None) => return,
                Err(_) => {
                    self.partition.lost(Link::Others, Now::read());
                    match messages.next().await {
                        Some(message) => message,
                        None => return,
                    }
                }
            };
            let Some(message) = message::read(message) else { continue };
            if message.sender == self.outbox.sender() {
                *heard = Instant::now();
                self.partition.regained(Link::Others);
            } else {
                message.items.for_each(|item| self.take_in(item, &mut in_parts));
            }
        }
    }

    fn take_in(&self, item: Item, in_parts: &mut InParts) {
        match item {
            Item::Thumbnail { stream_id, thumbnail } => self.listener.thumbnail(stream_id, thumbnail),
            Item::Written { namespace, entry } => self.listener.written(namespace, &entry),
            Item::Heartbeat { node_id, heard_at_ms, part, body } => {
                let Ok(mut heartbeat) = serde_json::from_slice::<Heartbeat>(&body) else { return };
                if !complete(&node_id, &mut heartbeat, part, in_parts) {
                    return;
                }
                // So that a stream went live at the same time everywhere.
                let now = Now { unix: Duration::from_millis(heard_at_ms), ..Now::read() };
                self.listener.heartbeat(&node_id, &heartbeat, now);
            }
        }
    }
}

/// Puts the parts of a heartbeat together; says whether it is complete now.
fn complete(node_id: &NodeId, heartbeat: &mut Heartbeat, part: Part, in_parts: &mut InParts) -> bool {
    if part == Part::Whole {
        return true;
    }
    let has_room = in_parts.len() < MOST_IN_PARTS || in_parts.contains_key(node_id);
    if part == Part::First && has_room {
        in_parts.insert(node_id.clone(), Vec::new());
    }
    let Some(rows) = in_parts.get_mut(node_id).filter(|rows| rows.len() < MOST_ROWS) else { return false };
    rows.append(&mut heartbeat.streams);
    let is_last = part == Part::Last;
    if is_last {
        heartbeat.streams = in_parts.remove(node_id).unwrap_or_default();
    }
    is_last
}

#[cfg(test)]
mod tests;
