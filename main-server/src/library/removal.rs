//! Deletes items, temporarily or permanently.

use protocol::{ItemId, item::State};

use super::{Error, Library, Record, manifest::recorded};
use crate::clock::Now;

impl Library {
    /// Deletes an item; it can be restored for some time.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn delete(&self, item_id: ItemId, now: Now) -> Result<(), Error> {
        let until_ms = (now + self.limits.undo).unix_ms();
        self.change(item_id, |record| record.deleted_until_ms = Some(until_ms)).await.map(drop)
    }

    /// Deletes an item that failed; any other one stays.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn delete_failed(&self, item_id: ItemId, now: Now) -> Result<(), Error> {
        match self.find(item_id).await? {
            Some(record) if record.state == State::Failed && !record.is_deleted() => {
                self.delete(item_id, now).await
            }
            _ => Ok(()),
        }
    }

    /// Restores a deleted item; others stay unchanged.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn restore(&self, item_id: ItemId, now: Now) -> Result<(), Error> {
        let restored = |record: &Record| {
            let is_restorable = record.deleted_until_ms.is_some_and(|until_ms| now.unix_ms() < until_ms);
            is_restorable.then(|| Record { deleted_until_ms: None, ..record.clone() })
        };
        let record = self.items.change(&item_id, restored).await?;
        record.filter(|record| !record.is_deleted()).map(drop).ok_or(Error::Unknown)
    }

    /// Permanently removes an item and its manifest, if its record in the store satisfies `is_meant`. Returns
    /// whether it is gone.
    ///
    /// # Errors
    /// Those of the store. The manifest may then remain, until garbage collection.
    pub(crate) async fn remove(
        &self,
        item_id: ItemId,
        is_meant: impl Fn(&Record) -> bool,
    ) -> Result<bool, store::Error> {
        self.items.look_up(&item_id).await?;
        // The record first, because it shows whether the item was restored meanwhile.
        self.items.remove_if(&item_id, is_meant).await?;
        let is_gone = self.is_gone(item_id).await?;
        if is_gone {
            self.manifests.remove(item_id).await?;
        }
        Ok(is_gone)
    }

    /// Permanently removes an item that has no media according to the store. Returns whether it is gone.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn remove_empty(&self, item_id: ItemId) -> Result<bool, Error> {
        self.items.look_up(&item_id).await?;
        let Some(record) = self.items.get(&item_id) else { return Ok(true) };
        self.manifests.evict(item_id);
        if !recorded(&self.manifests.load(item_id, record.media_version).await?.takes).is_empty() {
            return Ok(false);
        }
        self.items.remove_if(&item_id, |found| found.media_version == record.media_version).await?;
        let is_gone = self.items.get(&item_id).is_none();
        if is_gone {
            self.manifests.remove(item_id).await?;
        }
        Ok(is_gone)
    }
}
