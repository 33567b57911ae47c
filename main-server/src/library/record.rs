//! What the store keeps of an item, in the namespace `library`. Every main server has all records in memory, so what grows
//! with the media is elsewhere ([`manifest`](super::manifest)).
//!
//! Records change by compare-and-set only.

use protocol::{
    ItemId, StreamId,
    item::{Blob, Item, ItemTrack, Kind, State, Stem, Stems},
    stream::Visibility,
};
use serde::{Deserialize, Serialize};
use store::Namespace;

use crate::state::catalogue::record::Owner;

/// Why a recording that has no media failed.
const NOTHING_ARRIVED: &str = "nothing has arrived from the nodes that recorded it";

/// An item to be made; its texts are checked already.
pub(crate) struct NewItem {
    /// Names it: [`new_id`]. The same id again changes nothing.
    pub(crate) item_id: ItemId,
    /// Where it comes from.
    pub(crate) kind: Kind,
    /// What can be done with it at first.
    pub(crate) state: State,
    /// What describes it.
    pub(crate) text: Text,
    /// Who may find and play it.
    pub(crate) visibility: Visibility,
    /// Of the passphrase of a private item, in PHC string form.
    pub(crate) passphrase_hash: Option<String>,
    /// The account that it belongs to; operators alone without one.
    pub(crate) owner: Option<Owner>,
    /// The stream that it records.
    pub(crate) stream_id: Option<StreamId>,
}

/// What describes an item, each in the form of [`title::clean`](protocol::title::clean).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Text {
    /// Its title.
    pub(crate) title: String,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artist: Option<String>,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) album: Option<String>,
    /// Words to find it by, in lower case, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
}

/// What an item has to do with other items. They may be deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Links {
    /// The item that it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<ItemId>,
    /// Which part of its source it holds.
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
    /// What describes it.
    #[serde(flatten)]
    pub(crate) text: Text,
    /// Who may find and play it.
    pub(crate) visibility: Visibility,
    /// In PHC string form, if the passphrase opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) passphrase_hash: Option<String>,
    /// Counts the rules it had for who may play it: grants that were given under an earlier one do not admit any more.
    #[serde(default)]
    pub(crate) rule: u64,
    /// The account that it belongs to; operators alone without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    /// Unix epoch.
    pub(crate) created_at_ms: u64,
    /// Length of what can be played.
    #[serde(default)]
    pub(crate) duration_ms: u64,
    /// Size of its media, in all formats.
    #[serde(default)]
    pub(crate) bytes: u64,
    /// Counts changes of its manifest, so that every server knows whether it has the newest.
    #[serde(default)]
    pub(crate) media_version: u64,
    /// Of its first take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tracks: Vec<ItemTrack>,
    /// What can be done with it.
    pub(crate) state: State,
    /// How much of its upload was read, in percent, while it is processed.
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
    /// How many previews it has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) previews: usize,
    /// What it has to do with other items.
    #[serde(flatten)]
    pub(crate) links: Links,
    /// Integrated loudness, in hundredths of LUFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loudness_centi_lufs: Option<i32>,
    /// True peak, in hundredths of dBTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) true_peak_centi_db: Option<i32>,
    /// JSON of its [`Waveform`](protocol::job::Waveform).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waveform: Option<Blob>,
    /// Its lyrics, a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lyrics: Option<Blob>,
    /// When it is deleted for good, Unix epoch, if it was deleted.
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

    /// Whether it was deleted and can be restored.
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted_until_ms.is_some()
    }

    /// Whether media may be added to it. A recording that can be restored takes what nodes still have of it.
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

    /// Media of it arrived: late ones make a recording that failed without them ready.
    pub(super) fn has_arrived(&mut self) {
        if (self.kind, self.state) == (Kind::Recording, State::Failed) {
            (self.state, self.error) = (State::Ready, None);
        }
    }

    /// Changes who may play it; what is `None` stays. A passphrase belongs to a private item. Grants that were given before the
    /// item asked for this do not count any more.
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

    /// The blobs that it names itself, beside those of its manifest.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        [&self.poster, &self.waveform, &self.lyrics].into_iter().flatten()
    }

    /// It as lists show it: without its links and previews. Its owner is for clients that may edit it.
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

/// The path with a version, which changes with the bytes that are there.
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
