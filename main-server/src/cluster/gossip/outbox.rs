//! Items for the other main servers, until they are sent as one message.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::{BufMut, Bytes};
use protocol::{NodeId, StreamId, node::Heartbeat};
use store::{Entry, MAX_MESSAGE_BYTES, Namespace};
use tokio::sync::Notify;

use super::message::{self, HEAD_BYTES, Item, Part};
use crate::{clock::Now, streams::thumbnail::Thumbnail};

/// Bytes that are worth a message of their own.
const FULL_BYTES: usize = 256 * 1024;
/// Most bytes that wait; past it the oldest are dropped, which newer ones have most likely replaced.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Largest heartbeat that goes in one part.
const WHOLE_BYTES: usize = 256 * 1024;
/// Streams per part of a larger one; their JSON stays well below [`MAX_MESSAGE_BYTES`].
const ROWS_PER_PART: usize = 500;

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Bytes>,
    bytes: usize,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Outbox {
    /// `None` if no other server can be listening.
    waiting: Option<Mutex<Waiting>>,
    full: Notify,
    sender: u64,
}

impl Outbox {
    /// An empty outbox; that of a main server that `is_alone` stays so.
    pub(crate) fn new(is_alone: bool) -> Self {
        let waiting = (!is_alone).then(Mutex::default);
        Self { waiting, full: Notify::new(), sender: random() }
    }

    /// The sender: a number that no other main server has.
    pub(super) fn sender(&self) -> u64 {
        self.sender
    }

    /// Has a heartbeat passed on: `body`, or in parts if that is too large for a message.
    pub(crate) fn heartbeat(&self, node_id: &NodeId, heartbeat: &Heartbeat, body: &Bytes, now: Now) {
        if self.waiting.is_none() {
            return;
        }
        let item =
            |part, body| Item::Heartbeat { node_id: node_id.clone(), heard_at_ms: now.unix_ms(), part, body };
        if body.len() <= WHOLE_BYTES {
            return self.add(&item(Part::Whole, body.clone()));
        }
        let count = heartbeat.streams.chunks(ROWS_PER_PART).len();
        for (index, rows) in heartbeat.streams.chunks(ROWS_PER_PART).enumerate() {
            let part = match index {
                0 if count == 1 => Part::Whole,
                0 => Part::First,
                last if last + 1 == count => Part::Last,
                _ => Part::Next,
            };
            let heartbeat = Heartbeat { load: heartbeat.load, streams: rows.to_vec() };
            let body = serde_json::to_vec(&heartbeat).expect("ids, texts and numbers are always JSON");
            self.add(&item(part, body.into()));
        }
    }

    /// Has a picture passed on.
    pub(crate) fn thumbnail(&self, stream_id: StreamId, thumbnail: &Thumbnail) {
        self.add(&Item::Thumbnail { stream_id, thumbnail: thumbnail.clone() });
    }

    /// Queues a write to the store for the others.
    pub(crate) fn written(&self, namespace: Namespace, entry: Entry) {
        self.add(&Item::Written { namespace, entry });
    }

    fn add(&self, item: &Item) {
        let Some(mut waiting) = self.lock() else { return };
        let Some(item) = message::write(item).filter(|item| HEAD_BYTES + item.len() <= MAX_MESSAGE_BYTES)
        else {
            return;
        };
        waiting.bytes += item.len();
        waiting.items.push_back(item);
        while waiting.bytes > MOST_BYTES {
            let dropped = waiting.items.pop_front().map_or(0, |item| item.len());
            waiting.bytes -= dropped;
        }
        if waiting.bytes >= FULL_BYTES {
            self.full.notify_one();
        }
    }

    /// Waits until a message is full.
    pub(super) async fn until_full(&self) {
        self.full.notified().await;
    }

    /// Everything that waits, as messages.
    pub(super) fn take(&self) -> Vec<Bytes> {
        let waiting = self.lock().map(|mut waiting| std::mem::take(&mut *waiting)).unwrap_or_default();
        let mut messages = Vec::new();
        let mut message = message::head(self.sender, waiting.bytes.min(FULL_BYTES));
        for item in waiting.items {
            if message.len() > HEAD_BYTES && message.len() + item.len() > FULL_BYTES {
                let next = message::head(self.sender, FULL_BYTES);
                messages.push(std::mem::replace(&mut message, next).freeze());
            }
            message.put(item);
        }
        if message.len() > HEAD_BYTES {
            messages.push(message.freeze());
        }
        messages
    }

    /// A keep-alive: it names the server that sends it.
    pub(super) fn keep_alive(&self) -> Bytes {
        message::head(self.sender, 0).freeze()
    }

    fn lock(&self) -> Option<MutexGuard<'_, Waiting>> {
        self.waiting.as_ref().map(|waiting| waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A number no other process has. Without random bytes the clock and the process have to do.
fn random() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(_) => Now::read().unix_ms() << 20 ^ u64::from(std::process::id()),
    }
}
