//! One main server at a time collects garbage, and remembers for the others what it did.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use protocol::upkeep::Collected;
use serde::{Deserialize, Serialize};
use store::{Expect, Kv, Namespace};
use tokio::time::sleep;

use super::error::Error;

const NAMESPACE: Namespace = Namespace::new("library-gc");
/// There while a collection runs.
const RUNNING: &str = "running";
/// What the last one did.
const LAST: &str = "last";
/// How long a server that died keeps others from collecting.
const LEASE: Duration = Duration::from_secs(60);
/// How often the lease is renewed.
const RENEWAL: Duration = Duration::from_secs(15);

/// The last collection that was finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Last {
    /// Unix epoch.
    pub(super) begun_at_ms: u64,
    /// What it did.
    pub(super) collected: Collected,
}

/// Does `work` unless another server does it, and ends it if this one loses its lease.
///
/// # Errors
/// [`Error::Busy`], [`Error::LostLease`], [`Error::Store`], and those of `work`.
pub(super) async fn alone<T>(
    kv: &Arc<dyn Kv>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let taken = kv.compare_and_set(NAMESPACE, RUNNING, Bytes::new(), Some(LEASE), Expect::Absent).await;
    let mut revision = match taken {
        Err(store::Error::Conflict) => return Err(Error::Busy),
        taken => taken?,
    };
    let renewing = async {
        loop {
            sleep(RENEWAL).await;
            let expect = Expect::Revision(revision);
            match kv.compare_and_set(NAMESPACE, RUNNING, Bytes::new(), Some(LEASE), expect).await {
                Ok(renewed) => revision = renewed,
                Err(_) => return,
            }
        }
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = renewing => return Err(Error::LostLease),
    };
    // If this fails, the lease ends by itself.
    drop(kv.delete(NAMESPACE, RUNNING, Some(revision)).await);
    outcome
}

/// The last collection; none if there was none.
///
/// # Errors
/// The store's.
pub(super) async fn last(kv: &Arc<dyn Kv>) -> Result<Option<Last>, store::Error> {
    let entry = kv.get(NAMESPACE, LAST).await?;
    Ok(entry.and_then(|entry| serde_json::from_slice(&entry.value).ok()))
}

/// Remembers a collection.
///
/// # Errors
/// The store's.
pub(super) async fn remember(kv: &Arc<dyn Kv>, last: &Last) -> Result<(), store::Error> {
    let value = serde_json::to_vec(last).map_err(|error| store::Error::Invalid(error.to_string()))?;
    kv.put(NAMESPACE, LAST, value.into(), None).await.map(drop)
}
