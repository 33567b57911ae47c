//! The library: recorded and uploaded items, and their manifests.
//!
//! [`Library`] is the interface for requests and other features. A [`record`] describes an item; every main
//! server has all records in memory. The media of an item are in its [`manifest`], which names blobs of the
//! object store. No media pass through here: nodes serve them to clients that have a grant.
//!
//! Everything changes by compare-and-set, so that any main server may do it, and repeat it after a failure.

pub(crate) mod bounds;
mod error;
mod feature;
mod index;
mod item_blobs;
pub(crate) mod manifest;
mod media;
mod news;
mod pictures;
mod playable;
pub(crate) mod record;
mod removal;
mod retention;
mod room;
mod routes;
mod table;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod text;

use std::{
    cmp::Reverse,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use per_address::Shares;
use protocol::ItemId;
use store::Replicated;
use tokio::sync::watch;

use self::{
    bounds::ITEM_LISTENERS,
    index::{Found, OtherOrder, Query},
    manifest::Manifests,
    news::Hearing,
    table::Table,
};
pub(crate) use self::{
    error::Error,
    feature::feature,
    manifest::{Format, NewTake, TakeFragment},
    media::Appended,
    playable::{ItemNodes, check_state},
    record::{Links, NewItem, Record, Text, new_id},
};
use crate::{
    api::caller::Person, broadcasters::Broadcasters, clock::Now, config::LibraryLimits, feature::Context,
    state::catalogue::record::Owner,
};

/// Most stored characters of an item's error.
pub(crate) const MOST_ERROR_CHARS: usize = 100;
/// How often a conflicting change is retried, with pauses in between.
const ATTEMPTS: u32 = 16;

/// All items of the cluster, as one main server knows them.
pub(crate) struct Library {
    items: Replicated<Record, Arc<Table>>,
    table: Arc<Table>,
    manifests: Manifests,
    broadcasters: Arc<Broadcasters>,
    limits: LibraryLimits,
    /// One per open event stream.
    listeners: Arc<Shares>,
}

impl Library {
    /// Knows no items before [`Self::load`].
    pub(crate) fn new(context: &Context, broadcasters: &Arc<Broadcasters>) -> Self {
        let table = Arc::new(Table::new(&context.feed));
        let kv = &context.store.kv;
        Self {
            items: Replicated::new(Arc::clone(kv), Arc::clone(&table), |_| None),
            table,
            manifests: Manifests::new(kv),
            broadcasters: Arc::clone(broadcasters),
            limits: context.config.library,
            listeners: Shares::new(ITEM_LISTENERS, None),
        }
    }

    /// Loads the items from the store.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn load(&self) -> Result<(), store::Error> {
        self.items.load().await?;
        self.table.tell();
        Ok(())
    }

    /// Changes whenever an item does, here or at another main server.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.table.changed()
    }

    /// Has a listener hear which items of `owner` change, or of all items without one.
    fn listen(&self, owner: Option<&Owner>) -> Hearing {
        self.table.news().listen(owner)
    }

    /// Creates an item. An existing one with the same id stays unchanged.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Store`].
    pub(crate) async fn create(&self, new: NewItem, now: Now) -> Result<ItemId, Error> {
        let item_id = new.item_id;
        if self.items.get(&item_id).is_some() {
            return Ok(item_id);
        }
        self.room_for(None, 0)?;
        match self.items.create(&item_id, Record::new(new, now.unix_ms())).await {
            Err(store::Error::Conflict) => self.items.look_up(&item_id).await?,
            outcome => outcome?,
        }
        Ok(item_id)
    }

    /// A page of items.
    ///
    /// # Errors
    /// [`OtherOrder`] for a cursor of another order.
    pub(crate) fn page(&self, query: &Query) -> Result<(Found, Vec<(ItemId, Record)>), OtherOrder> {
        self.table.page(query)
    }

    /// The first `most` matching items, newest first.
    pub(crate) fn first(
        &self,
        most: usize,
        is_wanted: impl Fn(ItemId, &Record) -> bool,
    ) -> Vec<(ItemId, Record)> {
        if most == 0 {
            return Vec::new();
        }
        let mut wanted: Vec<_> = self.items.with(|records| {
            let wanted = records.iter().filter(|(item_id, record)| is_wanted(**item_id, record));
            wanted.map(|(item_id, record)| (Reverse(record.created_at_ms), *item_id)).collect()
        });
        wanted.sort_unstable();
        wanted.truncate(most);
        wanted.into_iter().filter_map(|(_, item_id)| Some((item_id, self.known(item_id)?))).collect()
    }

    /// An item that is known here, deleted or not.
    pub(crate) fn known(&self, item_id: ItemId) -> Option<Record> {
        self.items.get(&item_id)
    }

    /// An item that is not deleted. Asks the store for an unknown one, because another main server may have
    /// just created it.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Store`].
    pub(crate) async fn get(&self, item_id: ItemId) -> Result<Record, Error> {
        self.find(item_id).await?.filter(|record| !record.is_deleted()).ok_or(Error::Unknown)
    }

    /// An item that is not deleted, read from the store, because another main server may have just changed
    /// it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn newest(&self, item_id: ItemId) -> Result<Record, Error> {
        self.items.look_up(&item_id).await?;
        self.get(item_id).await
    }

    /// An item, deleted or not.
    pub(crate) async fn find(&self, item_id: ItemId) -> Result<Option<Record>, store::Error> {
        if self.items.get(&item_id).is_none() {
            self.items.look_up(&item_id).await?;
        }
        Ok(self.items.get(&item_id))
    }

    /// Whether the store has no such item, deleted or not. An item of a newer version, which this one cannot
    /// read, is not gone.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn is_gone(&self, item_id: ItemId) -> Result<bool, store::Error> {
        self.items.is_absent(&item_id).await
    }

    /// Whether the person may change the item: its owner, or an operator.
    pub(crate) fn may_edit(&self, record: &Record, person: Option<&Person>) -> bool {
        person.is_some_and(|person| self.broadcasters.may_manage(person, record.owner.as_ref()))
    }

    /// Records why a recording ends while its stream continues. It accepts media until it is complete.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn end_early(&self, item_id: ItemId, reason: &str) -> Result<(), Error> {
        let reason: String = reason.chars().take(MOST_ERROR_CHARS).collect();
        self.change(item_id, |record| record.error = Some(reason.clone())).await.map(drop)
    }

    /// Changes the description of an item that is not deleted. `change` may run several times.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Store`].
    pub(crate) async fn change(
        &self,
        item_id: ItemId,
        change: impl Fn(&mut Record),
    ) -> Result<Record, Error> {
        let is_there = AtomicBool::new(false);
        let change = |record: &Record| {
            is_there.store(!record.is_deleted(), Ordering::Relaxed);
            changed(record, &change)
        };
        let changed = self.items.change(&item_id, change).await?;
        changed.filter(|_| is_there.into_inner()).ok_or(Error::Unknown)
    }

    /// The links of an item that a client may see. Other clients than editors see no links to unlisted items.
    pub(crate) fn shown_links(&self, record: &Record, may_edit: bool) -> Links {
        let is_shown = |item_id: &ItemId| {
            let other = self.items.get(item_id).filter(|other| !other.is_deleted());
            other.is_some_and(|other| may_edit || other.is_listed() || !record.is_listed())
        };
        let Links { source, stem, stems } = record.links;
        Links {
            source: source.filter(is_shown),
            stem,
            stems: stems.filter(|stems| is_shown(&stems.vocals) && is_shown(&stems.accompaniment)),
        }
    }
}

/// The record after `change`; `None` if it is deleted or unchanged.
fn changed(record: &Record, change: impl Fn(&mut Record)) -> Option<Record> {
    let mut changed = record.clone();
    change(&mut changed);
    (changed != *record && !record.is_deleted()).then_some(changed)
}
