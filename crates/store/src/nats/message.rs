//! What a message of the stream says: an entry, or that it was deleted.

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;

use super::key;
use crate::{Entry, Error, Event, Namespace, Revision};

/// `DEL` marks a deletion, as in every NATS key-value bucket; `PURGE` comes from other tools.
const OPERATION: &str = "KV-Operation";
const DELETED: &str = "DEL";
/// How long an entry stays, in milliseconds.
const LEASE: &str = "Undead-Lease-Ms";
/// Identifies a write, so that one whose answer was lost is recognised.
const WRITE: &str = "Undead-Write";

/// What is to be written.
pub(super) enum Body {
    Put { value: Bytes, lease: Option<Duration> },
    Delete,
}

impl Body {
    pub(super) fn headers(&self, write: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(WRITE, write);
        match self {
            Self::Put { lease: Some(lease), .. } => headers.insert(LEASE, lease.as_millis().to_string()),
            Self::Put { lease: None, .. } => {}
            Self::Delete => headers.insert(OPERATION, DELETED),
        }
        headers
    }

    pub(super) fn payload(&self) -> Bytes {
        match self {
            Self::Put { value, .. } => value.clone(),
            Self::Delete => Bytes::new(),
        }
    }
}

/// The newest message of a subject.
pub(super) struct Last {
    pub(super) revision: Revision,
    pub(super) is_deletion: bool,
    pub(super) write: Option<String>,
}

impl Last {
    pub(super) fn of(sequence: u64, headers: &HeaderMap) -> Self {
        Self {
            revision: Revision(sequence),
            is_deletion: is_deletion(headers),
            write: headers.get(WRITE).map(|write| write.as_str().to_owned()),
        }
    }
}

pub(super) fn is_deletion(headers: &HeaderMap) -> bool {
    headers.get(OPERATION).is_some_and(|operation| operation.as_str() != "PUT")
}

/// The change that a message is, `None` if its subject is not an entry's.
pub(super) fn event(
    subject: &str,
    sequence: u64,
    headers: &HeaderMap,
    value: Bytes,
) -> Option<(Namespace, Event)> {
    let ((namespace, key), revision) = (key::place(subject)?, Revision(sequence));
    let event = if is_deletion(headers) {
        Event::Deleted { key, revision }
    } else {
        Event::Put(Entry { key, value, revision, lease: lease(headers) })
    };
    Some((namespace, event))
}

/// How long an entry stays, if it has a lease.
pub(super) fn lease(headers: &HeaderMap) -> Option<Duration> {
    headers.get(LEASE)?.as_str().parse().ok().map(Duration::from_millis)
}

/// An error of the client's, as ours.
pub(super) fn unavailable(error: &dyn std::fmt::Display) -> Error {
    Error::Unavailable(format!("NATS: {error}"))
}
