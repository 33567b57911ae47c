//! The events of a party, and their outcomes. What needs the store or the library is resolved before, and is part of the event.

use std::{collections::BTreeMap, fmt};

use protocol::{ErrorCode, StreamId, party::PartyCommand};

use super::{
    id::{EntryId, MemberId, MessageId, TokenDigest},
    record::NewEntry,
};

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A client joins. Again with the same token it changes nothing.
    Join(Join),
    /// A member leaves for good.
    Leave {
        /// Which.
        member: MemberId,
    },
    /// A member asks for something.
    Request(Box<Request>),
    /// Connections of members were opened.
    Present {
        /// Whose.
        members: Vec<MemberId>,
    },
    /// No server has had a connection of these members for a while.
    Away {
        /// Which.
        members: Vec<MemberId>,
    },
    /// A member reports that it waits for media, or no longer does.
    Buffering {
        /// Which.
        member: MemberId,
        /// Whether it waits.
        is_buffering: bool,
    },
    /// Time has passed: does what is due, see [`Record::next_due_ms`](super::Record::next_due_ms).
    Tick,
    /// A live stream is over, or members may not watch it any more.
    StreamEnded {
        /// Which.
        stream_id: StreamId,
    },
    /// The items of entries were deleted, or members may not play them any more.
    EntriesGone {
        /// Which.
        entries: Vec<EntryId>,
    },
    /// An invitation was revoked. The party removes the members that it admitted, and the invitation admits no more.
    InvitationRevoked {
        /// Which.
        invitation: String,
    },
}

/// A client that joins.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// Of its new token.
    pub(crate) digest: TokenDigest,
    /// What it is called: the name of the account, if it has one.
    pub(crate) name: String,
    /// When its account was made, Unix epoch; none if it has no account.
    pub(crate) account_since_ms: Option<u64>,
    /// The invitation that it showed, which is valid.
    pub(crate) invitation: Option<String>,
    /// Whether the account is an operator.
    pub(crate) is_operator: bool,
    /// Most members of the party, as the operator of the site set it.
    pub(crate) most_members: usize,
}

/// A member's request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Whose.
    pub(crate) member: MemberId,
    /// Whether the member's account is an operator, who may do what the host may.
    pub(crate) is_operator: bool,
    /// What for; its texts are clean.
    pub(crate) command: PartyCommand,
    /// The entry to be added, for `queue`, for `play` of what is not in the party, and for `set` of another default item.
    pub(crate) entry: Option<NewEntry>,
    /// When the accounts were made that `set` names in a list of people, Unix epoch, of those that exist.
    pub(crate) accounts: BTreeMap<String, u64>,
    /// The round of the timeline when the request arrived. `vote`, `skip`, `next`, `previous` and `seek` are meant for that
    /// round and refused in another.
    pub(crate) seen_round: Option<u64>,
}

/// What an event came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Whether the record is another one now, with the next revision.
    pub(crate) changed: bool,
    /// What the event made, now or when it was applied before.
    pub(crate) created: Option<Created>,
}

impl Applied {
    /// The record changed.
    pub(super) const CHANGED: Self = Self { changed: true, created: None };

    /// The record changed if `changed`.
    pub(super) fn if_changed(changed: bool) -> Self {
        Self { changed, created: None }
    }

    /// The event made this now.
    pub(super) fn new(created: Created) -> Self {
        Self { changed: true, created: Some(created) }
    }

    /// The event made this when it was applied before.
    pub(super) fn again(created: Created) -> Self {
        Self { changed: false, created: Some(created) }
    }
}

/// What an event made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    /// A member.
    Member(MemberId),
    /// An entry.
    Entry(EntryId),
    /// A message.
    Message(MessageId),
}

/// Why an event is not accepted. The record is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The member may not do this.
    NotAllowed(&'static str),
    /// The party is over, or the client must not learn that it exists.
    UnknownParty,
    /// There is no such member.
    UnknownMember,
    /// There is no such entry.
    UnknownEntry,
    /// The party is not as the request expects it.
    Conflict(&'static str),
    /// The party has as many as it may.
    Limit(&'static str),
    /// The request makes no sense.
    Invalid(&'static str),
}

/// There is no room for another entry.
pub(super) const QUEUE_FULL: Refusal = Refusal::Limit("the queue is full");

impl Refusal {
    /// It in answers.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::NotAllowed(_) => ErrorCode::NotAllowed,
            Self::UnknownParty => ErrorCode::UnknownParty,
            Self::UnknownMember => ErrorCode::UnknownMember,
            Self::UnknownEntry => ErrorCode::UnknownEntry,
            Self::Conflict(_) => ErrorCode::Conflict,
            Self::Limit(_) => ErrorCode::LimitReached,
            Self::Invalid(_) => ErrorCode::InvalidRequest,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownParty => "there is no such party",
            Self::UnknownMember => "the party has no such member",
            Self::UnknownEntry => "the queue has no such entry",
            Self::NotAllowed(why) | Self::Conflict(why) | Self::Limit(why) | Self::Invalid(why) => why,
        })
    }
}
