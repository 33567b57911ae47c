//! Parts of unfinished uploads, in the order of their bytes. They are not named by their content, and not verified.

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;

use crate::{Error, Info, Objects, key};

/// Which part of an upload: where it begins, and which of several writers of the same offset wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartName {
    /// Where in the upload it begins.
    pub offset: u64,
    /// The writer's number.
    pub writer: u32,
}

/// A part of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: PartName,
    /// Its size, and when it was written.
    pub info: Info,
}

/// The name of an upload has 1 to 64 letters and digits of ASCII, `-` or `_`. All calls fail with [`Error::Upload`] for another one,
/// and with [`Error::Unsupported`] by main servers.
impl Objects {
    /// Keeps a part of an upload; replaces the one of that name.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::TooLarge`].
    pub async fn put_part(&self, upload: &str, name: PartName, bytes: Bytes) -> Result<(), Error> {
        self.store("a part of an upload")?.put(&key::part(upload, name)?, bytes).await
    }

    /// A part of an upload.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Unavailable`].
    pub async fn get_part(&self, upload: &str, name: PartName) -> Result<Bytes, Error> {
        self.store("a part of an upload")?.get(&key::part(upload, name)?, None).await
    }

    /// A part of an upload, read on this thread, which waits for the disk; none where it is no file that can be read:
    /// [`Self::get_part`] has it then, or says why not. Whoever reads many parts takes this one: `get_part` reads files on a pool of
    /// threads, and the allocator keeps some memory for each thread that has ever allocated as much.
    pub fn read_part(&self, upload: &str, name: PartName) -> Option<Bytes> {
        let path = self.store("a part of an upload").ok()?.file(&key::part(upload, name).ok()?)?;
        std::fs::read(path).ok().map(Bytes::from)
    }

    /// All parts of an upload, in the order of their names; none if there is no such upload.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_parts(&self, upload: &str) -> Result<Vec<Part>, Error> {
        let objects = self.store("a part of an upload")?.list(key::upload(upload)?);
        let parts = objects.try_filter_map(|(key, info)| async move {
            Ok(key::part_name(&key).map(|name| Part { name, info }))
        });
        let mut parts: Vec<Part> = parts.try_collect().await?;
        parts.sort_unstable_by_key(|part| part.name);
        Ok(parts)
    }

    /// Deletes the parts of an upload that `is_unwanted`.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some may be deleted then.
    pub async fn delete_parts(
        &self,
        upload: &str,
        is_unwanted: impl Fn(PartName) -> bool,
    ) -> Result<(), Error> {
        let store = self.store("a part of an upload")?;
        for part in self.list_parts(upload).await?.into_iter().filter(|part| is_unwanted(part.name)) {
            store.delete(&key::part(upload, part.name)?).await?;
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
