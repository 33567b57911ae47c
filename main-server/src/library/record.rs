//! The record of an item, in the namespace `library`. Every main server has all records in memory, so data
//! that grows with the media is elsewhere ([`manifest`](super::manifest)).
//!
//! Records change only by compare-and-set.

use protocol::{
    ItemId, StreamId,
    item::{Blob, Item, ItemTrack, Kind, State, Stem, Stems},
    stream::Visibility,
};
use serde::{Deserialize, Serialize};
use store::Namespace;

use crate::state::catalogue::record::Owner;

/// The error of a recording without media.
const NOTHING_ARRIVED: &str = "nothing has arrived from the nodes that recorded it";

/// A validated new item.
pub(crate) struct NewItem {
    /// Its id: [`new_id`]. Creating the same id again changes nothing.
    pub(crate) item_id: ItemId,
    /// Where it comes from.
    pub(crate) kind: Kind,
    /// Its initial state.
    pub(crate) state: State,
    /// Its texts.
    pub(crate) text: Text,
    /// Who may find and play it.
    pub(crate) visibility: Visibility,
    /// The hash of a private item's passphrase, in PHC string form.
    pub(crate) passphrase_hash: Option<String>,
    /// The account that owns it; without one, only operators do.
    pub(crate) owner: Option<Owner>,
    /// The stream that it records.
    pub(crate) stream_id: Option<StreamId>,
}

/// The texts of an item, each in the form of [`title::clean`](protocol::title::clean).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Text {
    /// Its title.
    pub(crate) title: String,
    /// The artist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artist: Option<String>,
    /// The album.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) album: Option<String>,
    /// Tags, in lower case, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
}

/// Links to other items, which may have been deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Links {
    /// The item that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<ItemId>,
    /// Which part of its source it contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stem: Option<Stem>,
    /// The stems of the song that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stems: Option<Stems>,
}

/// A random id for a new item.
///
/// # Errors
/// The system gave no random bytes.
pub(crate) fn new_id() -> Result<ItemId, super::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(crate::auth::token::Error::from)?;
    Ok(ItemId::from_bytes(bytes))
}

/// The record of an item: less than 5 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Where it comes from.
    pub(crate) kind: Kind,
    /// Its texts.
    #[serde(flatten)]
    pub(crate) text: Text,
    /// Who may find and play it.
    pub(crate) visibility: Visibility,
    /// The hash of the passphrase, in PHC string form, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) passphrase_hash: Option<String>,
    /// The version of its access rules: grants of earlier versions are no longer accepted.
    #[serde(default)]
    pub(crate) rule: u64,
    /// The account that owns it; without one, only operators do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    /// Unix epoch.
    pub(crate) created_at_ms: u64,
    /// Length of the playable media.
    #[serde(default)]
    pub(crate) duration_ms: u64,
    /// Size of its media, in all formats.
    #[serde(default)]
    pub(crate) bytes: u64,
    /// Counts changes of its manifest, so that every server knows whether its copy is current.
    #[serde(default)]
    pub(crate) media_version: u64,
    /// The tracks of its first take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tracks: Vec<ItemTrack>,
    /// What can be done with it.
    pub(crate) state: State,
    /// How much of its upload has been processed, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) processed_percent: Option<u8>,
    /// Why it failed, or why a recording ended before its stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// The stream that it records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stream_id: Option<StreamId>,
    /// Its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) poster: Option<Blob>,
    /// The number of previews.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) previews: usize,
    /// Its links to other items.
    #[serde(flatten)]
    pub(crate) links: Links,
    /// Integrated loudness, in hundredths of LUFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loudness_centi_lufs: Option<i32>,
    /// True peak, in hundredths of dBTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) true_peak_centi_db: Option<i32>,
    /// The blob with the JSON of its [`Waveform`](protocol::job::Waveform).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waveform: Option<Blob>,
    /// The blob with its lyrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lyrics: Option<Blob>,
    /// If it was deleted: when it is permanently removed, Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deleted_until_ms: Option<u64>,
}

impl store::Record for Record {
    type Key = ItemId;
    const NAMESPACE: Namespace = Namespace::new("library");
}

impl Record {
    /// The record of a new item.
    pub(crate) fn new(new: NewItem, now_ms: u64) -> Self {
        let NewItem { item_id: _, kind, state, text, visibility, passphrase_hash, owner, stream_id } = new;
        Self {
            kind,
            text,
            visibility,
            passphrase_hash,
            rule: 0,
            owner,
            created_at_ms: now_ms,
            duration_ms: 0,
            bytes: 0,
            media_version: 0,
            tracks: Vec::new(),
            state,
            processed_percent: None,
            error: None,
            stream_id,
            poster: None,
            previews: 0,
            links: Links::default(),
            loudness_centi_lufs: None,
            true_peak_centi_db: None,
            waveform: None,
            lyrics: None,
            deleted_until_ms: None,
        }
    }

    /// Whether it was deleted but can be restored.
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted_until_ms.is_some()
    }

    /// Whether it accepts media. A recording that can be restored accepts what nodes still have of it.
    pub(super) fn takes_media(&self) -> bool {
        !self.is_deleted() || self.kind == Kind::Recording
    }

    /// Whether it is being recorded.
    pub(crate) fn is_growing(&self) -> bool {
        self.state == State::Growing
    }

    /// Ends the growth of a recording.
    pub(super) fn conclude(&mut self) {
        self.state = if self.bytes == 0 { State::Failed } else { State::Ready };
        if self.bytes == 0 {
            self.error = Some(NOTHING_ARRIVED.into());
        }
    }

    /// Records why an upload cannot be played, and that its media are removed.
    pub(super) fn fail(&mut self, reason: &str) {
        (self.state, self.error, self.processed_percent) = (State::Failed, Some(reason.to_owned()), None);
        (self.duration_ms, self.bytes, self.poster) = (0, 0, None);
        self.tracks.clear();
        self.media_version += 1;
    }

    /// Records that media arrived: a recording that failed without media becomes ready.
    pub(super) fn has_arrived(&mut self) {
        if (self.kind, self.state) == (Kind::Recording, State::Failed) {
            (self.state, self.error) = (State::Ready, None);
        }
    }

    /// Changes its access; `None` leaves a field unchanged. Only private items have a passphrase. Grants from
    /// before the change are no longer accepted.
    pub(crate) fn admit_by(
        &mut self,
        visibility: Option<Visibility>,
        passphrase_hash: Option<&Option<String>>,
    ) {
        let becomes_private =
            visibility == Some(Visibility::Private) && self.visibility != Visibility::Private;
        let asks_for_another = passphrase_hash.is_some_and(|hash| *hash != self.passphrase_hash);
        if becomes_private || asks_for_another {
            self.rule += 1;
        }
        self.visibility = visibility.unwrap_or(self.visibility);
        if let Some(hash) = passphrase_hash {
            self.passphrase_hash.clone_from(hash);
        }
        if self.visibility != Visibility::Private {
            self.passphrase_hash = None;
        }
    }

    /// Whether every client finds it.
    pub(crate) fn is_listed(&self) -> bool {
        self.visibility == Visibility::Public && self.state == State::Ready && !self.is_deleted()
    }

    /// The blobs that it names itself, besides those of its manifest.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        [&self.poster, &self.waveform, &self.lyrics].into_iter().flatten()
    }

    /// The item as shown in lists: without its links and previews. Its owner is only for clients that may
    /// edit it.
    pub(crate) fn item(&self, item_id: ItemId, shows_owner: bool) -> Item {
        let Text { title, artist, album, tags } = self.text.clone();
        Item {
            item_id,
            kind: self.kind,
            title,
            artist,
            album,
            tags,
            visibility: self.visibility,
            owner: self.owner.as_ref().filter(|_| shows_owner).map(|owner| owner.account.clone()),
            created_at_ms: self.created_at_ms,
            duration_ms: self.duration_ms,
            bytes: self.bytes,
            tracks: self.tracks.clone(),
            state: self.state,
            processed_percent: self.processed_percent,
            error: self.error.clone(),
            stream_id: self.stream_id,
            poster_url: self
                .poster
                .as_ref()
                .map(|blob| versioned(format!("/library/{item_id}/poster"), blob)),
            previews: Vec::new(),
            source: None,
            stem: self.links.stem,
            stems: None,
            loudness_centi_lufs: self.loudness_centi_lufs,
            true_peak_centi_db: self.true_peak_centi_db,
            waveform_url: self.waveform.as_ref().map(|blob| api_url(item_id, "waveform", blob)),
            lyrics_url: self.lyrics.as_ref().map(|blob| api_url(item_id, "lyrics", blob)),
            deleted_until_ms: self.deleted_until_ms,
        }
    }
}

/// The path of a preview of an item.
pub(super) fn preview_url(item_id: ItemId, at_ms: u64, blob: &Blob) -> String {
    versioned(format!("/library/{item_id}/previews/{at_ms}"), blob)
}

fn api_url(item_id: ItemId, name: &str, blob: &Blob) -> String {
    versioned(format!("/api/library/{item_id}/{name}"), blob)
}

/// The path with a version that changes with the blob.
fn versioned(path: String, blob: &Blob) -> String {
    let version: String = blob.hash.chars().take(16).collect();
    path + "?v=" + &version
}

// Serde passes references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_record_has_less_than_5_kib() {
        let text = "\u{1f600}".repeat(protocol::title::MAX_CHARS);
        let tag = "\u{1f600}".repeat(super::super::text::TAG_CHARS);
        let new = NewItem {
            item_id: new_id().unwrap(),
            kind: Kind::Recording,
            state: State::Growing,
            text: Text {
                title: text.clone(),
                artist: Some(text.clone()),
                album: Some(text.clone()),
                tags: vec![tag; super::super::text::MOST_TAGS],
            },
            visibility: Visibility::Unlisted,
            passphrase_hash: Some("h".repeat(120)),
            owner: Some(Owner {
                account: "a".repeat(64),
                account_since_ms: u64::MAX,
                key_id: Some("0".repeat(16)),
            }),
            stream_id: Some(StreamId::new("a", 1)),
        };
        let mut record = Record::new(new, u64::MAX);
        record.error = Some("\u{1f600}".repeat(super::super::MOST_ERROR_CHARS));
        record.processed_percent = Some(100);
        let blob = || Some(Blob { hash: "0".repeat(64), bytes: u64::MAX });
        (record.poster, record.waveform, record.lyrics) = (blob(), blob(), blob());
        (record.loudness_centi_lufs, record.true_peak_centi_db) = (Some(i32::MIN), Some(i32::MIN));
        let item_id = new_id().unwrap();
        record.links = Links {
            source: Some(item_id),
            stem: Some(Stem::Accompaniment),
            stems: Some(Stems { vocals: item_id, accompaniment: item_id }),
        };
        let track = ItemTrack { kind: "video".into(), codec: "c".repeat(32) };
        record.tracks = vec![track; super::super::manifest::MOST_TRACKS];
        let json = serde_json::to_vec(&record).unwrap();
        assert!(json.len() < 5 << 10, "{}", json.len());
        assert!(serde_json::from_slice::<Record>(&json).unwrap() == record);
    }
}
