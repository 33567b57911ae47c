//! The bytes of uploads in the object store.

use std::time::SystemTime;

use bytes::Bytes;
use objects::{Error, Objects, PartName};

use super::record::{Key, Part};

/// See the [module](self).
#[derive(Clone)]
pub(crate) struct Parts(Objects);

impl Parts {
    pub(super) fn new(objects: Objects) -> Self {
        Self(objects)
    }

    /// Stores what `writer` appends to an upload at `offset`.
    ///
    /// # Errors
    /// The object store's.
    pub(super) async fn put(&self, key: &Key, writer: u32, offset: u64, bytes: Bytes) -> Result<(), Error> {
        self.0.put_part(&key.to_string(), PartName { offset, writer }, bytes).await
    }

    /// The bytes of a part.
    ///
    /// # Errors
    /// The object store's.
    pub(crate) async fn get(&self, key: &Key, part: Part) -> Result<Bytes, Error> {
        let Part { writer, offset, .. } = part;
        self.0.get_part(&key.to_string(), PartName { offset, writer }).await
    }

    /// As [`Self::get`], from a thread that may block, where the part is a file that can be read.
    pub(crate) fn read(&self, key: &Key, part: Part) -> Option<Bytes> {
        let Part { writer, offset, .. } = part;
        self.0.read_part(&key.to_string(), PartName { offset, writer })
    }

    /// Deletes all parts of an upload.
    ///
    /// # Errors
    /// The object store's.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.0.delete_parts(&key.to_string(), |_| true).await
    }

    /// Deletes what one writer stored.
    ///
    /// # Errors
    /// The object store's.
    pub(super) async fn delete_of(&self, key: &Key, writer: u32) -> Result<(), Error> {
        self.0.delete_parts(&key.to_string(), |part| part.writer == writer).await
    }

    /// The uploads that have parts.
    ///
    /// # Errors
    /// The object store's.
    pub(super) async fn uploads(&self) -> Result<Vec<Key>, Error> {
        let names = self.0.list_uploads().await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// When the newest part of an upload was written, by the object store's clock; `None` if it has none.
    ///
    /// # Errors
    /// The object store's.
    pub(super) async fn newest(&self, key: &Key) -> Result<Option<SystemTime>, Error> {
        let parts = self.0.list_parts(&key.to_string()).await?;
        Ok(parts.iter().map(|part| part.info.modified_at).max())
    }
}
