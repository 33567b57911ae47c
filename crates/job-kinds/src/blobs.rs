//! Reads and writes blobs of the object store.

use bytes::Bytes;
use protocol::item::Blob;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Failed, Tools};

/// The largest blob that is read, in bytes. The object store has no larger ones.
const MAX_BLOB_BYTES: u64 = 64 << 20;

/// Reads a blob. Fails for good if its size is not the one in its name.
pub(crate) fn get(blob: &Blob, tools: &Tools<'_>) -> Result<Bytes, Failed> {
    let Blob { hash, bytes } = blob;
    if *bytes > MAX_BLOB_BYTES {
        return Err(Failed::for_good(format!(
            "a blob of {bytes} bytes is over the limit of {MAX_BLOB_BYTES}"
        )));
    }
    let content = tools.blobs.get(blob)?;
    if content.len() as u64 != *bytes {
        let reason = format!("blob {hash} has {} bytes instead of {bytes}", content.len());
        return Err(Failed::for_good(reason));
    }
    Ok(content)
}

/// Reads a value that is stored as JSON; `what` names it in messages.
pub(crate) fn get_json<T: DeserializeOwned>(blob: &Blob, what: &str, tools: &Tools<'_>) -> Result<T, Failed> {
    let bytes = get(blob, tools)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failed::for_good(format!("{what} cannot be read: {error}")))
}

/// Stores a value as JSON.
pub(crate) fn put_json(value: &impl Serialize, tools: &Tools<'_>) -> Result<Blob, Failed> {
    let json = serde_json::to_vec(value).map_err(|error| Failed::for_good(error.to_string()))?;
    tools.blobs.put(json.into())
}
