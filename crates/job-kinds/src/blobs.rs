//! Blobs that the work of jobs reads and writes.

use bytes::Bytes;
use protocol::item::Blob;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Failed, Tools};

/// The largest blob that is read into memory: ten seconds of video at 50 Mbit/s.
const MAX_BLOB_BYTES: u64 = 64 << 20;

/// The bytes of a blob, as many as it says.
pub(crate) fn get(tools: &Tools<'_>, blob: &Blob) -> Result<Bytes, Failed> {
    if blob.bytes > MAX_BLOB_BYTES {
        return Err(Failed::for_good(format!("a blob of {} bytes is too large", blob.bytes)));
    }
    let bytes = tools.blobs.get(blob)?;
    if bytes.len() as u64 == blob.bytes {
        Ok(bytes)
    } else {
        Err(Failed::again(format!("blob {} has {} bytes, not {}", blob.hash, bytes.len(), blob.bytes)))
    }
}

/// The value that a blob has as JSON; `what` names it in messages.
pub(crate) fn get_json<T: DeserializeOwned>(tools: &Tools<'_>, blob: &Blob, what: &str) -> Result<T, Failed> {
    let bytes = get(tools, blob)?;
    serde_json::from_slice(&bytes).map_err(|error| Failed::for_good(format!("damaged {what}: {error}")))
}

/// Stores a value as JSON.
pub(crate) fn put_json(tools: &Tools<'_>, value: &impl Serialize) -> Result<Blob, Failed> {
    let json = serde_json::to_vec(value).map_err(|error| Failed::for_good(error.to_string()))?;
    tools.blobs.put(json.into())
}
