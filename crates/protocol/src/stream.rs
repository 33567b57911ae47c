//! JSON bodies about streams.

use serde::{Deserialize, Serialize};

use crate::{
    ItemId, StreamId,
    lenient::{null_is_default, optional_whole},
};

/// Most bytes a preview picture may have.
pub const MAX_THUMBNAIL_BYTES: usize = 256 * 1024;

/// Who may watch a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Listed, and open to all viewers.
    #[default]
    Public,
    /// Not listed; open to viewers who have the link.
    Unlisted,
    /// Not listed; open to viewers who have the link and the passphrase or an invitation, where the stream asks for one.
    Private,
}

impl Visibility {
    /// It as nodes have to know it: whether the stream may be watched without a grant. Nodes of earlier versions know no other.
    #[must_use]
    pub fn for_nodes(self) -> Self {
        match self {
            Self::Public => Self::Public,
            Self::Unlisted | Self::Private => Self::Private,
        }
    }
}

/// How a stream is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// Created; nothing has arrived yet. Not listed.
    Created,
    /// Media arrives.
    Live,
    /// The broadcaster is missing and may return within the grace period.
    Interrupted,
    /// Over, for good.
    Ended,
}

/// Body of `POST /api/streams`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateStream {
    /// What viewers read; see [`title::clean`](crate::title::clean).
    pub title: String,
    /// Who may watch; public if left out.
    #[serde(default, deserialize_with = "null_is_default")]
    pub visibility: Visibility,
    /// Asked of viewers of a private stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    /// Whether viewers of a private stream need an invitation, or the passphrase if there is one.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "std::ops::Not::not")]
    pub invitation_only: bool,
    /// Whether it is recorded into the library; where the operator has all streams recorded, it is in any case.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "std::ops::Not::not")]
    pub record: bool,
}

/// Body of `PATCH /api/streams/{id}`: what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeStream {
    /// What viewers read; see [`title::clean`](crate::title::clean).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who may watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
}

/// A node in an assignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddress {
    /// Where to connect: an absolute URL, or a path on the main server's origin.
    pub public_url: String,
}

/// A grant and where to use it, first choice first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The signed permission, to hand to the node.
    pub grant: String,
    /// First choice and standbys.
    pub nodes: Vec<NodeAddress>,
    /// For viewers, the stream they were let in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamInfo>,
    /// How long the grant lasts, in seconds; none from older main servers.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
}

/// Answer to `POST /api/streams/{stream_id}/renew`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewedGrant {
    /// For the same action as the one that was shown.
    pub grant: String,
    /// How long it lasts, in seconds.
    pub expires_in_s: u64,
}

/// Answer to `POST /api/streams`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCreated {
    /// The new stream's id.
    pub stream_id: StreamId,
    /// Its title, as it will be shown.
    pub title: String,
    /// The page to share, a path on the main server's origin.
    pub watch_url: String,
    /// How to publish to it.
    pub publish: Assignment,
    /// The item of the library that it is recorded into, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<ItemId>,
}

/// Body of `POST /api/streams/{id}/watch` and `/publish`. All fields may be left out, and so may the body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskForNodes {
    /// For a private stream that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    /// For a private stream, instead of a passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
    /// `public_url`s of nodes the client just lost: chosen last, if at all.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub avoid: Vec<String>,
    /// The region it would like to be served from; nodes elsewhere are chosen when there is no room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// Title of a stream with a passphrase, for those who have neither the passphrase nor a grant.
pub const CONCEALED_TITLE: &str = "Private stream";

/// One stream, as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// Its id.
    pub stream_id: StreamId,
    /// Its title.
    pub title: String,
    /// When it first went live, or before that, when it was created; Unix epoch. 0 if not disclosed.
    pub started_at_ms: u64,
    /// Viewers on all nodes.
    pub viewers: u32,
    /// How it is doing.
    pub state: StreamState,
    /// The type its chunks have, with codecs; none before it is live.
    pub mime: Option<String>,
    /// The newest preview picture, a path on the main server's origin; changes with the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail_url: Option<String>,
    /// Milliseconds until an interrupted stream ends unless its broadcaster returns. Only in answers about one stream: it is
    /// out of date at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_in_ms: Option<u64>,
    /// Who may watch; left out where it is public, or not disclosed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Whether viewers need an invitation, or the passphrase if there is one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invitation_only: bool,
    /// The item of the library that it is being recorded into, if it is: it can be played from its start while it grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<ItemId>,
}

impl StreamInfo {
    /// The view of a stream with a passphrase for clients without a grant: its state only.
    #[must_use]
    pub fn concealed(self) -> Self {
        Self {
            title: CONCEALED_TITLE.to_owned(),
            started_at_ms: 0,
            viewers: 0,
            mime: None,
            thumbnail_url: None,
            visibility: None,
            invitation_only: false,
            recording: None,
            ..self
        }
    }
}
