//! Errors as they travel: a stable code for programs and a message for people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Every code a client can meet, on HTTP and in Socket.IO acks. Codes are never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The body or payload is invalid for this call; the message names the field.
    InvalidRequest,
    /// The title is empty or too long.
    InvalidTitle,
    /// More bytes than this call accepts.
    PayloadTooLarge,
    /// No or wrong cluster secret, or not signed in: the call needs the one or the other.
    Unauthorized,
    /// The account may not do this.
    Forbidden,
    /// The request has a session but no `X-Undead-CSRF: 1`, or comes from a page of another site.
    Csrf,
    /// The name or the password is wrong; the answer does not say which.
    WrongPassword,
    /// The setup link was used, is not the newest, or there is an operator already.
    SetupRefused,
    /// Another account has this name.
    NameTaken,
    /// No account has this name.
    UnknownAccount,
    /// The change would leave no operator.
    LastOperator,
    /// Creating streams needs a stream key or an account here.
    BroadcastNotAllowed,
    /// No stream key has this id.
    UnknownKey,
    /// No invitation of this stream has this id.
    UnknownInvitation,
    /// The invitation is missing, wrong, expired, revoked or used up.
    InvitationRefused,
    /// No such page, call or event.
    NotFound,
    /// Another live node already has this hostname.
    HostnameTaken,
    /// The main server does not know this node, or no longer: register again.
    UnknownNode,
    /// No stream with this id, or it is over.
    UnknownStream,
    /// This node no longer carries the stream. The stream is not over: continue at another node.
    StreamDropped,
    /// No healthy node can take the stream or the viewer now: try again.
    NoNodeAvailable,
    /// The node that answers, or every node, is at its limit; running sessions have priority. Try another node,
    /// or again later.
    NoCapacity,
    /// The cluster's records cannot be read or written now: try again. Running streams continue.
    StoreUnavailable,
    /// A node asked to pull a stream from a node that gets it, directly or not, from the asking one.
    RelayLoop,
    /// The grant is missing, malformed, expired, signed with another key, or for another stream or action.
    InvalidGrant,
    /// The stream is private and the passphrase is missing or wrong.
    WrongPassphrase,
    /// A broadcaster is already connected for this stream, on a newer session.
    AlreadyPublishing,
    /// This connection must send `register_new_stream` first.
    NotRegistered,
    /// This take is over: a newer one has begun.
    StaleTake,
    /// A segment is missing before this one; `next_segment` is the one to send.
    SegmentGap,
    /// The recorder's type is not one this node can forward.
    UnsupportedMime,
    /// The stream's media cannot be written in any of the formats the viewer asked for.
    UnsupportedFormat,
    /// The segment does not continue a valid stream; earlier chunks stay.
    MalformedMedia,
    /// `resume` is not a state this node can continue from: start a new take.
    InvalidResume,
    /// No item with this id, or it is deleted, or it is not for the caller to see.
    UnknownItem,
    /// The item has no media yet: it is being read, or that failed.
    ItemNotReady,
    /// No upload with this id, or it has expired.
    UnknownUpload,
    /// The upload's offset is another one, or another request writes to it: ask for the offset.
    UploadConflict,
    /// The bytes do not have the checksum that was sent with them; they were not taken.
    ChecksumMismatch,
    /// The library is full, or the caller's share of it.
    QuotaExceeded,
    /// Browsers cannot play the file, or it is damaged; the message says why.
    UnsupportedMedia,
    /// No such bytes in the object store.
    UnknownBlob,
    /// The object store cannot be reached now: try again.
    ObjectsUnavailable,
    /// No party with this id, or it is over, or it is not for the caller to see.
    UnknownParty,
    /// The party has no such member, or the token is no member's any more: join again.
    UnknownMember,
    /// The queue of the party has no such entry.
    UnknownEntry,
    /// The member may not do this in this party.
    NotAllowed,
    /// The party has another revision than `if_revision`.
    Conflict,
    /// No job with this id, or it is not for the caller to see.
    UnknownJob,
    /// The task was cancelled, or another worker has it or has done it: stop working on it.
    TaskLost,
    /// More than is accepted from one address, connection or stream: send or ask for less.
    LimitReached,
    /// The server failed. Its log has the reason; the message does not.
    Internal,
}

/// An error on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    /// What happened, for programs.
    pub code: ErrorCode,
    /// What happened, to which input, and what to do: for people.
    pub message: String,
    /// More for programs, with some codes: why an invitation is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// After how many seconds it is worth trying again, where that makes sense: over HTTP the same as `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

impl WireError {
    /// An error with `code` and a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), reason: None, retry_after_s: None }
    }

    /// The same error, which is worth trying again after `wait`: in whole seconds, at least one.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX);
        Self { retry_after_s: Some(seconds), ..self }
    }
}

/// The JSON body of every failed HTTP call: `{ "error": { "code", "message" } }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: WireError,
}
