//! Reads and changes the media of items: the manifest in the store, and the matching fields of the record.

use std::sync::{Arc, Mutex, PoisonError};

use protocol::{
    ItemId,
    item::{GroupRange, ItemTrack, Manifest, State},
};
use store::contention::give_way;

use super::{
    ATTEMPTS, Error, Library, MOST_ERROR_CHARS, Record,
    manifest::{
        self, Cached, NewTake, TakeFragment, Takes, assemble, content_digest, is_long, recorded, totals,
    },
};

/// The state of a recording after fragments were appended.
pub(crate) struct Appended {
    /// The groups in the manifest, as ranges in order.
    pub(crate) recorded: Vec<GroupRange>,
    /// How many fragments were refused because they partially overlap others.
    pub(crate) overlapping: usize,
    /// Whether the item has so many fragments that it should not grow further.
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
    /// Adds fragments to a take of an item; a new take is created. Known fragments are ignored, so that the
    /// call can be repeated after an unknown outcome. When it returns, the store has the fragments.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an item that is unknown, or deleted and accepts no media
    /// ([`Record::takes_media`]), [`Error::Invalid`], [`Error::OtherTake`], [`Error::Full`],
    /// [`Error::Store`].
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

    /// Gives up missing groups before existing ones: the manifest of a growing item continues after them.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(crate) async fn settle(&self, item_id: ItemId) -> Result<(), Error> {
        self.change_media(item_id, &Write::Settle, |_| {}).await.map(drop)
    }

    /// Changes the state of an item. The reason says what is wrong with its media.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(crate) async fn set_state(
        &self,
        item_id: ItemId,
        state: State,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let reason = reason.map(short);
        let with_state = |record: &mut Record| {
            record.state = state;
            record.processed_percent = None;
            record.error.clone_from(&reason);
        };
        self.change_media(item_id, &Write::Nothing, with_state).await.map(drop)
    }

    /// Records that an upload cannot be played. This removes the media that was read so far: no client can play it, and it would
    /// count against quotas.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn fail(&self, item_id: ItemId, reason: &str) -> Result<(), Error> {
        let reason = short(reason);
        self.change(item_id, |record| record.fail(&reason)).await?;
        // After a failure here they are removed with the item.
        Ok(self.manifests.remove(item_id).await?)
    }

    /// Records how much of the upload of an item has been processed.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn set_processed(&self, item_id: ItemId, percent: u8) -> Result<(), Error> {
        let with_percent = |record: &mut Record| {
            if record.state == State::Processing {
                record.processed_percent = Some(percent);
            }
        };
        self.change(item_id, with_percent).await.map(drop)
    }

    /// Ends the growth of a recording. A recording without media has failed until some arrive.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(crate) async fn conclude(&self, item_id: ItemId) -> Result<(), Error> {
        self.change_media(item_id, &Write::Nothing, Record::conclude).await.map(drop)
    }

    /// The groups in the manifest of an item, as ranges in order.
    ///
    /// # Errors
    /// [`Error::Unknown`] as of [`Self::append`], [`Error::Store`].
    pub(crate) async fn recorded(&self, item_id: ItemId) -> Result<Vec<GroupRange>, Error> {
        let record = self.taking_media(item_id).await?;
        Ok(recorded(&self.manifests.load(item_id, record.media_version).await?.takes))
    }

    /// The identity of an item's media, 64 hex digits: equal for items with the same media.
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

    /// An item that accepts media.
    ///
    /// # Errors
    /// [`Error::Unknown`] as of [`Self::append`]; [`Error::Store`], also if a newer version of the program wrote the item: nodes
    /// delete what they recorded of one that is unknown.
    pub(crate) async fn taking_media(&self, item_id: ItemId) -> Result<Record, Error> {
        match self.find(item_id).await? {
            Some(record) if record.takes_media() => Ok(record),
            None if !self.is_gone(item_id).await? => {
                let reason = format!("a newer version of the program wrote item {item_id}");
                Err(store::Error::Invalid(reason).into())
            }
            _ => Err(Error::Unknown),
        }
    }

    /// Writes media and updates the record; `change` may run again after a conflict. Returns the media, and
    /// how many fragments were refused because they partially overlap others.
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
                    // It is unknown whether the write succeeded.
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

fn short(reason: &str) -> String {
    reason.chars().take(MOST_ERROR_CHARS).collect()
}

/// A write to the media of an item.
enum Write<'a> {
    /// Fragments of a take.
    Append(&'a NewTake, &'a [TakeFragment]),
    /// Missing groups are given up.
    Settle,
    /// Only the record changes.
    Nothing,
}

/// Whether two versions of the takes have the same revisions.
fn is_same(takes: &Takes, others: &Takes) -> bool {
    takes.len() == others.len()
        && takes.iter().all(|(number, take)| others.get(number).is_some_and(|other| take.is_same(other)))
}

/// The tracks named by the codecs of a MIME type.
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
