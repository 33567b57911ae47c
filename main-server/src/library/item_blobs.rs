//! The blobs of all items, with the items that name them.

use protocol::{ItemId, item::Blob};

use super::{Error, Library};

impl Library {
    /// Calls `each` with every blob that an item names and with the item, also for items that can be restored. A blob may come
    /// more than once.
    ///
    /// # Errors
    /// [`Error::Store`], also for an entry that this version cannot read: then some were not named.
    pub(crate) async fn item_blobs(&self, mut each: impl FnMut(ItemId, &Blob)) -> Result<(), Error> {
        self.manifests.blobs(|item_id, blob| each(item_id, blob)).await?;
        for (item_id, record) in self.items.all() {
            record.blobs().for_each(|blob| each(item_id, blob));
        }
        Ok(())
    }
}
