//! Items for the other main servers, until they are sent as one message.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::{BufMut, Bytes};
use store::{Entry, MAX_MESSAGE_BYTES, Namespace};
use tokio::sync::Notify;

use super::{
    kind::Kind,
    message::{self, HEAD_BYTES},
    written,
};
use crate::clock::Now;

/// Bytes that are worth a message of their own.
const FULL_BYTES: usize = 256 * 1024;
/// Most bytes that wait; past it the oldest are dropped, which newer ones have most likely replaced.
const MOST_BYTES: usize = 16 * 1024 * 1024;

#[derive(Debug, Default)]
struct Queued {
    items: VecDeque<Bytes>,
    bytes: usize,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Outbox {
    /// `None` if no other server can be listening.
    queued: Option<Mutex<Queued>>,
    full: Notify,
    sender: u64,
}

impl Outbox {
    /// An empty outbox; that of a main server that `is_alone` stays so.
    pub(crate) fn new(is_alone: bool) -> Self {
        let queued = (!is_alone).then(Mutex::default);
        Self { queued, full: Notify::new(), sender: random() }
    }

    /// The sender: a number that no other main server has.
    pub(crate) fn sender(&self) -> u64 {
        self.sender
    }

    /// Whether no other main server can be listening: what is sent is dropped.
    pub(crate) fn is_alone(&self) -> bool {
        self.queued.is_none()
    }

    /// Queues a message for the others: the pieces of `payload`, one after the other. One too large for the bus is dropped.
    pub(crate) fn send(&self, kind: Kind, payload: &[&[u8]]) {
        let Some(mut queued) = self.lock() else { return };
        let Some(item) =
            message::item(kind, payload).filter(|item| HEAD_BYTES + item.len() <= MAX_MESSAGE_BYTES)
        else {
            return;
        };
        queued.bytes += item.len();
        queued.items.push_back(item);
        while queued.bytes > MOST_BYTES {
            let dropped = queued.items.pop_front().map_or(0, |item| item.len());
            queued.bytes -= dropped;
        }
        if queued.bytes >= FULL_BYTES {
            self.full.notify_one();
        }
    }

    /// Queues a write to the store for the others.
    pub(crate) fn written(&self, namespace: Namespace, entry: &Entry) {
        if !self.is_alone() {
            self.send(Kind::WRITTEN, &[&written::head(namespace, entry), &entry.value]);
        }
    }

    /// Waits until a message is full.
    pub(super) async fn until_full(&self) {
        self.full.notified().await;
    }

    /// Everything that waits, as messages.
    pub(super) fn take(&self) -> Vec<Bytes> {
        let queued = self.lock().map(|mut queued| std::mem::take(&mut *queued)).unwrap_or_default();
        let mut messages = Vec::new();
        let mut message = message::head(self.sender, queued.bytes.min(FULL_BYTES));
        for item in queued.items {
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

    /// Every queued item, as another server reads it.
    #[cfg(test)]
    pub(crate) fn items(&self) -> impl Iterator<Item = (Kind, Bytes)> {
        let messages = self.take().into_iter().inspect(|message| assert!(message.len() <= MAX_MESSAGE_BYTES));
        messages.filter_map(message::read).flat_map(|message| message.items)
    }

    /// A keep-alive: it names the server that sends it.
    pub(super) fn keep_alive(&self) -> Bytes {
        message::head(self.sender, 0).freeze()
    }

    fn lock(&self) -> Option<MutexGuard<'_, Queued>> {
        self.queued.as_ref().map(|queued| queued.lock().unwrap_or_else(PoisonError::into_inner))
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
