//! Blobs that were discarded and can still be read: `trash/{when, in ms}/{hash}`.
//!
//! A collector decides from what it saw some moments ago. A blob that is put again in those moments may be discarded after the
//! put returned. No store can prevent that, so nothing is deleted at once: [`Objects::get`] finds discarded blobs, and the
//! collector restores those that are named after all.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use object_store::path::Path;

use crate::{Error, Hash, Objects, key, store::Store};

/// When blobs were discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Discarded(u64);

impl Discarded {
    /// At this time; before 1970 counts as 1970.
    pub fn at(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    /// Whether that is at least `age` before `now`.
    pub fn is_older(self, age: Duration, now: SystemTime) -> bool {
        now.duration_since(UNIX_EPOCH).unwrap_or_default()
            >= Duration::from_millis(self.0).saturating_add(age)
    }

    fn folder(self) -> Path {
        Path::from_iter([key::TRASH, &format!("{:016}", self.0)])
    }

    fn key(self, hash: &Hash) -> Path {
        self.folder().join(hash.to_string())
    }
}

/// By main servers, all calls fail with [`Error::Unsupported`].
impl Objects {
    /// Moves a blob to the trash; a missing one is no error.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: then it is where it was, or in both places.
    pub async fn discard(&self, hash: &Hash, at: Discarded) -> Result<(), Error> {
        let store = self.store("the trash")?;
        match store.copy(&key::blob(hash), &at.key(hash)).await {
            Ok(()) => store.delete(&key::blob(hash)).await,
            Err(Error::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Moves a blob back from the trash.
    ///
    /// # Errors
    /// [`Error::Missing`] if it is not there, [`Error::Unavailable`].
    pub async fn restore(&self, hash: &Hash, from: Discarded) -> Result<(), Error> {
        let store = self.store("the trash")?;
        store.copy(&from.key(hash), &key::blob(hash)).await?;
        self.purge(hash, from).await
    }

    /// Deletes a blob from the trash for good.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn purge(&self, hash: &Hash, from: Discarded) -> Result<(), Error> {
        let store = self.store("the trash")?;
        store.delete(&from.key(hash)).await?;
        store.remove_empty(&from.folder()).await;
        Ok(())
    }

    /// When there were blobs discarded that are still in the trash, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn trash(&self) -> Result<Vec<Discarded>, Error> {
        trash(self.store("the trash")?).await
    }

    /// The blobs that were discarded at that time, in no order.
    ///
    /// # Errors
    /// The stream's: [`Error::Unavailable`].
    pub fn list_trash(&self, at: Discarded) -> Result<BoxStream<'static, Result<Hash, Error>>, Error> {
        let objects = self.store("the trash")?.list(at.folder());
        let hashes = objects.filter_map(|object| async {
            object.map(|(key, _)| key.filename().and_then(|name| name.parse().ok())).transpose()
        });
        Ok(hashes.boxed())
    }
}

async fn trash(store: &Store) -> Result<Vec<Discarded>, Error> {
    let names = store.folders(&Path::from(key::TRASH)).await?;
    let mut times: Vec<_> = names.iter().filter_map(|name| name.parse().ok().map(Discarded)).collect();
    times.sort_unstable_by(|one, other| other.cmp(one));
    Ok(times)
}

/// The bytes of a discarded blob, not verified.
///
/// # Errors
/// [`Error::Missing`] if there is none, [`Error::Unavailable`].
pub(crate) async fn find(store: &Store, hash: &Hash) -> Result<Bytes, Error> {
    for at in trash(store).await? {
        match store.get(&at.key(hash), None).await {
            Err(Error::Missing(_)) => {}
            found => return found,
        }
    }
    Err(Error::Missing(hash.to_string()))
}
