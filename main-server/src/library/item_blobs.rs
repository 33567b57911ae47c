//! The blobs that items refer to.

use std::collections::BTreeSet;

use protocol::{ItemId, item::Blob};

use super::{Error, Library, Record};

impl Library {
    /// Calls `each` with every blob of every item, including items that can be restored, possibly more than
    /// once.
    ///
    /// # Errors
    /// [`Error::Store`], also for an entry that this version cannot read, whose blobs were not named.
    pub(crate) async fn item_blobs(&self, mut each: impl FnMut(ItemId, &Blob)) -> Result<(), Error> {
        self.manifests.blobs(|item_id, blob| each(item_id, blob)).await?;
        for (item_id, record) in self.items.all() {
            record.blobs().for_each(|blob| each(item_id, blob));
        }
        Ok(())
    }

    /// Calls `each` with the hash of every blob of every item, including items that can be restored. Deletes
    /// manifests without an item, which a failure may leave.
    ///
    /// # Errors
    /// [`Error::Store`], also for an entry that this version cannot read, whose blobs were not named.
    pub(crate) async fn named_blobs(&self, mut each: impl FnMut(&str)) -> Result<(), Error> {
        let mut unknown = BTreeSet::new();
        self.manifests
            .blobs(|item_id, blob| {
                if self.items.get(&item_id).is_none() {
                    unknown.insert(item_id);
                }
                each(&blob.hash);
            })
            .await?;
        for item_id in unknown {
            if self.is_gone(item_id).await? {
                self.manifests.remove(item_id).await?;
            }
        }
        let blobs = |_, record: Record| record.blobs().for_each(|blob| each(&blob.hash));
        Ok(self.items.each_stored(blobs).await?)
    }
}
