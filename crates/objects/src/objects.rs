//! The handle of a location.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use object_store::path::Path;

use crate::{Error, Folder, Hash, Location, key, main_servers::Client, store::Store, trash};

/// Blobs younger than this are not written again by [`Objects::put`], unless the caller sets another age.
const REFRESH_AFTER: Duration = Duration::from_secs(12 * 60 * 60);
/// Larger blobs are hashed on a thread for blocking work.
const HASHED_AT_ONCE: usize = 256 << 10;

/// What is known about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its size.
    pub bytes: u64,
    /// When it was written, by the store's clock; main servers do not tell, and give the Unix epoch.
    pub modified_at: SystemTime,
}

/// A blob of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub hash: Hash,
    /// What is known about it.
    pub info: Info,
}

/// The objects of one location. Clones share it. Calls wait for at most 60 s.
#[derive(Clone, Debug)]
pub struct Objects {
    kept: Kept,
    refresh_after: Duration,
}

#[derive(Clone, Debug)]
enum Kept {
    Store(Arc<Store>),
    MainServers(Arc<Client>),
}

impl Objects {
    /// Opens a location: creates a folder; one that cannot be used now is opened by the first call that can. Sends nothing to servers.
    /// `trust` says which certificates of servers are accepted.
    ///
    /// # Errors
    /// [`Error::Location`] if the path or address is a mistake.
    pub fn open(location: &Location, trust: &tls::Trust) -> Result<Self, Error> {
        let kept = match location {
            Location::Folder(folder) => Kept::Store(Arc::new(Store::folder(folder)?)),
            Location::S3(bucket) => Kept::Store(Arc::new(Store::bucket(bucket, trust)?)),
            Location::MainServers(servers) => Kept::MainServers(Arc::new(Client::open(servers, trust)?)),
        };
        Ok(Self { kept, refresh_after: REFRESH_AFTER })
    }

    /// The age from which [`Self::put`] writes a blob again that is there already; 12 hours if not set. It has to be less than the
    /// age from which unnamed blobs are deleted, so that a blob which was just put is not.
    #[must_use]
    pub fn refreshing_after(self, age: Duration) -> Self {
        Self { refresh_after: age, ..self }
    }

    /// Keeps `bytes` under their name. A blob that is there already is written again only if it is old or has another size.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::TooLarge`].
    pub async fn put(&self, bytes: Bytes) -> Result<Hash, Error> {
        let hash = hash_of(&bytes).await?;
        let Kept::Store(store) = &self.kept else { return self.write(hash, bytes).await };
        match store.head(&key::blob(&hash)).await? {
            Some(info) if info.bytes == bytes.len() as u64 && !self.is_old(&info) => Ok(hash),
            _ => self.write(hash, bytes).await,
        }
    }

    /// As [`Self::put`], but replaces a blob that is there: it may be damaged.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::TooLarge`].
    pub async fn replace(&self, bytes: Bytes) -> Result<Hash, Error> {
        self.write(hash_of(&bytes).await?, bytes).await
    }

    async fn write(&self, hash: Hash, bytes: Bytes) -> Result<Hash, Error> {
        match &self.kept {
            Kept::Store(store) => store.put(&key::blob(&hash), bytes).await?,
            Kept::MainServers(servers) => servers.put(&hash, bytes).await?,
        }
        Ok(hash)
    }

    #[allow(clippy::disallowed_methods, reason = "compared with times of the store's clock")]
    fn is_old(&self, info: &Info) -> bool {
        // A clock that is behind the store's gives an error: the blob is new.
        SystemTime::now().duration_since(info.modified_at).is_ok_and(|age| age >= self.refresh_after)
    }

    /// The bytes of a blob, also of a discarded one. A whole read is verified. A range must lie within the blob; its bytes are not verified.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Range`], [`Error::Unavailable`].
    pub async fn get(&self, hash: &Hash, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        let is_whole = range.is_none();
        let bytes = match &self.kept {
            Kept::Store(store) => match store.get(&key::blob(hash), range.clone()).await {
                Err(Error::Missing(_)) => slice(trash::find(store, hash).await?, hash, range),
                bytes => bytes,
            },
            Kept::MainServers(servers) => servers.get(hash, range).await,
        };
        // No blob has that many bytes.
        let is_too_large = matches!(bytes, Err(Error::TooLarge(_)));
        if is_whole && is_too_large {
            return Err(Error::Damaged(hash.to_string()));
        }
        let bytes = bytes?;
        if is_whole && hash_of(&bytes).await? != *hash {
            return Err(Error::Damaged(hash.to_string()));
        }
        Ok(bytes)
    }

    /// What is known about a blob; none if it is missing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn head(&self, hash: &Hash) -> Result<Option<Info>, Error> {
        match &self.kept {
            Kept::Store(store) => store.head(&key::blob(hash)).await,
            Kept::MainServers(servers) => servers.head(hash).await,
        }
    }

    /// Deletes a blob; a missing one is no error.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Unsupported`] by main servers.
    pub async fn delete(&self, hash: &Hash) -> Result<(), Error> {
        self.store("deleting a blob")?.delete(&key::blob(hash)).await
    }

    /// All blobs, in no order, read page by page. The first error ends the list.
    ///
    /// # Errors
    /// [`Error::Unsupported`] by main servers. The stream's: [`Error::Unavailable`].
    pub fn list(&self) -> Result<BoxStream<'static, Result<Listed, Error>>, Error> {
        let objects = self.store("a list of blobs")?.list(Path::from(key::BLOBS));
        let blobs = objects.filter_map(|object| async {
            object.map(|(key, info)| key::hash(&key).map(|hash| Listed { hash, info })).transpose()
        });
        Ok(blobs.boxed())
    }

    /// Fails with [`Error::Unavailable`] unless the folder is there, or the bucket answers. Main servers are not asked.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn health(&self) -> Result<(), Error> {
        match &self.kept {
            Kept::Store(store) => store.health().await,
            Kept::MainServers(_) => Ok(()),
        }
    }

    /// The files of blobs, if the location is a folder. Discarded blobs are not among them.
    pub fn folder(&self) -> Option<&Arc<Folder>> {
        match &self.kept {
            Kept::Store(store) => store.files(),
            Kept::MainServers(_) => None,
        }
    }

    /// The folder or bucket, for a call that main servers do not serve.
    pub(crate) fn store(&self, what: &'static str) -> Result<&Arc<Store>, Error> {
        match &self.kept {
            Kept::Store(store) => Ok(store),
            Kept::MainServers(_) => Err(Error::Unsupported(what)),
        }
    }
}

fn slice(bytes: Bytes, hash: &Hash, range: Option<Range<u64>>) -> Result<Bytes, Error> {
    let Some(range) = range else { return Ok(bytes) };
    if range.is_empty() || range.end > bytes.len() as u64 {
        return Err(Error::Range(hash.to_string()));
    }
    Ok(bytes.slice(range.start as usize..range.end as usize))
}

async fn hash_of(bytes: &Bytes) -> Result<Hash, Error> {
    if bytes.len() <= HASHED_AT_ONCE {
        return Ok(Hash::of(bytes));
    }
    let bytes = bytes.clone();
    let hash = tokio::task::spawn_blocking(move || Hash::of(&bytes)).await;
    hash.map_err(|error| Error::Unavailable(error.to_string()))
}
