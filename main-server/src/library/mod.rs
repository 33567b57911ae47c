//! The library: items that were recorded or uploaded, and their manifests.
//!
//! [`Library`] is what requests and other features come to. A [`record`] describes an item; every main server has all of them in
//! memory. Its media are in its [`manifest`], which names blobs of the object store. No media pass through here: nodes serve
//! them to clients that have a grant.
//!
//! Everything changes by compare-and-set, so that any main server may do it, and again after a failure.

mod error;
mod feature;
mod index;
mod item_blobs;
pub(crate) mod manifest;
mod playable;
pub(crate) mod record;
mod retention;
mod routes;
mod table;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod text;

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex, PoisonError},
};

use protocol::{
    ItemId,
    item::{Blob, GroupRange, ItemTrack, Manifest, State},
};
use store::{Replicated, contention::give_way};
use tokio::sync::watch;

pub(crate) use self::{
    error::Error,
    feature::feature,
    manifest::{Format, NewTake, TakeFragment},
    playable::{ItemNodes, check_state},
    record::{Links, NewItem, Record, Text, new_id},
};
use self::{
    index::{Found, OtherOrder, Query},
    manifest::{
        Cached, Manifests, Picture, Previews, Takes, assemble, content_digest, is_long, recorded, totals,
    },
    table::Table,
};
use crate::{
    api::caller::Person, broadcasters::Broadcasters, clock::Now, config::LibraryLimits, feature::Context,
};

/// Most characters that are kept of the reason why an item failed.
pub(crate) const MOST_ERROR_CHARS: usize = 100;
/// How often a change that met another server's is tried again, with pauses between.
const ATTEMPTS: u32 = 16;

/// See the [module](self).
pub(crate) struct Library {
    items: Replicated<Record, Arc<Table>>,
    table: Arc<Table>,
    manifests: Manifests,
    broadcasters: Arc<Broadcasters>,
    limits: LibraryLimits,
}

/// What is known of a recording after fragments were appended.
pub(crate) struct Appended {
    /// The groups that the manifest has, as ranges in order.
    pub(crate) recorded: Vec<GroupRange>,
    /// How many fragments were not taken because they overlap others in part.
    pub(crate) overlapping: usize,
    /// Whether the item has so many fragments that it should not grow on.
    pub(crate) is_long: bool,
}

/// The manifest of an item and its version.
pub(crate) struct Versioned {
    /// Changes whenever the manifest does.
    pub(crate) tag: String,
    /// The manifest; `None` if the caller has this version.
    pub(crate) manifest: Option<Manifest>,
}

impl Library {
    /// It without items: see [`Self::load`].
    pub(crate) fn new(context: &Context, broadcasters: &Arc<Broadcasters>) -> Self {
        let table = Arc::new(Table::new(&context.feed));
        let kv = &context.store.kv;
        Self {
            items: Replicated::new(Arc::clone(kv), Arc::clone(&table), |_| None),
            table,
            manifests: Manifests::new(kv),
            broadcasters: Arc::clone(broadcasters),
            limits: context.config.library,
        }
    }

    /// Takes over the items in the store.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn load(&self) -> Result<(), store::Error> {
        self.items.load().await?;
        self.table.tell();
        Ok(())
    }

    /// Changes whenever an item does, here or at another main server.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.table.changed()
    }

    /// Whether there is room for `bytes` more, for items of the account `owner` if one is named.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(crate) fn room_for(&self, owner: Option<&str>, bytes: u64) -> Result<(), Error> {
        self.room_for_bytes(owner, bytes)?;
        let items = self.limits.items;
        let is_full = self.items.with(|records| records.len()) >= items;
        let message =
            || Error::Full(format!("the library has {items} items (library_items): delete some first"));
        if is_full { Err(message()) } else { Ok(()) }
    }

    /// As [`Self::room_for`], for an item that is there already.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(crate) fn room_for_bytes(&self, owner: Option<&str>, bytes: u64) -> Result<(), Error> {
        let LibraryLimits { quota_bytes, account_quota_bytes, .. } = self.limits;
        let (all, of_owner) = self.table.index(|index, _| index.bytes(owner));
        if all.saturating_add(bytes) > quota_bytes {
            return Err(Error::Full("the library is full (library_quota_bytes): delete items first".into()));
        }
        let is_owned = owner.is_some();
        if account_quota_bytes.is_some_and(|quota| is_owned && of_owner.saturating_add(bytes) > quota) {
            let message =
                "your share of the library is full (library_account_quota_bytes): delete items first";
            return Err(Error::Full(message.into()));
        }
        Ok(())
    }

    /// Makes an item. One that has the id already stays as it is.
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

    /// The first `most` items that are wanted, the newest first.
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

    /// An item that is not deleted. The store is asked for one that is not known here: another main server may have made it
    /// just now.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Store`].
    pub(crate) async fn get(&self, item_id: ItemId) -> Result<Record, Error> {
        self.find(item_id).await?.filter(|record| !record.is_deleted()).ok_or(Error::Unknown)
    }

    /// An item that is not deleted, as the store has it now: another main server may have changed it just now.
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

    /// An item to which media may be added.
    async fn taking_media(&self, item_id: ItemId) -> Result<Record, Error> {
        self.find(item_id).await?.filter(Record::takes_media).ok_or(Error::Unknown)
    }

    /// Whether the store has no such item, deleted or not. An item of a newer version, which this one cannot read, is not gone.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn is_gone(&self, item_id: ItemId) -> Result<bool, store::Error> {
        self.items.is_absent(&item_id).await
    }

    /// Whether the person may change the item: its owner, or an operator.
    pub(crate) fn may_edit(&self, record: &Record, person: Option<&Person>) -> bool {
        person.is_some_and(|person| self.broadcasters.may_manage(person, record.owner.as_ref()))
    }

    /// Adds fragments to a take of an item, which is made if it is new. Fragments that are there are passed over, so a caller
    /// that does not know whether it succeeded may call again. When this returns, the store has them.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an item that is unknown, or deleted and takes no media ([`Record::takes_media`]), [`Error::Invalid`],
    /// [`Error::OtherTake`], [`Error::Full`], [`Error::Store`].
    pub(crate) async fn append(
        &self,
        item_id: ItemId,
        take: &NewTake,
        fragments: &[TakeFragment],
    ) -> Result<Appended, Error> {
        let with_tracks = |record: &mut Record| {
            if record.tracks.is_empty() {
                record.tracks = tracks(&take.format.mime);
            }
            record.has_arrived();
        };
        let (cached, overlapping) =
            self.change_media(item_id, &Write::Append(take, fragments), with_tracks).await?;
        let is_long = is_long(&cached.takes);
        Ok(Appended { recorded: recorded(&cached.takes), overlapping, is_long })
    }

    /// Gives up the groups that are missing between those that are there: the manifest of a growing item continues after them.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(crate) async fn settle(&self, item_id: ItemId) -> Result<(), Error> {
        self.change_media(item_id, &Write::Settle, |_| {}).await.map(drop)
    }

    /// Changes the state of an item. A reason belongs to [`State::Failed`].
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(crate) async fn set_state(
        &self,
        item_id: ItemId,
        state: State,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let reason = reason.map(|reason| reason.chars().take(MOST_ERROR_CHARS).collect::<String>());
        let with_state = |record: &mut Record| {
            record.state = state;
            record.error.clone_from(&reason);
        };
        self.change_media(item_id, &Write::Nothing, with_state).await.map(drop)
    }

    /// Notes why a recording ends while its stream goes on. It takes media until it is complete.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn end_early(&self, item_id: ItemId, reason: &str) -> Result<(), Error> {
        let reason: String = reason.chars().take(MOST_ERROR_CHARS).collect();
        self.change(item_id, |record| record.error = Some(reason.clone())).await.map(drop)
    }

    /// Ends the growth of a recording. One of which nothing has arrived has failed until something does.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(crate) async fn conclude(&self, item_id: ItemId) -> Result<(), Error> {
        self.change_media(item_id, &Write::Nothing, Record::conclude).await.map(drop)
    }

    /// Changes what describes an item that is not deleted. `change` may run several times.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Store`].
    pub(crate) async fn change(
        &self,
        item_id: ItemId,
        change: impl Fn(&mut Record),
    ) -> Result<Record, Error> {
        self.get(item_id).await?;
        let changed = self.items.change(&item_id, |record| changed(record, &change)).await?;
        changed.ok_or(Error::Unknown)
    }

    /// Deletes an item; it can be restored for some time.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn delete(&self, item_id: ItemId, now: Now) -> Result<(), Error> {
        let until_ms = (now + self.limits.undo).unix_ms();
        self.change(item_id, |record| record.deleted_until_ms = Some(until_ms)).await.map(drop)
    }

    /// Restores an item that was deleted; one that was not stays as it is.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn restore(&self, item_id: ItemId, now: Now) -> Result<(), Error> {
        let restored = |record: &Record| {
            let is_restorable = record.deleted_until_ms.is_some_and(|until_ms| now.unix_ms() < until_ms);
            is_restorable.then(|| Record { deleted_until_ms: None, ..record.clone() })
        };
        let record = self.items.change(&item_id, restored).await?;
        record.filter(|record| !record.is_deleted()).map(drop).ok_or(Error::Unknown)
    }

    /// Removes an item for good, with its manifest, as long as the store has it as one that `is_meant`; another one stays. Says
    /// whether it is gone.
    ///
    /// # Errors
    /// The store's: then the manifest may be left, for the collection of garbage.
    pub(crate) async fn remove(
        &self,
        item_id: ItemId,
        is_meant: impl Fn(&Record) -> bool,
    ) -> Result<bool, store::Error> {
        self.items.look_up(&item_id).await?;
        // First the record: it says whether the item was restored meanwhile.
        self.items.remove_if(&item_id, is_meant).await?;
        let is_gone = self.is_gone(item_id).await?;
        if is_gone {
            self.manifests.remove(item_id).await?;
        }
        Ok(is_gone)
    }

    /// Deletes an item for good if it has no media, as the store has it. Says whether it is gone.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn remove_empty(&self, item_id: ItemId) -> Result<bool, Error> {
        self.items.look_up(&item_id).await?;
        let Some(record) = self.items.get(&item_id) else { return Ok(true) };
        self.manifests.evict(item_id);
        if !recorded(&self.manifests.load(item_id, record.media_version).await?.takes).is_empty() {
            return Ok(false);
        }
        self.items.remove_if(&item_id, |found| found.media_version == record.media_version).await?;
        let is_gone = self.items.get(&item_id).is_none();
        if is_gone {
            self.manifests.remove(item_id).await?;
        }
        Ok(is_gone)
    }

    /// Replaces the picture of an item.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn set_poster(&self, item_id: ItemId, poster: Blob) -> Result<(), Error> {
        self.change(item_id, |record| record.poster = Some(poster.clone())).await.map(drop)
    }

    /// The links of an item that a client may see. A client that found a listed item is told of no item that is not.
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

    /// Adds a picture for the time line of an item, which shows its time `at_ms`.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn add_preview(&self, item_id: ItemId, at_ms: u64, blob: Blob) -> Result<(), Error> {
        self.add_previews(item_id, vec![(at_ms, blob)]).await
    }

    /// Adds pictures for the time line of an item, each with the time that it shows.
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
        for attempt in 1..=ATTEMPTS {
            match self.manifests.add_previews(item_id, &pictures).await {
                Err(store::Error::Conflict) => give_way(attempt).await,
                Err(error) => return Err(error.into()),
                Ok(count) => return self.change(item_id, |record| record.previews = count).await.map(drop),
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

    /// The groups that the manifest of an item has, as ranges in order.
    ///
    /// # Errors
    /// [`Error::Unknown`] as of [`Self::append`], [`Error::Store`].
    pub(crate) async fn recorded(&self, item_id: ItemId) -> Result<Vec<GroupRange>, Error> {
        let record = self.taking_media(item_id).await?;
        Ok(recorded(&self.manifests.load(item_id, record.media_version).await?.takes))
    }

    /// Names what an item plays, 64 hex digits: items with the same media have the same.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn content_digest(&self, item_id: ItemId, record: &Record) -> Result<String, Error> {
        Ok(content_digest(&self.manifests.load(item_id, record.media_version).await?.takes))
    }

    /// The media of an item that is not deleted, for a caller that has the version `known`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn manifest(&self, item_id: ItemId, known: Option<&str>) -> Result<Versioned, Error> {
        let record = self.get(item_id).await?;
        let growing = if record.is_growing() { "g" } else { "" };
        let tag = format!("\"{}{growing}\"", record.media_version);
        if known == Some(tag.as_str()) {
            return Ok(Versioned { tag, manifest: None });
        }
        let cached = self.manifests.load(item_id, record.media_version).await?;
        let manifest = Some(assemble(item_id, &cached.takes, record.is_growing()));
        Ok(Versioned { tag, manifest })
    }

    /// Calls `each` with the hash of every blob that an item names: of items that can be restored, too. Manifests without an
    /// item, which a failure may leave, are deleted.
    ///
    /// # Errors
    /// [`Error::Store`], also for an entry that this version cannot read: then some were not named.
    pub(crate) async fn named_blobs(&self, mut each: impl FnMut(&str)) -> Result<(), Error> {
        let mut unknown = std::collections::BTreeSet::new();
        self.manifests
            .blobs(|item_id, blob| {
                if self.items.get(&item_id).is_none() {
                    unknown.insert(item_id);
                }
                each(&blob.hash);
            })
            .await?;
        for item_id in unknown {
            if self.is_gone(item_id).await? {
                self.manifests.remove(item_id).await?;
            }
        }
        let blobs = |_, record: Record| record.blobs().for_each(|blob| each(&blob.hash));
        Ok(self.items.each_stored(blobs).await?)
    }

    /// Writes media and brings the record in line with them; `change` may run again after a conflict. Returns the media, and how
    /// many fragments were refused because they overlap others in part.
    async fn change_media(
        &self,
        item_id: ItemId,
        write: &Write<'_>,
        change: impl Fn(&mut Record),
    ) -> Result<(Arc<Cached>, usize), Error> {
        for attempt in 1..=ATTEMPTS {
            let record = self.taking_media(item_id).await?;
            let before = self.manifests.load(item_id, record.media_version).await?;
            let mut takes = before.takes.clone();
            let written = match self.write(item_id, write, &mut takes).await {
                Err(Error::Store(store::Error::Conflict)) => {
                    self.manifests.evict(item_id);
                    give_way(attempt).await;
                    continue;
                }
                Err(error) => {
                    // Whether it was written is not known.
                    self.manifests.evict(item_id);
                    return Err(error);
                }
                Ok(written) => written,
            };
            let version = Mutex::new(None);
            let in_line = |record: &Record| {
                let is_current = record.media_version == before.version && record.takes_media();
                if !is_current {
                    *version.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    return None;
                }
                let mut changed = record.clone();
                change(&mut changed);
                let totals = totals(&takes, changed.is_growing());
                (changed.duration_ms, changed.bytes) = (totals.duration_ms, totals.bytes);
                let has_changed = changed != *record || !is_same(&takes, &before.takes);
                if has_changed {
                    changed.media_version += 1;
                }
                *version.lock().unwrap_or_else(PoisonError::into_inner) = Some(changed.media_version);
                has_changed.then_some(changed)
            };
            self.items.change(&item_id, in_line).await?;
            let version = version.into_inner().unwrap_or_else(PoisonError::into_inner);
            if let Some(version) = version {
                let cached = Arc::new(Cached { version, takes });
                self.manifests.keep(item_id, Arc::clone(&cached));
                return Ok((cached, written));
            }
            // Another server wrote meanwhile.
            self.manifests.evict(item_id);
            give_way(attempt).await;
        }
        Err(store::Error::Conflict.into())
    }

    async fn write(&self, item_id: ItemId, write: &Write<'_>, takes: &mut Takes) -> Result<usize, Error> {
        match write {
            Write::Append(take, fragments) => self.manifests.append(item_id, take, fragments, takes).await,
            Write::Settle => self.manifests.settle(item_id, takes).await.map(|()| 0),
            Write::Nothing => Ok(0),
        }
    }
}

/// What is written to the media of an item.
enum Write<'a> {
    /// Fragments of a take.
    Append(&'a NewTake, &'a [TakeFragment]),
    /// Missing groups are given up.
    Settle,
    /// Only the record changes.
    Nothing,
}

/// The record after `change`; `None` if it is deleted or stays as it is.
fn changed(record: &Record, change: impl Fn(&mut Record)) -> Option<Record> {
    let mut changed = record.clone();
    change(&mut changed);
    (changed != *record && !record.is_deleted()).then_some(changed)
}

/// Whether two versions of the takes come from the same writes.
fn is_same(takes: &Takes, others: &Takes) -> bool {
    takes.len() == others.len()
        && takes.iter().all(|(number, take)| others.get(number).is_some_and(|other| take.is_same(other)))
}

/// The tracks that the codecs of a MIME type name.
fn tracks(mime: &str) -> Vec<ItemTrack> {
    const AUDIO: [&str; 7] = ["opus", "mp4a", "flac", "vorbis", "mp3", "ac-3", "ec-3"];
    let track = |codec: &str| {
        let is_audio = AUDIO.iter().any(|name| codec.to_ascii_lowercase().starts_with(name));
        ItemTrack {
            kind: if is_audio { "audio" } else { "video" }.into(),
            codec: codec.chars().take(32).collect(),
        }
    };
    match mime.split_once("codecs=") {
        Some((_, codecs)) => {
            let codecs = codecs.trim_matches(['"', ' ']).split(',').map(str::trim);
            codecs.filter(|codec| !codec.is_empty()).take(manifest::MOST_TRACKS).map(track).collect()
        }
        None if mime == "audio/mpeg" => vec![track("mp3")],
        None => Vec::new(),
    }
}
