//! Resolves the content of an entry: the data of its item or live stream, and whether the member that adds it
//! may play it.

use std::sync::Arc;

use protocol::{
    ItemId, StreamId,
    item::State as ItemState,
    party::{Command, Target},
    stream::Visibility,
};

use super::{
    Error,
    party::{NewEntry, Record},
};
use crate::{
    api::caller::Person,
    auth::token,
    clock::Now,
    library::{Error as LibraryError, Library, Record as Item},
    state::catalogue,
    streams::{Error as StreamError, Streams},
};

const VIDEO: &str = "video";

/// Resolves contents.
pub(super) struct Resolver {
    pub(super) library: Arc<Library>,
    pub(super) streams: Arc<Streams>,
}

impl Resolver {
    /// The entry that a command adds to a party, if any. `known` returns the content of an existing entry.
    /// `default` is the party's default item: a command that keeps it adds nothing, whether or not the
    /// `person` may play it.
    ///
    /// # Errors
    /// [`Error::Library`], [`Error::Stream`] for content that does not exist or that the `person` may not
    /// play.
    pub(super) async fn added_by(
        &self,
        command: &Command,
        known: impl Fn(&Target) -> Option<Media>,
        default: Option<ItemId>,
        person: Option<&Person>,
    ) -> Result<Option<NewEntry>, Error> {
        let media = match command {
            Command::Queue(target) => known(target).map_or_else(|| Media::of(target), Ok)?,
            Command::Play(target) if known(target).is_none() => Media::of(target)?,
            Command::Set(change) => {
                let item_id = change.settings.as_ref().and_then(|settings| settings.default_item_id);
                let Some(item_id) = item_id.filter(|item_id| default != Some(*item_id)) else {
                    return Ok(None);
                };
                return self.item(item_id, person).await.map(Some);
            }
            _ => return Ok(None),
        };
        match media {
            Media::Item(item_id) => self.item(item_id, person).await.map(Some),
            Media::Stream(stream_id) => self.stream(stream_id).await.map(Some),
            Media::None => Ok(None),
        }
    }

    /// An item that the person may play: public and unlisted ones, and those that the person may change.
    pub(super) async fn item(&self, item_id: ItemId, person: Option<&Person>) -> Result<NewEntry, Error> {
        let record = self.library.get(item_id).await?;
        let is_open = record.visibility != Visibility::Private;
        if !is_open && !self.library.may_edit(&record, person) {
            return Err(LibraryError::Unknown.into());
        }
        if record.state != ItemState::Ready {
            let message = "a party plays items that are complete: try again later";
            return Err(LibraryError::NotReady(message.into()).into());
        }
        let hash = self.library.content_digest(item_id, &record).await?;
        let item = record.item(item_id, false);
        Ok(NewEntry {
            item_id: Some(item_id),
            stream_id: None,
            title: item.title,
            artist: item.artist,
            // Members cannot fetch the picture of a private item.
            poster_url: item.poster_url.filter(|_| is_open),
            duration_ms: Some(item.duration_ms),
            is_video: item.tracks.iter().any(|track| track.kind == VIDEO),
            hash,
            account: person.map(|person| person.name.clone()),
        })
    }

    /// A live stream that everyone may watch.
    async fn stream(&self, stream_id: StreamId) -> Result<NewEntry, Error> {
        self.streams.look_up(stream_id).await?;
        let found = self.streams.find(stream_id, Now::read())?;
        if found.visibility == Visibility::Private {
            // A private stream admits each viewer individually.
            return Err(StreamError::Catalogue(catalogue::Error::UnknownStream(stream_id)).into());
        }
        Ok(NewEntry {
            item_id: None,
            stream_id: Some(stream_id),
            title: found.info.title,
            artist: None,
            poster_url: None,
            duration_ms: None,
            is_video: true,
            hash: token::digest(&stream_id.to_string()),
            account: None,
        })
    }

    /// Whether the item of an entry may be played in its party: it exists, and if it is private, the account
    /// that added it may play it, even after leaving the party.
    pub(super) async fn may_play(&self, item_id: ItemId, adder: Option<&Person>) -> Result<Item, Error> {
        let record = self.library.get(item_id).await?;
        let is_allowed = self.is_open_to(&record, adder);
        is_allowed.then_some(record).ok_or_else(|| LibraryError::Unknown.into())
    }

    /// Whether a party may play an item that this account added.
    pub(super) fn is_open_to(&self, record: &Item, adder: Option<&Person>) -> bool {
        record.visibility != Visibility::Private || self.library.may_edit(record, adder)
    }

    /// Whether members of parties can certainly no longer watch a stream, as far as this server knows.
    pub(super) async fn is_over(&self, stream_id: StreamId) -> bool {
        let is_open = |streams: &Streams| {
            let found = streams.find(stream_id, Now::read());
            found.is_ok_and(|found| found.visibility != Visibility::Private)
        };
        self.streams.knows_all().is_ok()
            && self.streams.look_up(stream_id).await.is_ok()
            && !is_open(&self.streams)
    }
}

/// The content of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Media {
    Item(ItemId),
    Stream(StreamId),
    None,
}

impl Media {
    fn new(item_id: Option<ItemId>, stream_id: Option<StreamId>) -> Self {
        let stream = stream_id.map_or(Self::None, Self::Stream);
        item_id.map_or(stream, Self::Item)
    }

    /// The content of an existing entry of the party.
    pub(super) fn known(record: &Record, target: &Target) -> Option<Self> {
        let content = &record.entry(target)?.content;
        Some(Self::new(content.item_id, content.stream_id))
    }

    /// The content of a target that is no entry of the party.
    fn of(target: &Target) -> Result<Self, Error> {
        if target.item_id.is_some() && target.stream_id.is_some() {
            return Err(Error::Invalid("item_id and stream_id exclude each other".into()));
        }
        Ok(Self::new(target.item_id, target.stream_id))
    }
}
