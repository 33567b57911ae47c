//! Pictures of a recording: those that the broadcaster's page sends of its stream, now and then.
//!
//! They were checked when they arrived, and are kept as they are. The library keeps few of them for each item, evenly spaced. They
//! have a task of their own: recordings do not wait for an object store that is slow or away.

use std::{collections::HashMap, time::Duration};

use futures_util::{StreamExt, stream};
use protocol::{ItemId, item::Blob};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Recordings;
use crate::{library::Error, state::catalogue::NewPicture};

/// Least time between two pictures of an item, in ms.
const INTERVAL_MS: u64 = 10_000;
/// The poster is the newest picture up to this time of the item, in ms: the first ones often show an empty screen.
const POSTER_UNTIL_MS: u64 = 30_000;

/// How often it is looked for new pictures. Meanwhile, the newest one of each stream waits.
const TICK: Duration = Duration::from_millis(500);
/// How many pictures are put into the object store at a time.
const AT_A_TIME: usize = 4;
/// How long that may take for one.
const LIMIT: Duration = Duration::from_secs(10);

/// When the newest picture of each item came, Unix epoch.
type Newest = HashMap<ItemId, u64>;

impl Recordings {
    /// Keeps pictures as they arrive, for ever.
    pub(super) async fn keep_pictures(&self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut newest = Newest::new();
        loop {
            ticks.tick().await;
            self.add_pictures(&mut newest).await;
        }
    }

    /// Keeps pictures that arrived since the last call. One that cannot be kept is left out.
    async fn add_pictures(&self, newest: &mut Newest) {
        newest.retain(|item_id, _| self.known().progress.contains_key(item_id));
        let is_due = |item_id: &ItemId, picture: &NewPicture| {
            let last_ms = newest.get(item_id).copied().unwrap_or(0);
            picture.at_ms.saturating_sub(last_ms) >= INTERVAL_MS
        };
        let due: Vec<_> =
            self.new_pictures().into_iter().filter(|(id, picture)| is_due(id, picture)).collect();
        let added = stream::iter(due).map(|(item_id, picture)| async move {
            match timeout(LIMIT, self.add_picture(item_id, &picture)).await {
                Ok(Ok(is_kept)) => is_kept.then_some((item_id, picture.at_ms)),
                Ok(Err(error)) => {
                    tracing::warn!("a picture of recording {item_id} was not kept: {error}");
                    None
                }
                Err(_) => {
                    tracing::warn!("a picture of recording {item_id} was not kept within {LIMIT:?}");
                    None
                }
            }
        });
        let added: Vec<_> = added.buffer_unordered(AT_A_TIME).collect().await;
        newest.extend(added.into_iter().flatten());
    }

    /// The pictures that arrived since the last call, and the items of their streams.
    fn new_pictures(&self) -> Vec<(ItemId, NewPicture)> {
        self.state.streams(|catalogue, _| {
            let new = catalogue.take_new_pictures();
            let item = |id| catalogue.running(id).ok().and_then(|stream| stream.record().records_into());
            new.into_iter().filter_map(|(id, picture)| Some((item(id)?, picture))).collect()
        })
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
