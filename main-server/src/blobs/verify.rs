//! Reads every blob that an item names, and finds those that are damaged or missing.
//!
//! They are repaired from the trash and from the location of the option `objects_copy`: a bucket that replicates, or the folder
//! of a backup. Nodes are not asked: what their caches hold is a small part of the library and soon gone.

use std::collections::BTreeMap;

use objects::{Hash, Objects};
use protocol::{
    ItemId,
    upkeep::{BadBlob, Problem, Verified},
};

use super::error::Error;

/// Most items that the report of a blob names: a blob is one line of the answer, and clients limit the length of a line.
const MOST_ITEMS: usize = 1_000;

/// Which items name a blob.
pub(super) type Names = BTreeMap<Hash, Vec<ItemId>>;

/// Verifies the blobs one after another; `found` is told of each that is bad. `copy` is where to repair them from.
///
/// # Errors
/// [`Error::Objects`] if the store is not available: then some were not verified.
pub(super) async fn verify<F: Future<Output = ()> + Send>(
    objects: &Objects,
    copy: Option<&Copies>,
    names: Names,
    found: impl Fn(BadBlob) -> F + Send,
) -> Result<Verified, Error> {
    objects.health().await?;
    let mut verified = Verified::default();
    for (hash, mut items) in names {
        verified.checked += 1;
        let problem = match check(objects, &hash).await? {
            Ok(bytes) => {
                verified.bytes += bytes;
                continue;
            }
            Err(problem) => problem,
        };
        let repaired = match copy {
            Some(copies) => copies.repair(objects, &hash).await?,
            None => false,
        };
        verified.bad += 1;
        verified.repaired += u64::from(repaired);
        let further_items = items.len().saturating_sub(MOST_ITEMS) as u64;
        items.truncate(MOST_ITEMS);
        found(BadBlob { hash: hash.to_string(), problem, items, further_items, repaired }).await;
    }
    Ok(verified)
}

/// The size of a blob, or what is wrong with it. One that is in the trash only is missing.
async fn check(objects: &Objects, hash: &Hash) -> Result<Result<u64, Problem>, Error> {
    if objects.head(hash).await?.is_none() {
        return Ok(Err(Problem::Missing));
    }
    match objects.get(hash, None).await {
        Ok(bytes) => Ok(Ok(bytes.len() as u64)),
        Err(objects::Error::Missing(_)) => Ok(Err(Problem::Missing)),
        Err(objects::Error::Damaged(_)) => Ok(Err(Problem::Damaged)),
        Err(error) => Err(error.into()),
    }
}

/// Where other copies of blobs may be.
pub(super) struct Copies {
    /// Besides the trash.
    pub(super) elsewhere: Option<Objects>,
}

impl Copies {
    /// Replaces a blob with another copy; returns whether there was one that is whole.
    async fn repair(&self, objects: &Objects, hash: &Hash) -> Result<bool, Error> {
        for at in objects.trash().await? {
            // Restored in place of a damaged one too; what is restored may be damaged itself.
            match objects.restore(hash, at).await {
                Ok(()) if objects.get(hash, None).await.is_ok() => return Ok(true),
                Ok(()) | Err(objects::Error::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let Some(elsewhere) = &self.elsewhere else { return Ok(false) };
        match elsewhere.get(hash, None).await {
            Ok(bytes) => {
                objects.replace(bytes).await?;
                Ok(true)
            }
            Err(objects::Error::Missing(_) | objects::Error::Damaged(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use objects::Location;

    use super::*;

    #[tokio::test]
    async fn a_bad_blob_of_many_items_names_some_of_them_and_says_how_many_more_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Folder(folder.path().to_owned());
        let objects = Objects::open(&location, &tls::Trust::default()).unwrap();
        let item = |number: usize| ItemId::from_bytes((number as u128).to_be_bytes());
        let names = Names::from([
            (Hash::of(b"shared"), (0..=MOST_ITEMS).map(item).collect()),
            (Hash::of(b"own"), vec![item(0)]),
        ]);
        let found = Mutex::new(Vec::new());
        let tell = |bad: BadBlob| {
            found.lock().unwrap().push((bad.items.len(), bad.further_items));
            std::future::ready(())
        };
        let verified = verify(&objects, None, names, tell).await.unwrap();
        assert_eq!((verified.checked, verified.bad), (2, 2));
        let mut found = found.into_inner().unwrap();
        found.sort_unstable();
        assert_eq!(found, [(1, 0), (MOST_ITEMS, 1)]);
    }
}
