//! Makes the results of a job once all its tasks are done. Idempotent.

mod file;
mod measured;
mod pictures;
mod stems;

use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::{
    ItemId, JobId,
    item::{Blob, Manifest},
    job::Kind,
};
use serde::de::DeserializeOwned;

use super::{
    Error, Jobs,
    job::{FileRecord, Record},
};

/// Largest blob that is read as JSON here: lists of a job's blobs and fragments.
const MOST_JSON_BYTES: u64 = 4 << 20;
/// How many blobs are checked in parallel.
const AT_ONCE: usize = 16;

/// What a job made.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) items: Vec<ItemId>,
    pub(super) file: Option<FileRecord>,
}

impl Jobs {
    /// Makes the results.
    ///
    /// # Errors
    /// [`Error::Objects`] with [`objects::Error::Missing`] if a blob of a task is gone, [`Error::Invalid`]
    /// for an unusable output, [`Error::Library`], those of the stores.
    pub(super) async fn make_results(&self, job_id: JobId, record: &Record) -> Result<Made, Error> {
        match record.kind {
            Kind::Stems => self.make_stems(job_id, record).await,
            Kind::Waveform => self.add_measured(record).await.map(|()| Made::default()),
            Kind::Preview => self.add_pictures(record).await.map(|()| Made::default()),
            Kind::Export => self.make_file(record).await,
        }
    }

    /// The manifest of an item that is not deleted, and the blob with its JSON, which is written if it is new.
    ///
    /// # Errors
    /// [`Error::Library`], [`Error::Objects`].
    pub(super) async fn manifest(&self, item_id: ItemId) -> Result<(Manifest, Blob), Error> {
        let found = self.library.manifest(item_id, None).await?;
        let manifest = found.manifest.ok_or_else(|| Error::Invalid("the item has no manifest".into()))?;
        let json = serde_json::to_vec(&manifest).map_err(|error| Error::Invalid(error.to_string()))?;
        let bytes = json.len() as u64;
        let hash = self.objects.put(json.into()).await?;
        Ok((manifest, Blob { hash: hash.to_string(), bytes }))
    }

    /// A blob with JSON that a worker wrote.
    async fn json<T: DeserializeOwned>(&self, blob: &Blob) -> Result<T, Error> {
        if blob.bytes > MOST_JSON_BYTES {
            return Err(unusable());
        }
        let hash = blob.hash.parse().map_err(|_| unusable())?;
        let bytes = self.objects.get(&hash, None).await?;
        if bytes.len() as u64 != blob.bytes {
            return Err(unusable());
        }
        serde_json::from_slice(&bytes).map_err(|_| unusable())
    }

    /// Checks all blobs as [`Self::check_there`] does.
    async fn check_all_there(&self, blobs: Vec<Blob>) -> Result<(), Error> {
        let looks = stream::iter(blobs).map(|blob| async move { self.check_there(&blob).await });
        looks.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
    }

    /// Checks that the object store has a blob with the size that the worker reported, because quotas and
    /// headers depend on it.
    async fn check_there(&self, blob: &Blob) -> Result<(), Error> {
        let hash = blob.hash.parse().map_err(|_| unusable())?;
        match self.objects.head(&hash).await? {
            Some(info) if info.bytes == blob.bytes => Ok(()),
            Some(_) => Err(unusable()),
            None => Err(objects::Error::Missing(blob.hash.clone()).into()),
        }
    }
}

/// The output is unusable: its worker has another version, or does not work properly.
fn unusable() -> Error {
    Error::Invalid("what a worker made cannot be used".into())
}
