//! Access to the object store for threads of tasks. A call ends at once when its task has to stop.

use std::sync::Arc;

use bytes::Bytes;
use job_kinds::{Blobs, Cancelled, Failed};
use objects::{Error, Hash, MAX_BYTES, Objects};
use protocol::{item::Blob, job::Failure};
use tokio::runtime::Handle;

use crate::{claim::Claim, metrics::Metrics};

/// Blobs for one task. Its calls block, and must not be made on a thread of the runtime.
pub(crate) struct TaskBlobs {
    pub(crate) objects: Objects,
    pub(crate) runtime: Handle,
    pub(crate) claim: Arc<Claim>,
    pub(crate) metrics: Arc<Metrics>,
}

impl TaskBlobs {
    fn wait<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Failed> {
        let answer = self.runtime.block_on(self.claim.cancelled().run_until_cancelled(call));
        answer.ok_or(Cancelled)?.map_err(failed)
    }
}

impl Blobs for TaskBlobs {
    fn get(&self, blob: &Blob) -> Result<Bytes, Failed> {
        let hash: Hash = blob.hash.parse().map_err(|_| {
            let reason = format!("{:?} is not the name of a blob", blob.hash);
            Failed::for_good(reason)
        })?;
        if blob.bytes > MAX_BYTES {
            return Err(failed(Error::TooLarge(blob.bytes)));
        }
        let bytes = self.wait(self.objects.get(&hash, None))?;
        if bytes.len() as u64 != blob.bytes {
            let (found, expected) = (bytes.len(), blob.bytes);
            return Err(Failed::for_good(format!("blob {hash} has {found} bytes, not {expected}")));
        }
        self.metrics.blob_bytes_read.inc_by(blob.bytes);
        Ok(bytes)
    }

    fn put(&self, bytes: Bytes) -> Result<Blob, Failed> {
        let length = bytes.len() as u64;
        let hash = self.wait(self.objects.put(bytes))?;
        self.metrics.blob_bytes_written.inc_by(length);
        Ok(Blob { hash: hash.to_string(), bytes: length })
    }
}

/// The effect of this error on the task.
fn failed(error: Error) -> Failed {
    let failure = match error {
        Error::Missing(_) => Failure::InputGone,
        Error::Unavailable(_) => Failure::HandedBack,
        // The bytes may have been damaged in transit.
        Error::Damaged(_) => Failure::Again,
        _ => Failure::ForGood,
    };
    Failed { failure, reason: error.to_string() }
}
