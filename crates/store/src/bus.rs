//! Small messages to every process: delivered at most once, and no publisher waits for a slow subscriber.
//!
//! What must not be lost belongs into [`Kv`](super::Kv). The bus is for messages that the next one soon replaces.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::broadcast::{self, error::RecvError};

use super::Error;

/// Largest message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 512 * 1024;
/// Messages a subscriber may lag behind before it misses some.
const BACKLOG: usize = 256;

/// What a message is about; lower-case letters and dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject(pub &'static str);

/// Publish and subscribe. A publisher that subscribes hears itself.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Sends `message` to all subscribers.
    ///
    /// # Errors
    /// [`Error::Invalid`] beyond [`MAX_MESSAGE_BYTES`], [`Error::Unavailable`] if it certainly went nowhere.
    async fn publish(&self, subject: Subject, message: Bytes) -> Result<(), Error>;

    /// What is published from now on. Goes on after the servers were away; a subscriber that is slow misses messages.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn subscribe(&self, subject: Subject) -> Result<BoxStream<'static, Bytes>, Error>;

    /// Whether no other process can be listening.
    fn is_alone(&self) -> bool;
}

/// What every engine checks before it sends.
pub(super) fn check(message: &[u8]) -> Result<(), Error> {
    let fits = message.len() <= MAX_MESSAGE_BYTES;
    let rule = || format!("a message has at most {MAX_MESSAGE_BYTES} bytes, not {}", message.len());
    fits.then_some(()).ok_or_else(|| Error::Invalid(rule()))
}

/// The bus of a main server that is alone.
#[derive(Debug, Default)]
pub(super) struct InProcess {
    subjects: Mutex<HashMap<Subject, broadcast::Sender<Bytes>>>,
}

impl InProcess {
    fn sender(&self, subject: Subject) -> broadcast::Sender<Bytes> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        subjects.entry(subject).or_insert_with(|| broadcast::Sender::new(BACKLOG)).clone()
    }
}

#[async_trait]
impl Bus for InProcess {
    async fn publish(&self, subject: Subject, message: Bytes) -> Result<(), Error> {
        check(&message)?;
        // It fails only without a subscriber.
        let _ = self.sender(subject).send(message);
        Ok(())
    }

    async fn subscribe(&self, subject: Subject) -> Result<BoxStream<'static, Bytes>, Error> {
        Ok(stream::unfold(self.sender(subject).subscribe(), next).boxed())
    }

    fn is_alone(&self) -> bool {
        true
    }
}

async fn next(mut messages: broadcast::Receiver<Bytes>) -> Option<(Bytes, broadcast::Receiver<Bytes>)> {
    loop {
        match messages.recv().await {
            Ok(message) => return Some((message, messages)),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}
