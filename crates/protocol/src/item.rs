//! JSON bodies about the library: items, their manifests, and what nodes report of recordings.

use serde::{Deserialize, Serialize};

use crate::{
    ItemId, StreamId,
    lenient::{null_is_default, objects, optional_whole, whole},
    stream::Visibility,
};

/// Most bytes of the lyrics of an item.
pub const MAX_LYRICS_BYTES: usize = 64 << 10;

/// Where an item comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A live stream that was recorded.
    Recording,
    /// A file that was uploaded.
    Upload,
    /// The result of a job.
    Job,
}

/// What can be done with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being recorded: it can be played, and its manifest grows.
    Growing,
    /// Its upload is complete and is being read.
    Processing,
    /// It is complete.
    Ready,
    /// It could not be made; `error` says why.
    Failed,
}

/// A track of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemTrack {
    /// `audio` or `video`.
    pub kind: String,
    /// As in the `codecs` parameter of a MIME type (RFC 6381): `opus`, `vp09.00.10.08`.
    pub codec: String,
}

/// A part of a song.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stem {
    /// The singers.
    Vocals,
    /// Everything else.
    Accompaniment,
}

/// The items that hold the stems of a song.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stems {
    /// The singers alone.
    pub vocals: ItemId,
    /// Everything else: what people sing to.
    pub accompaniment: ItemId,
}

/// An item, as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Names it.
    pub item_id: ItemId,
    /// Where it comes from.
    pub kind: Kind,
    /// Its title.
    pub title: String,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// Words to find it by, in lower case.
    pub tags: Vec<String>,
    /// Who may find and play it.
    pub visibility: Visibility,
    /// Name of the account that it belongs to; none if it belongs to operators alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Unix epoch.
    pub created_at_ms: u64,
    /// Length of what can be played.
    pub duration_ms: u64,
    /// Size of its media.
    pub bytes: u64,
    /// Its tracks, of its first take.
    pub tracks: Vec<ItemTrack>,
    /// What can be done with it.
    pub state: State,
    /// While an upload is processed: how much of it was read, in percent. None before reading begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processed_percent: Option<u8>,
    /// Why it failed, or why a recording ended before its stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The stream that it records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<StreamId>,
    /// Its picture, a path below the site's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster_url: Option<String>,
    /// Pictures for its time line, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previews: Vec<Preview>,
    /// The item that this one was made of. As [`Self::stems`], of a single item, not in lists; none if that is deleted, or not listed while
    /// this item is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ItemId>,
    /// Which part of its source it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stem: Option<Stem>,
    /// The stems of the song: of the source, and of both stems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stems: Option<Stems>,
    /// Integrated loudness (EBU R128), in hundredths of LUFS; none if it was not measured, and for silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness_centi_lufs: Option<i32>,
    /// True peak, in hundredths of dBTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_peak_centi_db: Option<i32>,
    /// Where its [`Waveform`](crate::job::Waveform) is, a path below the site's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waveform_url: Option<String>,
    /// Where its lyrics are, a path below the site's root: a text, usually in the LRC format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lyrics_url: Option<String>,
    /// When it is deleted for good, Unix epoch: it was deleted, and can be restored until then. Its owner alone sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_until_ms: Option<u64>,
}

/// A picture for the time line of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The time of the item that it shows.
    #[serde(deserialize_with = "whole")]
    pub at_ms: u64,
    /// A path below the site's root.
    pub url: String,
}

/// Answer to `GET {node}/library/{item_id}/manifest`: the media of an item. The takes are played one after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Which item.
    pub item_id: ItemId,
    /// Whether it is being recorded: ask again for more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_growing: bool,
    /// In order of time.
    pub takes: Vec<ManifestTake>,
}

/// Fragments that share one init segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestTake {
    /// The type for MSE, with codecs.
    pub mime: String,
    /// What a decoder is given before the first fragment; none where the format has none (bare MP3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Blob>,
    /// In order of time, without holes. Their media's own timestamps are `start_ms - offset_ms`.
    pub fragments: Vec<Fragment>,
    /// When the take's own time 0 is in the item, in ms; negative where the recording began within the take.
    #[serde(default)]
    pub offset_ms: i64,
    /// The same frames in other formats, for players that do not take this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
}

/// A take in another format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// The type for MSE, with codecs.
    pub mime: String,
    /// As [`ManifestTake::init`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Blob>,
    /// As many as the take has, with the same times.
    pub fragments: Vec<Fragment>,
}

/// Bytes in the object store, by the digest of their content.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Blob {
    /// BLAKE3 of the bytes, as 64 lower-case hex digits.
    pub hash: String,
    /// How many.
    #[serde(deserialize_with = "whole")]
    pub bytes: u64,
}

/// A piece of media that can be played after its init segment alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragment {
    /// Its bytes.
    #[serde(flatten)]
    pub blob: Blob,
    /// When it begins, in ms of the item's time.
    #[serde(deserialize_with = "whole")]
    pub start_ms: u64,
    /// Until the next one begins.
    #[serde(deserialize_with = "whole")]
    pub duration_ms: u64,
}

/// Body of `PATCH /api/library/{item_id}`; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeItem {
    /// Its title; see [`title::clean`](crate::title::clean).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who made it; an empty text removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// What it belongs to; empty for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// All of its tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Who may find and play it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// The passphrase of a private item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    /// `false` restores a deleted item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
}

/// Answer to `GET /api/library`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemPage {
    /// In the order that was asked for.
    pub items: Vec<Item>,
    /// How many there are on all pages.
    pub total: u64,
    /// Where the next page begins; none on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Body of `POST /api/library/{item_id}/play`. It may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayItem {
    /// The passphrase of a private item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    /// An invitation to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
}

/// Answer to `POST /api/library/{item_id}/play`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playable {
    /// Permits to read the item's media from any node. A secret.
    pub grant: String,
    /// Seconds until the grant expires.
    pub expires_in_s: u64,
    /// Addresses of nodes that serve the item, in the order to try them.
    pub nodes: Vec<String>,
}

/// Which streams are recorded, as the operator set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordPolicy {
    /// None.
    Off,
    /// Those whose broadcasters, owners or operators ask for it.
    #[default]
    Ask,
    /// All of them.
    All,
}

/// Body of `PUT /api/streams/{stream_id}/recording`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRecording {
    /// Whether the stream is recorded from now on.
    pub on: bool,
}

/// A stream that a node has to record, in the answer to its heartbeat. What an answer no longer lists, the node ends recording.
/// A node that does not carry the stream pulls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordStream {
    /// Which stream.
    pub stream_id: StreamId,
    /// The item that it becomes.
    pub item_id: ItemId,
    /// What the node does for it.
    pub role: RecorderRole,
    /// The group after the last one that the manifest holds: the node records from there on. None while the manifest holds
    /// nothing since recording was switched on: the node records all that it has, see `from_now`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<GroupName>,
    /// Whether recording was switched on while the stream was live: without `next`, the node records nothing older than the
    /// group that was the newest when it first saw this entry.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "std::ops::Not::not")]
    pub from_now: bool,
    /// Groups before `next` that the manifest lacks, in order. A node that has any of them, on its disk or in its ring, writes them
    /// to the object store and reports them, whatever its role. It may leave groups out: only
    /// the answer to a report says what is recorded.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingGroups>,
}

/// Groups that the manifest of a recording lacks: all whose name is at least `first` and less than `until`, in the order of their
/// names. There may be fewer than the names allow for, where a take ended, or none; and the manifest may have some of them, where
/// there are too many holes to name each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingGroups {
    /// The group after the one that is recorded before.
    pub first: GroupName,
    /// The next one that is recorded, of the same take or a later one.
    pub until: GroupName,
}

impl MissingGroups {
    /// Whether the group is among them.
    pub fn contains(&self, group: GroupName) -> bool {
        self.first <= group && group < self.until
    }
}

/// What a node does for a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecorderRole {
    /// It writes fragments to the object store and reports them.
    Primary,
    /// It keeps on its disk what the primary has not reported yet, and becomes primary if that one dies.
    Standby,
}

/// Whether fragments of one type and init segment can follow those of another in one file. Decoders of what WebM has are set up by its
/// frames; those of MP4 by the init segment. Spaces and case of a type do not matter.
pub fn joins((mime, init): (&str, Option<&Blob>), (other_mime, other_init): (&str, Option<&Blob>)) -> bool {
    let plain = |mime: &str| mime.replace(' ', "").to_ascii_lowercase();
    let container = plain(other_mime).split(';').next().unwrap_or_default().to_owned();
    let is_set_up_by_frames = container.ends_with("/webm") || other_init.is_none();
    plain(mime) == plain(other_mime)
        && init.is_some() == other_init.is_some()
        && (init == other_init || is_set_up_by_frames)
}

/// How many successive groups of a take, from a multiple of this on, main servers keep together. A node reports fragments that lie
/// within them: two main servers that take overlapping ones at the same time notice it.
pub const PART_GROUPS: u64 = 512;

/// Successive groups of one take..
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupName {
    /// Which run of the recorder.
    #[serde(deserialize_with = "whole")]
    pub take: u64,
    /// Which group of the take, from 0.
    #[serde(deserialize_with = "whole")]
    pub group: u64,
}

/// A fragment of a recording as the node that wrote it reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFragment {
    /// Its bytes, which are in the object store.
    #[serde(flatten)]
    pub blob: Blob,
    /// Its first group.
    pub first: GroupName,
    /// How many successive groups of that take it holds, whole.
    #[serde(deserialize_with = "whole")]
    pub groups: u64,
    /// Whether the take ends with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_take: bool,
    /// When it begins, in ms of the take's time.
    #[serde(deserialize_with = "whole")]
    pub start_ms: u64,
    /// Until it ends.
    #[serde(deserialize_with = "whole")]
    pub duration_ms: u64,
    /// When its first frame was captured, Unix epoch, if the broadcaster said so.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub captured_at_ms: Option<u64>,
    /// The type of the take for MSE, with codecs.
    pub mime: String,
    /// The take's init segment, which is in the object store.
    pub init: Blob,
}

/// Body of `POST /api/nodes/{node_id}/recordings/{item_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRecording {
    /// Fragments that are new, in order.
    pub fragments: Vec<RecordedFragment>,
    /// Whether the stream has ended and the node has nothing more of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_complete: bool,
}

/// Answer to `POST /api/nodes/{node_id}/recordings/{item_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingProgress {
    /// Groups that the manifest holds now, as ranges in order. A fragment that overlaps one of them in part was not taken:
    /// report one of the groups that are missing.
    pub recorded: Vec<GroupRange>,
}

/// Successive groups of one take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRange {
    /// The first one.
    pub first: GroupName,
    /// How many.
    #[serde(deserialize_with = "whole")]
    pub groups: u64,
}
