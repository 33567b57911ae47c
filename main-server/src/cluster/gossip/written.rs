//! An entry that a main server wrote to the store, as a payload: a JSON object, a line feed, and the value as stored.

use std::time::Duration;

use bytes::{Buf, Bytes};
use serde::{Deserialize, Serialize};
use store::{Entry, Namespace, Revision};

/// What is said of the value.
#[derive(Serialize, Deserialize)]
struct Head {
    namespace: String,
    key: String,
    revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease_ms: Option<u64>,
}

/// The bytes before the value.
pub(super) fn head(namespace: Namespace, entry: &Entry) -> Vec<u8> {
    let lease_ms = entry.lease.map(|lease| u64::try_from(lease.as_millis()).unwrap_or(u64::MAX));
    let (namespace, key) = (namespace.name().to_owned(), entry.key.clone());
    let head = Head { namespace, key, revision: entry.revision.0, lease_ms };
    let mut bytes = serde_json::to_vec(&head).expect("texts and numbers are always JSON");
    bytes.push(b'\n');
    bytes
}

/// Reads such a payload.
pub(super) fn read(mut payload: Bytes) -> Option<(Namespace, Entry)> {
    let head = payload.split_to(payload.iter().position(|byte| *byte == b'\n')?);
    payload.advance(1);
    let Head { namespace, key, revision, lease_ms } = serde_json::from_slice(&head).ok()?;
    let lease = lease_ms.map(Duration::from_millis);
    Some((namespace.parse().ok()?, Entry { key, value: payload, revision: Revision(revision), lease }))
}
