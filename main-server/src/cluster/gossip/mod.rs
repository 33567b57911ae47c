//! Messages between main servers, so that all have the same state: what features send, and what was written to the store.
//!
//! A message is bytes of a [`Kind`]. A feature puts it into the [`Outbox`], and registers what it does with those of others by
//! `Feature::hears`; nothing here knows what a message says.
//!
//! No message has to arrive: the next heartbeat replaces the last one a second later, and the watch of the store shows every
//! write. Only while that watch is broken, gossip [replaces](super::partition) it. So a message is sent once and without an
//! answer, and when the bus is slow the oldest messages are dropped. A server also hears its own messages. While it does not, it
//! is [cut off](super::partition). A main server that is alone sends nothing.

mod kind;
mod listeners;
mod message;
mod outbox;
mod written;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use store::{Bus, Subject};
use tokio::time::{Instant, sleep, timeout, timeout_at};

pub(crate) use self::{kind::Kind, listeners::Listeners, outbox::Outbox};
use crate::{
    clock::Now,
    cluster::partition::{Link, Partition},
};

/// The payloads in a message.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_payloads(message: Bytes) -> Vec<Bytes> {
    let items = message::read(message).map(|message| message.items);
    items.into_iter().flatten().map(|(_, payload)| payload).collect()
}

/// Reads a payload as an entry of the store.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_written(payload: Bytes) {
    let _ = written::read(payload);
}

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
const SILENCE_TIMEOUT: Duration = Duration::from_millis(2200);
/// Pause before a broken subscription is begun again.
const RETRY: Duration = Duration::from_millis(200);

/// See the [module](self).
pub(crate) struct Gossip {
    bus: Arc<dyn Bus>,
    outbox: Arc<Outbox>,
    partition: Arc<Partition>,
    listeners: Listeners,
}

impl Gossip {
    /// Sends what is in `outbox`; `listeners` get what the others send.
    pub(crate) fn new(
        bus: Arc<dyn Bus>,
        outbox: Arc<Outbox>,
        partition: Arc<Partition>,
        listeners: Listeners,
    ) -> Self {
        Self { bus, outbox, partition, listeners }
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
            if heard.elapsed() > SILENCE_TIMEOUT {
                self.partition.lost(Link::Others, Now::read());
            }
            sleep(RETRY).await;
        }
    }

    /// Listens until the subscription ends; `heard` is when this server last heard itself.
    async fn hear(&self, mut messages: BoxStream<'static, Bytes>, heard: &mut Instant) {
        loop {
            let message = match timeout_at(*heard + SILENCE_TIMEOUT, messages.next()).await {
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
                message.items.for_each(|(kind, payload)| self.listeners.hear(kind, payload));
            }
        }
    }
}

#[cfg(test)]
mod tests;
