//! Makes items of uploads that are complete.
//!
//! Each is a task in the store's [`Queue`]: any main server may do it, each one at a time, and another one begins again if one
//! dies. Nothing is done twice by that: the item has the id that the upload chose, blobs are named by their content, and a file
//! gives the same fragments each time. A file that ends the process, again and again, becomes a dead letter, and its item fails.
//! An outage of the store or the object store and a server that stops cost no attempt: the upload is tried again, with pauses, for
//! as long as uploads are kept.

mod file;
mod fragments;
mod item;
mod reader;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use objects::Objects;
use protocol::item::State;
use serde::{Deserialize, Serialize};
use store::{
    Kv, Namespace, Queue,
    queue::{Claim, Error as QueueError, Options, Settings, Task},
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use self::{
    file::{Failure, Found, Reading},
    fragments::Fragments,
    reader::{FromStore, PartReader},
};
use super::{
    Uploads,
    record::{Key, Phase, Record},
};
use crate::{clock::Now, library::Error as LibraryError};

/// How many attempts may end the process.
const ATTEMPTS: u32 = 3;
/// Pauses before another attempt after an outage: half of the time since the upload was complete, between these.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 60);
/// Pause after the store did not take an upload back.
const RETRY: Duration = Duration::from_secs(1);
/// Files up to this size come before larger ones.
const SMALL_BYTES: u64 = 64 << 20;
/// Longest that reading a file may take, and more for each of its bytes: others wait for it.
const READ_TIMEOUT: Duration = Duration::from_secs(3 * 60);
const READ_BYTES_PER_S: u64 = 2 << 20;

/// How often an item says how much of its upload was read. Each time is a write to the store.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// An upload that is to become an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProcessUpload {
    upload: String,
}

impl Task for ProcessUpload {
    const NAMESPACE: Namespace = Namespace::new("upload-tasks");
}

/// See the [module](self).
pub(super) struct Processing {
    pub(super) uploads: Arc<Uploads>,
    pub(super) objects: Objects,
}

/// The queue of uploads that are to become items.
pub(super) fn queue(kv: &Arc<dyn Kv>) -> Queue<ProcessUpload> {
    Queue::new(Arc::clone(kv), Settings { max_attempts: ATTEMPTS, ..Settings::default() })
}

/// Why an upload became no item now.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The file is to blame; says why, for people.
    #[error("{0}")]
    File(String),
    /// It may work later.
    #[error("{0}")]
    Later(String),
    /// The item is deleted; it may be possible to restore it.
    #[error("the item is deleted")]
    Deleted,
    /// Another server has the task.
    #[error("another server has the task")]
    Lost,
}

impl From<QueueError> for Error {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Store(error) => error.into(),
            QueueError::Lost => Self::Lost,
            error => Self::Later(error.to_string()),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::File(reason) => Self::File(reason),
            Failure::Other(reason) => Self::Later(reason),
        }
    }
}

impl From<LibraryError> for Error {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Unknown => Self::Deleted,
            LibraryError::Full(reason) | LibraryError::Invalid(reason) => Self::File(reason),
            error => Self::Later(error.to_string()),
        }
    }
}

impl From<objects::Error> for Error {
    fn from(error: objects::Error) -> Self {
        Self::Later(error.to_string())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Later(error.to_string())
    }
}

impl Uploads {
    /// Has a complete upload become an item, some time. It may be called again.
    ///
    /// # Errors
    /// The store's, [`super::Error::Library`] and [`super::Error::Full`].
    pub(super) async fn process(&self, key: &Key, record: &Record) -> Result<(), super::Error> {
        if self.queue.knows(&key.to_string()) {
            // The item was made before. If it is gone by now, that is for good.
            return Ok(());
        }
        self.library.create(item::new(record), Now::read()).await?;
        let priority = u8::from(record.length <= SMALL_BYTES);
        let options = Options { key: Some(key.to_string()), priority, ..Options::default() };
        match self.queue.enqueue(ProcessUpload { upload: key.to_string() }, options).await {
            Ok(_) => Ok(()),
            Err(QueueError::Store(error)) => Err(error.into()),
            Err(_) => Err(super::Error::Full),
        }
    }

    /// How long ago an upload became complete.
    fn waited(&self, key: &Key) -> Duration {
        let since_ms = self.records.get(key).map_or(u64::MAX, |record| record.changed_at_ms);
        Duration::from_millis(Now::read().unix_ms().saturating_sub(since_ms))
    }

    /// The item of an upload fails, for that reason, unless it is ready or has failed.
    async fn fail(&self, key: &Key, reason: &str) -> Result<(), Error> {
        if let Some(record) = self.records.get(key).filter(|record| record.phase == Phase::Complete)
            && self.library.get(record.item_id).await?.state == State::Processing
        {
            self.library.fail(record.item_id, reason).await?;
        }
        self.done(key).await
    }

    /// The parts of an upload are not needed any more if its item is gone for good. Until then the item may be restored.
    async fn done_if_gone(&self, key: &Key) -> Result<(), Error> {
        if let Some(record) = self.records.get(key)
            && !self.library.is_gone(record.item_id).await?
        {
            return Err(Error::Deleted);
        }
        self.done(key).await
    }

    /// The parts of an upload are not needed any more.
    async fn done(&self, key: &Key) -> Result<(), Error> {
        let now_ms = Now::read().unix_ms();
        let record = self.records.change(key, |record| record.processed(now_ms)).await?;
        if let Some(record) = record {
            // Otherwise they are deleted later.
            let _ = self.look_after(key, &record, now_ms).await;
        }
        Ok(())
    }

    /// Fails the items of uploads that ended the process too often.
    pub(super) async fn give_up(&self) -> Result<(), super::Error> {
        for letter in self.queue.dead_letters() {
            let Ok(key) = letter.task.upload.parse::<Key>() else { continue };
            self.records.look_up(&key).await?;
            let settled = match self.fail(&key, "the server could not read the file: it may be damaged").await
            {
                Err(Error::Deleted) => self.done_if_gone(&key).await,
                settled => settled,
            };
            match settled {
                Ok(()) => drop(self.queue.cancel(&letter.key).await),
                Err(Error::Deleted) => {}
                Err(error) => tracing::warn!("the item of an upload cannot be changed now: {error}"),
            }
        }
        Ok(())
    }
}

impl Processing {
    /// Does what is to be done, one upload at a time, until `shutdown`.
    pub(super) async fn run(&self, shutdown: &CancellationToken) {
        while let Some(claim) = shutdown.run_until_cancelled(self.uploads.queue.claim()).await {
            self.work_on(claim, shutdown).await;
        }
    }

    async fn work_on(&self, mut claim: Claim<ProcessUpload>, shutdown: &CancellationToken) {
        let Ok(key) = claim.task().upload.parse::<Key>() else {
            let _ = claim.ack().await;
            return;
        };
        let Some(outcome) = shutdown.run_until_cancelled(self.process(&key, &mut claim)).await else {
            return put_back(&claim, Duration::ZERO, shutdown).await;
        };
        let waited = self.uploads.waited(&key);
        let settled = match outcome {
            Ok(()) => self.uploads.done(&key).await,
            Err(Error::File(reason)) => self.uploads.fail(&key, &reason).await,
            Err(Error::Later(reason)) if waited >= self.uploads.keep() => {
                tracing::warn!("an upload cannot be read: {reason}");
                self.uploads.fail(&key, "the server could not read the file: upload it again").await
            }
            Err(error) => Err(error),
        };
        let settled = match settled {
            Err(Error::Deleted) => self.uploads.done_if_gone(&key).await,
            settled => settled,
        };
        match settled {
            // If it does not count as done, the next attempt finds that nothing is left to do.
            Ok(()) => drop(claim.ack().await),
            Err(Error::Lost) => tracing::debug!("another server processes the upload"),
            Err(error) => {
                tracing::warn!("an upload is processed again later: {error}");
                put_back(&claim, (waited / 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE), shutdown).await;
            }
        }
    }

    /// Reads the file and fills the item.
    async fn process(&self, key: &Key, claim: &mut Claim<ProcessUpload>) -> Result<(), Error> {
        self.uploads.records.look_up(key).await?;
        let Some(record) = self.uploads.records.get(key).filter(|record| record.phase == Phase::Complete)
        else {
            return Ok(());
        };
        let item = self.uploads.library.get(record.item_id).await?;
        if item.state != State::Processing {
            return Ok(());
        }
        let mut reading = self.read(key, &record)?;
        let mut fragments = Fragments::new(&self.uploads.library, &self.objects, &record);
        let deadline = Instant::now() + READ_TIMEOUT + Duration::from_secs(record.length / READ_BYTES_PER_S);
        let mut renewal = interval(claim.lease() / 3);
        let mut telling = interval(TELL_INTERVAL);
        telling.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let found = tokio::select! {
                biased;
                _ = renewal.tick() => {
                    claim.progress().await?;
                    continue;
                }
                _ = telling.tick() => {
                    self.uploads.library.set_processed(record.item_id, reading.percent()).await?;
                    continue;
                }
                found = timeout_at(deadline, reading.next()) => found,
            };
            let found = found.map_err(|_| Error::File("reading it takes too long".to_owned()))?;
            match found.ok_or_else(|| Error::File("it cannot be read: the reader failed".to_owned()))? {
                Found::Opened(opened) => {
                    item::describe(&self.uploads.library, &self.objects, &record, &opened.tags).await?;
                    fragments.begin(&opened.formats).await?;
                }
                Found::Fragment(fragment) => fragments.add(fragment).await?,
                Found::End(damage) => {
                    fragments.end().await?;
                    let state =
                        self.uploads.library.set_state(record.item_id, State::Ready, damage.as_deref());
                    return Ok(state.await?);
                }
                Found::Failed(failure) => return Err(failure.into()),
            }
        }
    }

    fn read(&self, key: &Key, record: &Record) -> Result<Reading, Error> {
        let cancelled = CancellationToken::new();
        let from = FromStore {
            parts: self.uploads.parts.clone(),
            key: key.clone(),
            runtime: tokio::runtime::Handle::current(),
            cancelled: cancelled.clone(),
        };
        let reader = PartReader::new(record.parts().collect(), from);
        let name = record.metadata.filename.clone().unwrap_or_default();
        Reading::begin(reader, record.length, name, cancelled)
            .map_err(|error| Error::Later(error.to_string()))
    }
}

/// Another attempt can begin after `pause`, here or elsewhere. While the store is away, it is told again and again.
async fn put_back(claim: &Claim<ProcessUpload>, pause: Duration, shutdown: &CancellationToken) {
    while let Err(QueueError::Store(error)) = claim.put_back(pause).await {
        tracing::debug!("an upload cannot be put back now: {error}");
        if shutdown.run_until_cancelled(sleep(RETRY)).await.is_none() {
            break;
        }
    }
}
