//! Which blobs are named: by the items of the library, and by jobs, which keep the files of exports.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use objects::Hash;

use super::{collect::Named, error::Error, verify::Names};
use crate::{jobs::Jobs, library::Library};

/// The features that name blobs.
pub(super) struct Naming {
    pub(super) library: Arc<Library>,
    pub(super) jobs: Arc<Jobs>,
}

#[async_trait]
impl Named for Naming {
    async fn named(&self) -> Result<HashSet<Hash>, Error> {
        let (mut named, mut wrong) = (HashSet::new(), None);
        let mut add = |text: &str| match text.parse() {
            Ok(hash) => drop(named.insert(hash)),
            Err(_) => wrong = Some(text.to_owned()),
        };
        self.library.named_blobs(&mut add).await?;
        self.jobs.named_blobs(&mut add).await?;
        wrong.map_or(Ok(named), |text| Err(Error::NotAHash(text)))
    }
}

/// Every blob with the items that name it.
///
/// # Errors
/// [`Error::Library`], [`Error::NotAHash`].
pub(super) async fn names(library: &Library) -> Result<Names, Error> {
    let (mut names, mut wrong) = (Names::new(), None);
    library
        .item_blobs(|item_id, blob| match blob.hash.parse() {
            Ok(hash) => {
                let items = names.entry(hash).or_default();
                // The blobs of an item come one after another.
                if items.last() != Some(&item_id) {
                    items.push(item_id);
                }
            }
            Err(_) => wrong = Some(blob.hash.clone()),
        })
        .await?;
    wrong.map_or(Ok(names), |text| Err(Error::NotAHash(text)))
}
