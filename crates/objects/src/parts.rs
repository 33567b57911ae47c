//! Parts of unfinished uploads, in the order of their bytes. They are not named by their content, and not verified.

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;

use crate::{Error, Objects, key};

/// A part of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where in the upload it begins.
    pub offset: u64,
    /// Its size.
    pub bytes: u64,
}

/// The name of an upload has 1 to 64 letters and digits of ASCII, `-` or `_`. All calls fail with [`Error::Upload`] for another one,
/// and with [`Error::Unsupported`] by main servers.
impl Objects {
    /// Keeps the part of an upload that begins at `offset`; replaces the one that is there.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::TooLarge`].
    pub async fn put_part(&self, upload: &str, offset: u64, bytes: Bytes) -> Result<(), Error> {
        self.store("a part of an upload")?.put(&key::part(upload, offset)?, bytes).await
    }

    /// The part of an upload that begins at `offset`.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Unavailable`].
    pub async fn get_part(&self, upload: &str, offset: u64) -> Result<Bytes, Error> {
        self.store("a part of an upload")?.get(&key::part(upload, offset)?, None).await
    }

    /// All parts of an upload, in order; none if there is no such upload.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_parts(&self, upload: &str) -> Result<Vec<Part>, Error> {
        let objects = self.store("a part of an upload")?.list(key::upload(upload)?);
        let parts = objects.try_filter_map(|(key, info)| async move {
            Ok(key::offset(&key).map(|offset| Part { offset, bytes: info.bytes }))
        });
        let mut parts: Vec<Part> = parts.try_collect().await?;
        parts.sort_unstable_by_key(|part| part.offset);
        Ok(parts)
    }

    /// Deletes all parts of an upload.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some may be deleted then.
    pub async fn delete_parts(&self, upload: &str) -> Result<(), Error> {
        let store = self.store("a part of an upload")?;
        for part in self.list_parts(upload).await? {
            store.delete(&key::part(upload, part.offset)?).await?;
        }
        store.remove_empty(&key::upload(upload)?).await;
        Ok(())
    }

    /// The names of all uploads that have parts.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_uploads(&self) -> Result<Vec<String>, Error> {
        self.store("a part of an upload")?.folders(&Path::from(key::UPLOADS)).await
    }
}
