//! Makes the results of a job of which all tasks are done. Each may be made twice: nothing changes by that.

mod file;
mod measured;
mod pictures;
mod stems;

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
    /// [`Error::Objects`] with [`objects::Error::Missing`] if a blob of a task is gone, [`Error::Invalid`] for an output that cannot be
    /// used, [`Error::Library`], the stores'.
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
        serde_json::from_slice(&bytes).map_err(|_| unusable())
    }

    /// Checks that the object store has a blob that a worker says it wrote.
    async fn check_there(&self, blob: &Blob) -> Result<(), Error> {
        let hash = blob.hash.parse().map_err(|_| unusable())?;
        match self.objects.head(&hash).await? {
            Some(_) => Ok(()),
            None => Err(objects::Error::Missing(blob.hash.clone()).into()),
        }
    }
}

/// A worker of another version, or one that is damaged.
fn unusable() -> Error {
    Error::Invalid("what a worker made cannot be used".into())
}
