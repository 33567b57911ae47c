//! The events of a party, and their outcomes. What needs the store or the library is resolved before, and is part of the event.

use std::{collections::BTreeMap, fmt};

use protocol::{ErrorCode, StreamId, party::PartyCommand};

use super::{
    id::{EntryId, MemberId, MessageId, TokenDigest},
    record::NewEntry,
};

/// An event of a party.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A client joins. Repeated with the same token it changes nothing.
    Join(Join),
    /// A member leaves permanently.
    Leave {
        /// Which.
        member: MemberId,
    },
    /// A member sends a command.
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
    /// Time has passed: executes what is due, see [`Record::next_due_ms`](super::Record::next_due_ms).
    Tick,
    /// A live stream ended, or members may no longer watch it.
    StreamEnded {
        /// Which.
        stream_id: StreamId,
    },
    /// The items of entries were deleted, or members may no longer play them.
    EntriesGone {
        /// Which.
        entries: Vec<EntryId>,
    },
    /// An invitation was revoked. The party removes the members that it admitted, and no longer accepts it.
    InvitationRevoked {
        /// Which.
        invitation: String,
    },
}

/// A client that joins.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// The digest of its new token.
    pub(crate) digest: TokenDigest,
    /// Its name; that of the account, if it has one.
    pub(crate) name: String,
    /// When its account was created, Unix epoch; none if it has no account.
    pub(crate) account_since_ms: Option<u64>,
    /// Its valid invitation.
    pub(crate) invitation: Option<String>,
    /// Whether the account is an operator.
    pub(crate) is_operator: bool,
    /// Most members of the party, as the operator of the site set it.
    pub(crate) most_members: usize,
}

#[cfg(any(test, feature = "fuzzing"))]
impl Join {
    /// A client without an account and an invitation.
    pub(crate) fn guest(name: &str, digest: TokenDigest, most_members: usize) -> Self {
        let name = name.to_owned();
        Self { digest, name, account_since_ms: None, invitation: None, is_operator: false, most_members }
    }
}

/// A member's request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The calling member.
    pub(crate) member: MemberId,
    /// Whether the member's account is an operator, who has the host's rights.
    pub(crate) is_operator: bool,
    /// The command; its texts are normalised.
    pub(crate) command: PartyCommand,
    /// The entry to add, for `queue`, for `play` of something that is not in the party, and for `set` of
    /// another default item.
    pub(crate) entry: Option<NewEntry>,
    /// When the accounts in a list of people of `set` were created, Unix epoch; only those that exist.
    pub(crate) accounts: BTreeMap<String, u64>,
    /// The round of the timeline when the request arrived. `vote`, `skip`, `next`, `previous` and `seek`
    /// apply only to that round, and are refused in another.
    pub(crate) seen_round: Option<u64>,
}

/// The outcome of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Whether the record changed, and so has the next revision.
    pub(crate) changed: bool,
    /// The object that the event created, now or when it was applied before.
    pub(crate) created: Option<Created>,
}

impl Applied {
    /// The record changed.
    pub(super) const CHANGED: Self = Self { changed: true, created: None };

    /// The record changed if `changed`.
    pub(super) fn if_changed(changed: bool) -> Self {
        Self { changed, created: None }
    }

    /// The event created this now.
    pub(super) fn new(created: Created) -> Self {
        Self { changed: true, created: Some(created) }
    }

    /// The event created this when it was applied before.
    pub(super) fn again(created: Created) -> Self {
        Self { changed: false, created: Some(created) }
    }
}

/// An object created by an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    /// A member.
    Member(MemberId),
    /// An entry.
    Entry(EntryId),
    /// A message.
    Message(MessageId),
}

/// Why an event is refused. The record is unchanged.
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
    /// The party is not in the state that the request expects.
    Conflict(&'static str),
    /// The party has reached a limit.
    Limit(&'static str),
    /// The request is invalid.
    Invalid(&'static str),
}

/// There is no room for another entry.
pub(super) const QUEUE_FULL: Refusal = Refusal::Limit("the queue is full");

impl Refusal {
    /// The code in answers.
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
