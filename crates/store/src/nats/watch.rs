//! Changes by an ephemeral push consumer of this watch's own.
//!
//! Any copy of the stream may serve it, even one that is behind; so the watch is current only once it has shown what the
//! leader had as the newest entry when it began. Whatever is not in order (a gap, silence, a lost connection) ends it with
//! an error: the next watch starts from a known watcher, and no deletion is missed.

use std::{collections::BTreeMap, time::Duration};

use async_nats::jetstream::{
    Message,
    consumer::{
        AckPolicy, DeliverPolicy,
        push::{self, Messages},
    },
};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::{
    Nats, key,
    message::{self, unavailable},
    read,
};
use crate::{Entry, Error, Event, LeaseWatch, Leased, Namespace, Revision, Watch};

/// How often a consumer that has nothing to say shows that it is alive; it is given up after twice that.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long showing what is there may pause.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// A consumer's messages, checked to be without a gap.
pub(super) struct Delivery {
    messages: Messages,
    delivered: u64,
}

impl Delivery {
    /// Everything on `subjects` from sequence `start` on.
    pub(super) async fn start(
        nats: &Nats,
        subjects: String,
        start: u64,
        headers_only: bool,
    ) -> Result<Self, Error> {
        let config = push::Config {
            deliver_subject: nats.client.new_inbox(),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start.max(1) },
            ack_policy: AckPolicy::None,
            max_deliver: 1,
            filter_subject: subjects,
            headers_only,
            flow_control: true,
            idle_heartbeat: HEARTBEAT,
            num_replicas: 1,
            memory_storage: true,
            ..push::Config::default()
        };
        let consumer = nats.stream.create_consumer(config).await.map_err(|error| unavailable(&error))?;
        let messages = consumer.messages().await.map_err(|error| unavailable(&error))?;
        Ok(Self { messages, delivered: 0 })
    }

    /// The next message and its sequence in the stream.
    pub(super) async fn next(&mut self) -> Result<(u64, Message), Error> {
        let ended = || unavailable(&"the watch has ended");
        let message = self.messages.next().await.ok_or_else(ended)?.map_err(|error| unavailable(&error))?;
        let info = message.info().map_err(|error| unavailable(&error))?;
        let (sequence, delivered) = (info.stream_sequence, info.consumer_sequence);
        self.delivered += 1;
        if delivered != self.delivered {
            return Err(unavailable(&"the watch missed a message"));
        }
        Ok((sequence, message))
    }
}

/// One watcher's watcher.
struct Watcher {
    delivery: Delivery,
    /// What the keys begin with that are shown.
    prefix: String,
    /// What has to be shown before the watch is current.
    newest: u64,
    shown: u64,
    is_current: bool,
    is_over: bool,
    give_up: Instant,
}

pub(super) async fn start(
    nats: &Nats,
    namespace: Namespace,
    prefix: &str,
    after: Option<Revision>,
) -> Result<Watch, Error> {
    let shown = after.map_or(0, |after| after.0);
    let watcher = Watcher::start(nats, &key::subjects(namespace, prefix), prefix, shown).await?;
    if after.is_some() {
        check_known(nats, shown).await?;
    }
    Ok(stream::unfold(watcher, next).boxed())
}

/// Every entry on `subjects` whose key begins with `prefix`, by namespace and key.
pub(super) async fn entries(
    nats: &Nats,
    subjects: &str,
    prefix: &str,
) -> Result<Vec<(Namespace, Entry)>, Error> {
    let mut watcher = Watcher::start(nats, subjects, prefix, 0).await?;
    let mut entries = BTreeMap::new();
    while let Some((namespace, event)) = watcher.change().await? {
        match event {
            Event::Put(entry) => drop(entries.insert((namespace, entry.key.clone()), entry)),
            Event::Deleted { key, .. } => drop(entries.remove(&(namespace, key))),
            Event::Current => {}
        }
    }
    Ok(entries.into_iter().map(|((namespace, _), entry)| (namespace, entry)).collect())
}

/// Every entry with a lease, then each such entry as it is written.
pub(super) async fn leases(nats: &Nats) -> Result<LeaseWatch, Error> {
    let delivery = Delivery::start(nats, key::SUBJECTS.to_owned(), 1, true).await?;
    let leased = stream::try_unfold(delivery, async |mut delivery| {
        loop {
            let (sequence, message) = delivery.next().await?;
            if let Some(leased) = leased(sequence, &message) {
                return Ok(Some((leased, delivery)));
            }
        }
    });
    Ok(leased.boxed())
}

fn leased(sequence: u64, message: &Message) -> Option<Leased> {
    let lease = message::lease(message.headers.as_ref()?)?;
    let (namespace, key) = key::place(&message.subject)?;
    Some(Leased { namespace, key, revision: Revision(sequence), lease })
}

async fn check_known(nats: &Nats, after: u64) -> Result<(), Error> {
    let forgotten = read::last(&nats.stream, key::FORGOTTEN).await?;
    let forgotten = forgotten.and_then(|message| String::from_utf8_lossy(&message.payload).parse().ok());
    let info = nats.stream.get_info().await.map_err(|error| unavailable(&error))?;
    let is_known = forgotten.unwrap_or(0) <= after && after <= info.state.last_sequence;
    if is_known { Ok(()) } else { Err(Error::Compacted) }
}

async fn next(mut watcher: Watcher) -> Option<(Result<Event, Error>, Watcher)> {
    if watcher.is_over {
        return None;
    }
    let event = watcher.change().await.map(|change| change.map_or(Event::Current, |(_, event)| event));
    watcher.is_over = event.is_err();
    Some((event, watcher))
}

impl Watcher {
    /// Everything on `subjects` that was written after sequence `shown`.
    async fn start(nats: &Nats, subjects: &str, prefix: &str, shown: u64) -> Result<Self, Error> {
        let newest = read::last(&nats.stream, subjects).await?.map_or(0, |message| message.sequence);
        let delivery = Delivery::start(nats, subjects.to_owned(), shown + 1, false).await?;
        let give_up = Instant::now() + CATCH_UP_TIMEOUT;
        let prefix = prefix.to_owned();
        Ok(Self { delivery, prefix, newest, shown, is_current: false, is_over: false, give_up })
    }

    /// The next change; `None`, once, when everything that was there at the start was given.
    async fn change(&mut self) -> Result<Option<(Namespace, Event)>, Error> {
        loop {
            if !self.is_current && self.shown >= self.newest {
                self.is_current = true;
                return Ok(None);
            }
            let (sequence, message) = self.message().await?;
            self.shown = sequence;
            self.give_up = Instant::now() + CATCH_UP_TIMEOUT;
            let message = message.message;
            let headers = message.headers.unwrap_or_default();
            match message::event(&message.subject, sequence, &headers, message.payload) {
                Some(change) if change.1.key().is_some_and(|key| key.starts_with(&self.prefix)) => {
                    return Ok(Some(change));
                }
                Some(_) => {}
                None if message.subject.starts_with(key::META) => {}
                None => tracing::warn!(
                    "ignoring a message on NATS subject {:?}: not a valid entry",
                    message.subject
                ),
            }
        }
    }

    async fn message(&mut self) -> Result<(u64, Message), Error> {
        if self.is_current {
            return self.delivery.next().await;
        }
        let late = |_| unavailable(&"the copy that was asked is far behind");
        timeout_at(self.give_up, self.delivery.next()).await.map_err(late)?
    }
}
