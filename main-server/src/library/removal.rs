//! Deletes items, for some time or for good.

use protocol::ItemId;

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

    /// Restores an item that was deleted; one that was not stays as it is.
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

    /// Removes an item for good, with its manifest, as long as the store has it as one that `is_meant`; another one stays. Says
    /// whether it is gone.
    ///
    /// # Errors
    /// The store's: then the manifest may be left, for the collection of garbage.
    pub(crate) async fn remove(
        &self,
        item_id: ItemId,
        is_meant: impl Fn(&Record) -> bool,
    ) -> Result<bool, store::Error> {
        self.items.look_up(&item_id).await?;
        // First the record: it says whether the item was restored meanwhile.
        self.items.remove_if(&item_id, is_meant).await?;
        let is_gone = self.is_gone(item_id).await?;
        if is_gone {
            self.manifests.remove(item_id).await?;
        }
        Ok(is_gone)
    }

    /// Deletes an item for good if it has no media, as the store has it. Says whether it is gone.
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
