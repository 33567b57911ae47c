//! What is done for uploads without a request: those without progress expire, and parts that are not needed are deleted.
//!
//! Every main server does it for all uploads, so none has to live. Doing it twice does no harm.

use std::{
    cmp::Reverse,
    time::{Duration, SystemTime},
};

use tokio::time::sleep;

use super::{
    Error, Uploads,
    record::{Key, Phase, Record},
};
use crate::{clock::Now, library::Error as LibraryError};

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(30);
/// After how many looks it is looked for parts of uploads that have no record: an hour.
const ROUNDS_OF_UNKNOWN: u64 = 120;
/// How long the record of an upload is kept after its parts were deleted for the first time: longer than storing a part may take
/// for a writer that does not know yet.
const KEEP_GONE: Duration = Duration::from_secs(10 * 60);
/// Most records of uploads that are gone, of the cluster: the oldest of more go before their time. Parts that a writer stores later
/// are deleted with those that have no record.
pub(super) const MOST_GONE: usize = 2_000;

impl Uploads {
    /// Runs until dropped.
    pub(super) async fn keep_up(&self) {
        for round in 0_u64.. {
            let now_ms = Now::read().unix_ms();
            self.look_after_all(now_ms).await;
            if round.is_multiple_of(ROUNDS_OF_UNKNOWN)
                && let Err(error) = self.delete_unknown(SystemTime::now()).await
            {
                tracing::warn!("cannot look for uploads without a record now: {error}");
            }
            sleep(INTERVAL).await;
        }
    }

    /// Deletes the parts of uploads that have no record, if they are as old as an upload that expires: the record was lost, perhaps
    /// with a store that was restored.
    pub(super) async fn delete_unknown(&self, now: SystemTime) -> Result<(), Error> {
        for key in self.parts.uploads().await? {
            if !self.records.is_absent(&key).await? {
                continue;
            }
            let newest = self.parts.newest(&key).await?;
            let age = newest.map(|newest| now.duration_since(newest).unwrap_or_default());
            if age.is_some_and(|age| age >= self.keep()) {
                tracing::info!("parts of an upload without a record are deleted");
                self.parts.delete(&key).await?;
            }
        }
        Ok(())
    }

    /// One upload that cannot be looked after does not hold up the others.
    pub(super) async fn look_after_all(&self, now_ms: u64) {
        if let Err(error) = self.give_up().await {
            tracing::warn!("cannot give up uploads now: {error}");
        }
        let all = self.records.all();
        if let Err(error) = self.forget_surplus(&all).await {
            tracing::warn!("cannot forget uploads that are gone now: {error}");
        }
        for (key, record) in all {
            if let Err(error) = self.look_after(&key, &record, now_ms).await {
                tracing::warn!("cannot look after an upload now: {error}");
            }
        }
    }

    /// Forgets the uploads that went first, if more than [`MOST_GONE`] are gone.
    async fn forget_surplus(&self, all: &[(Key, Record)]) -> Result<(), Error> {
        let mut gone: Vec<_> = all.iter().filter(|(_, record)| record.phase == Phase::Gone).collect();
        gone.sort_unstable_by_key(|(_, record)| Reverse(record.changed_at_ms));
        for (key, _) in gone.into_iter().skip(MOST_GONE) {
            self.forget(key).await?;
        }
        Ok(())
    }

    async fn forget(&self, key: &Key) -> Result<(), Error> {
        self.parts.delete(key).await?;
        Ok(self.records.remove(key).await?)
    }

    /// Does what is due for one upload.
    ///
    /// # Errors
    /// Those of the store and the object store; it is done later then.
    pub(super) async fn look_after(&self, key: &Key, record: &Record, now_ms: u64) -> Result<(), Error> {
        let age = Duration::from_millis(now_ms.saturating_sub(record.changed_at_ms));
        match record.phase {
            Phase::Receiving if age >= self.keep() => {
                self.expire(key, record, now_ms).await?;
            }
            Phase::Gone | Phase::Processed => {
                let is_over = age >= if record.phase == Phase::Gone { KEEP_GONE } else { self.keep() };
                if is_over {
                    // Its owner had as long to see why.
                    self.library.delete_failed(record.item_id, Now::read()).await?;
                    self.forget(key).await?;
                } else if age < KEEP_GONE {
                    self.parts.delete(key).await?;
                }
            }
            // The server that received the last byte did not get so far.
            Phase::Complete if age >= INTERVAL => match self.process(key, record).await {
                Err(Error::Library(LibraryError::Full(reason))) if age >= self.keep() => {
                    tracing::warn!("an upload expires, no item can be made of it: {reason}");
                    self.expire(key, record, now_ms).await?;
                }
                outcome => outcome?,
            },
            Phase::Receiving | Phase::Complete => {}
        }
        Ok(())
    }

    async fn expire(&self, key: &Key, record: &Record, now_ms: u64) -> Result<(), Error> {
        // Decided on what the store has: this server may have missed progress.
        let expired = |newest: &Record| (newest == record).then(|| newest.expired(now_ms));
        self.records.change_known(key, expired).await.map(drop).map_err(Error::from)
    }
}
