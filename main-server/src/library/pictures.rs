//! The pictures of items: the poster for lists, and the previews of the time line.

use protocol::{ItemId, item::Blob};
use store::contention::give_way;

use super::{
    ATTEMPTS, Error, Library, Record,
    manifest::{Picture, Previews},
};

/// The poster is the picture after this part of a video: a tenth.
const POSTER_AFTER: usize = 10;

impl Library {
    /// Replaces the picture of an item.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn set_poster(&self, item_id: ItemId, poster: Blob) -> Result<(), Error> {
        self.change(item_id, |record| record.poster = Some(poster.clone())).await.map(drop)
    }

    /// Adds a preview of the time `at_ms` to an item.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn add_preview(&self, item_id: ItemId, at_ms: u64, blob: Blob) -> Result<(), Error> {
        self.add_previews(item_id, vec![(at_ms, blob)]).await
    }

    /// Adds previews to an item, each with its time. One of them also becomes the poster of an item without one: not the first of many,
    /// because a video often begins with black pictures.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn add_previews(
        &self,
        item_id: ItemId,
        pictures: Vec<(u64, Blob)>,
    ) -> Result<(), Error> {
        self.get(item_id).await?;
        let pictures: Vec<_> = pictures.into_iter().map(|(at_ms, blob)| Picture { at_ms, blob }).collect();
        let poster = pictures.get(pictures.len() / POSTER_AFTER).map(|picture| &picture.blob);
        for attempt in 1..=ATTEMPTS {
            match self.manifests.add_previews(item_id, &pictures).await {
                Err(store::Error::Conflict) => give_way(attempt).await,
                Err(error) => return Err(error.into()),
                Ok(count) => {
                    let change = |record: &mut Record| {
                        record.previews = count;
                        record.poster = record.poster.take().or_else(|| poster.cloned());
                    };
                    return self.change(item_id, change).await.map(drop);
                }
            }
        }
        Err(store::Error::Conflict.into())
    }

    /// The pictures for the time line of an item.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn previews(&self, item_id: ItemId, record: &Record) -> Result<Previews, Error> {
        if record.previews == 0 {
            return Ok(Previews::default());
        }
        Ok(self.manifests.previews(item_id).await?)
    }
}
