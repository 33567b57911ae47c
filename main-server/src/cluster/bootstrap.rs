//! Bootstrap of a cluster: its first main server writes the version of the store's content, the id of the cluster and the
//! cluster secret. All others read them. So it is with the first [key that signs grants](super::grant_keys).
//!
//! Each is written only if it is not there, so of servers that start together one decides. A server proposes what an earlier
//! version kept in its data folder.

use std::cmp::Ordering;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use store::{Error, Expect, Kv, Namespace};

use crate::auth::{Secret, Seed};

/// Secrets that main servers share.
pub(crate) const KEYS: Namespace = Namespace::new("keys");
/// What is set once for all main servers.
pub(crate) const SETTINGS: Namespace = Namespace::new("settings");
/// Version of the values in the store, those of features and what is below. It grows when an older program would misread them.
const SCHEMA: u32 = 1;
/// Where that is kept, under settings.
const SCHEMA_KEY: &str = "schema";
/// Where the cluster secret is kept, under keys.
const SECRET_KEY: &str = "cluster-secret";
/// Where the id of the cluster is kept, under settings.
const CLUSTER_ID_KEY: &str = "cluster";
/// Hex digits of that id.
const CLUSTER_ID_DIGITS: usize = 16;
/// What an earlier version kept the keys under that sign grants, with a number behind it that grows.
const GRANT_KEY: &str = "grant-";

/// A number in the store.
#[derive(Serialize, Deserialize)]
struct Version {
    version: u32,
}

/// The cluster as grants name it.
#[derive(Serialize, Deserialize)]
struct Cluster {
    id: String,
}

/// A secret in the store.
#[derive(Serialize, Deserialize)]
struct Kept {
    secret: String,
}

fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("numbers and texts are always JSON").into()
}

/// What is at `key`; `proposed` is put there if nothing is.
async fn settle(
    kv: &dyn Kv,
    namespace: Namespace,
    key: &str,
    proposed: &impl Serialize,
) -> Result<Bytes, Error> {
    if let Some(entry) = kv.get(namespace, key).await? {
        return Ok(entry.value);
    }
    let value = json(proposed);
    match kv.compare_and_set(namespace, key, value.clone(), None, Expect::Absent).await {
        Ok(_) => Ok(value),
        Err(Error::Conflict) => {
            let entry = kv.get(namespace, key).await?;
            entry.map(|entry| entry.value).ok_or_else(|| damaged(namespace, key, "deleted while it was read"))
        }
        Err(error) => Err(error),
    }
}

fn damaged(namespace: Namespace, key: &str, why: impl std::fmt::Display) -> Error {
    Error::Invalid(format!("entry {key:?} of {} is damaged: {why}; restore a backup", namespace.name()))
}

/// Fails if a newer program wrote to the store, and makes older programs fail from now on.
///
/// # Errors
/// [`Error::TooNew`], and the store's.
pub(crate) async fn check_schema(kv: &dyn Kv) -> Result<(), Error> {
    raise_schema(kv, SCHEMA).await
}

async fn raise_schema(kv: &dyn Kv, known: u32) -> Result<(), Error> {
    loop {
        let expect = match kv.get(SETTINGS, SCHEMA_KEY).await? {
            None => Expect::Absent,
            Some(entry) => {
                let Version { version: found } = serde_json::from_slice(&entry.value)
                    .map_err(|error| damaged(SETTINGS, SCHEMA_KEY, error))?;
                match found.cmp(&known) {
                    Ordering::Greater => return Err(Error::TooNew { found, known }),
                    Ordering::Equal => return Ok(()),
                    Ordering::Less => Expect::Revision(entry.revision),
                }
            }
        };
        let version = json(&Version { version: known });
        match kv.compare_and_set(SETTINGS, SCHEMA_KEY, version, None, expect).await {
            // Another main server that starts was first: what it wrote is looked at.
            Err(Error::Conflict) => {}
            outcome => return outcome.map(drop),
        }
    }
}

/// The seeds of the keys that an earlier version signed grants with, and their numbers, newest last.
///
/// # Errors
/// The store's; [`Error::Invalid`] if one is damaged.
pub(crate) async fn earlier_grant_seeds(kv: &dyn Kv) -> Result<Vec<(u32, Seed)>, Error> {
    let mut seeds = Vec::new();
    for entry in kv.entries(KEYS, GRANT_KEY).await? {
        let Some(number) = number(&entry.key) else { continue };
        let kept = serde_json::from_slice::<Kept>(&entry.value).ok();
        let seed = kept.and_then(|kept| Seed::from_hex(&kept.secret));
        seeds.push((number, seed.ok_or_else(|| damaged(KEYS, &entry.key, "no 64 hex digits"))?));
    }
    seeds.sort_unstable_by_key(|(number, _)| *number);
    Ok(seeds)
}

/// Deletes what [`earlier_grant_seeds`] gives.
///
/// # Errors
/// The store's.
pub(crate) async fn forget_earlier_grant_seeds(kv: &dyn Kv) -> Result<(), Error> {
    for entry in kv.entries(KEYS, GRANT_KEY).await? {
        kv.delete(KEYS, &entry.key, Some(entry.revision)).await?;
    }
    Ok(())
}

fn number(key: &str) -> Option<u32> {
    key.strip_prefix(GRANT_KEY)?.parse().ok()
}

/// The id of the cluster, which grants name.
///
/// # Errors
/// The store's; [`Error::Invalid`] if it is damaged.
pub(crate) async fn cluster_id(kv: &dyn Kv) -> Result<String, Error> {
    let proposed = Seed::random().map_err(|error| Error::Unavailable(error.to_string()))?;
    let id = proposed.to_hex()[..CLUSTER_ID_DIGITS].to_owned();
    let value = settle(kv, SETTINGS, CLUSTER_ID_KEY, &Cluster { id }).await?;
    let cluster = serde_json::from_slice::<Cluster>(&value);
    cluster.map(|cluster| cluster.id).map_err(|error| damaged(SETTINGS, CLUSTER_ID_KEY, error))
}

/// What lets a node into the cluster; `proposed` if nothing was decided yet.
///
/// # Errors
/// The store's; [`Error::Invalid`] if it is damaged.
pub(crate) async fn cluster_secret(kv: &dyn Kv, proposed: &Secret) -> Result<Secret, Error> {
    let proposed = Kept { secret: proposed.reveal().to_owned() };
    let value = settle(kv, KEYS, SECRET_KEY, &proposed).await?;
    let kept = serde_json::from_slice::<Kept>(&value).ok();
    kept.and_then(|kept| Secret::new(&kept.secret)).ok_or_else(|| damaged(KEYS, SECRET_KEY, "no secret"))
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use store::{Engine, Store};

    use super::*;

    async fn kv() -> Arc<dyn Kv> {
        Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap().kv
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    #[tokio::test]
    async fn the_first_to_come_decides_for_all() {
        let kv = kv().await;
        assert_eq!(cluster_secret(&*kv, &secret("first")).await.unwrap().reveal(), "first");
        assert_eq!(cluster_secret(&*kv, &secret("second")).await.unwrap().reveal(), "first");
        let id = cluster_id(&*kv).await.unwrap();
        assert_eq!((id.len(), &cluster_id(&*kv).await.unwrap()), (CLUSTER_ID_DIGITS, &id));
    }

    #[tokio::test]
    async fn of_two_that_come_together_one_decides() {
        let kv = kv().await;
        let (a, b) = tokio::join!(cluster_id(&*kv), cluster_id(&*kv));
        assert_eq!(a.unwrap(), b.unwrap());
    }

    #[tokio::test]
    async fn the_newest_key_of_an_earlier_version_comes_last() {
        let kv = kv().await;
        assert_eq!(earlier_grant_seeds(&*kv).await.unwrap(), []);
        for number in [10, 9, 2] {
            let seed = Kept { secret: Seed([number; 32]).to_hex() };
            kv.put(KEYS, &format!("grant-{number}"), json(&seed), None).await.unwrap();
        }
        cluster_secret(&*kv, &secret("stays")).await.unwrap();
        let seeds = earlier_grant_seeds(&*kv).await.unwrap();
        assert_eq!(seeds, [2, 9, 10].map(|number| (number.into(), Seed([number; 32]))));
        forget_earlier_grant_seeds(&*kv).await.unwrap();
        assert_eq!(earlier_grant_seeds(&*kv).await.unwrap(), []);
        assert_eq!(cluster_secret(&*kv, &secret("another")).await.unwrap().reveal(), "stays");
    }

    #[tokio::test]
    async fn a_store_that_a_newer_program_wrote_is_refused() {
        let kv = kv().await;
        check_schema(&*kv).await.unwrap();
        check_schema(&*kv).await.unwrap();
        kv.put(SETTINGS, SCHEMA_KEY, json(&Version { version: SCHEMA + 1 }), None).await.unwrap();
        assert_eq!(check_schema(&*kv).await, Err(Error::TooNew { found: SCHEMA + 1, known: SCHEMA }));
    }

    #[tokio::test]
    async fn a_newer_program_raises_the_version_so_that_an_older_one_refuses() {
        let kv = kv().await;
        for version in [1, 2, 2] {
            raise_schema(&*kv, version).await.unwrap();
        }
        assert_eq!(raise_schema(&*kv, 1).await, Err(Error::TooNew { found: 2, known: 1 }));
    }

    #[tokio::test]
    async fn a_damaged_key_is_an_error_and_not_replaced() {
        let kv = kv().await;
        kv.put(KEYS, "grant-1", Bytes::from_static(b"{\"secret\":\"00\"}"), None).await.unwrap();
        assert!(matches!(earlier_grant_seeds(&*kv).await, Err(Error::Invalid(_))));
    }
}
