//! Pictures of a recording: those that the broadcaster's page sends of its stream, now and then.
//!
//! They were checked when they arrived, and are kept as they are. The library keeps few of them for each item, evenly spaced.

use std::collections::HashMap;

use protocol::{ItemId, item::Blob};

use super::Recordings;
use crate::{library::Error, state::catalogue::NewPicture};

/// Least time between two pictures of an item, in ms.
const INTERVAL_MS: u64 = 10_000;
/// The poster is the newest picture up to this time of the item, in ms: the first ones often show an empty screen.
const POSTER_UNTIL_MS: u64 = 30_000;

/// When the newest picture of each item came, Unix epoch.
#[derive(Default)]
pub(super) struct Pictures(HashMap<ItemId, u64>);

impl Recordings {
    /// Keeps pictures that arrived since the last call. One that cannot be kept is left out.
    pub(super) async fn add_pictures(&self, pictures: &mut Pictures) {
        let (new, items) = self.state.streams(|catalogue, _| {
            let new = catalogue.take_new_pictures();
            let item = |id| catalogue.running(id).ok().and_then(|stream| stream.record().records_into());
            let items: HashMap<_, _> = new.keys().filter_map(|id| Some((*id, item(*id)?))).collect();
            (new, items)
        });
        pictures.0.retain(|item_id, _| self.known().progress.contains_key(item_id));
        for (stream_id, picture) in new {
            let Some(item_id) = items.get(&stream_id) else { continue };
            let last_ms = pictures.0.get(item_id).copied().unwrap_or(0);
            if picture.at_ms.saturating_sub(last_ms) < INTERVAL_MS {
                continue;
            }
            match self.add_picture(*item_id, &picture).await {
                Ok(true) => _ = pictures.0.insert(*item_id, picture.at_ms),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(stream.id = %stream_id, "a picture of recording {item_id} was not kept: {error}");
                }
            }
        }
    }

    /// Keeps a picture; not before anything is recorded.
    async fn add_picture(&self, item_id: ItemId, picture: &NewPicture) -> Result<bool, Error> {
        let Some(record) = self.records.get(&item_id).filter(|record| record.over_at_ms.is_none()) else {
            return Ok(false);
        };
        let since_ms = picture.at_ms.saturating_sub(record.began_at_ms);
        let at_ms = record.length_before_ms.saturating_add(since_ms);
        let hash = self.objects.put(picture.bytes.clone()).await;
        let hash = hash.map_err(|error| Error::Invalid(error.to_string()))?;
        let blob = Blob { hash: hash.to_string(), bytes: picture.bytes.len() as u64 };
        if at_ms <= POSTER_UNTIL_MS || self.library.known(item_id).is_some_and(|item| item.poster.is_none()) {
            self.library.set_poster(item_id, blob.clone()).await?;
        }
        self.library.add_preview(item_id, at_ms, blob).await?;
        Ok(true)
    }
}
