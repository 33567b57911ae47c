//! The bytes of uploads in the object store.

use bytes::Bytes;
use objects::{Error, Objects};

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
        self.0.put_part(&name(key, writer), offset, bytes).await
    }

    /// The bytes of a part.
    ///
    /// # Errors
    /// The object store's.
    pub(crate) async fn get(&self, key: &Key, part: Part) -> Result<Bytes, Error> {
        self.0.get_part(&name(key, part.writer), part.offset).await
    }

    /// Deletes what the writers up to `last` stored.
    ///
    /// # Errors
    /// The object store's.
    pub(super) async fn delete(&self, key: &Key, last: u32) -> Result<(), Error> {
        for writer in 1..=last {
            self.0.delete_parts(&name(key, writer)).await?;
        }
        Ok(())
    }

    /// Deletes what one writer stored.
    ///
    /// # Errors
    /// The object store's.
    pub(super) async fn delete_of(&self, key: &Key, writer: u32) -> Result<(), Error> {
        self.0.delete_parts(&name(key, writer)).await
    }
}

fn name(key: &Key, writer: u32) -> String {
    format!("{key}-{writer}")
}
