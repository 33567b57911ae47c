//! The stored record of a party, changed only by compare-and-set. Field names are short if a record has
//! thousands of them.

use std::collections::BTreeMap;

use protocol::{
    ItemId, PartyId, StreamId,
    party::{Access, CreateParty, HostLoss, Policy, Settings, Target},
};
use serde::{Deserialize, Serialize};
use store::Namespace;

use super::id::{EntryId, MemberId, MessageId, PersonId, TokenDigest};

/// A party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its id, which random votes depend on.
    pub(crate) party_id: PartyId,
    /// Number of accepted events.
    pub(crate) revision: u64,
    /// The displayed title.
    pub(crate) title: String,
    /// The configured policy; see [`Record::acting_policy`].
    pub(crate) policy: Policy,
    /// Who may join.
    pub(crate) access: Access,
    /// The host's settings.
    pub(crate) settings: Settings,
    /// Unix epoch.
    pub(crate) created_at_ms: u64,
    /// Accounts that may join a private party: name, and when the account was created, Unix epoch, because a
    /// later account with the same name is another person. None if there was no such account when it was
    /// listed.
    #[serde(default, rename = "listed", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) people: BTreeMap<String, Option<u64>>,
    /// Accounts and invitations that are banned, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) banned: Vec<Ban>,
    /// People that were muted when they left, newest last: they are when they join again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) muted: Vec<PersonId>,
    /// The last number used for an id of a member, entry or message.
    pub(super) numbers: u64,
    /// The host; none after all have left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<MemberId>,
    /// The reaction to the loss of the host, from the end of the entry during which the host left until there
    /// is a host again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) loss: Option<HostLoss>,
    /// The acting host meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acting_host: Option<MemberId>,
    /// In order of joining, which is also the order of ids.
    pub(crate) members: Vec<Member>,
    /// See [`protocol::party::Entry`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) queue: Vec<Entry>,
    /// Newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) played: Vec<Entry>,
    /// The content of [`Settings::default_item_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<Entry>,
    /// The current entry. With voting it is also in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) playing: Option<Entry>,
    /// The position of the current entry.
    pub(super) timeline: Timeline,
    /// The members whose entries began last, newest last, at most two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) adders: Vec<MemberId>,
    /// The last closed vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_round: Option<ClosedRound>,
    /// Votes of rounds up to this one were cast as secret votes, and stay secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secret_until_round: Option<u64>,
    /// Oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) chat: Vec<Message>,
    /// Since when no member has been present, Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) empty_since_ms: Option<u64>,
    /// Whether the party has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) ended: bool,
}

impl store::Record for Record {
    type Key = PartyId;
    const NAMESPACE: Namespace = Namespace::new("parties");
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Its id.
    #[serde(rename = "i")]
    pub(crate) id: MemberId,
    /// Its name; that of the account, if there is one.
    #[serde(rename = "n")]
    pub(crate) name: String,
    /// The digest of its token.
    #[serde(rename = "d")]
    pub(super) digest: TokenDigest,
    /// Unix epoch.
    #[serde(rename = "j")]
    pub(crate) joined_at_ms: u64,
    /// When the member's account was created, Unix epoch; none if it has no account.
    #[serde(default, rename = "w", skip_serializing_if = "Option::is_none")]
    pub(crate) account_since_ms: Option<u64>,
    /// Since when the member is absent, Unix epoch; none while it is present.
    #[serde(default, rename = "a", skip_serializing_if = "Option::is_none")]
    pub(crate) away_since_ms: Option<u64>,
    /// The invitation that admitted the member.
    #[serde(default, rename = "g", skip_serializing_if = "Option::is_none")]
    pub(crate) invitation: Option<String>,
    /// Whether the member may not write messages.
    #[serde(default, rename = "m", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_muted: bool,
    /// The member's vote in the open round.
    #[serde(default, rename = "v", skip_serializing_if = "Option::is_none")]
    pub(super) vote: Option<EntryId>,
    /// Whether the member asks to skip what plays.
    #[serde(default, rename = "s", skip_serializing_if = "std::ops::Not::not")]
    pub(super) skips: bool,
    /// The member's vote in the last round, cast by the member or at random.
    #[serde(default, rename = "l", skip_serializing_if = "Option::is_none")]
    pub(super) last_vote: Option<EntryId>,
}

impl Member {
    /// Whether the member is connected, or was a moment ago.
    pub(crate) fn is_present(&self) -> bool {
        self.away_since_ms.is_none()
    }

    /// The name of the member's account.
    pub(crate) fn account(&self) -> Option<&str> {
        self.account_since_ms.map(|_| self.name.as_str())
    }

    /// Which person it is.
    pub(crate) fn person(&self) -> PersonId {
        PersonId::of(&self.name, self.account_since_ms, &self.digest)
    }
}

/// The content of an entry: all data of its item or stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewEntry {
    /// The item, unless it is a live stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) item_id: Option<ItemId>,
    /// The live stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stream_id: Option<StreamId>,
    /// Its title.
    pub(crate) title: String,
    /// The artist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artist: Option<String>,
    /// A path below the site's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) poster_url: Option<String>,
    /// None for a live stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ms: Option<u64>,
    /// Whether it has pictures.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_video: bool,
    /// Digest of its content, 64 hex digits.
    pub(crate) hash: String,
    /// The account of the member that adds it, whose rights the members use if it is private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its id.
    pub(crate) id: EntryId,
    /// Its content.
    #[serde(rename = "c")]
    pub(crate) content: NewEntry,
    /// The member that added it.
    #[serde(rename = "b")]
    pub(crate) added_by: MemberId,
    /// The person that added it, unless that led the party: such entries are bounded, also after the member has left.
    #[serde(default, rename = "w", skip_serializing_if = "Option::is_none")]
    pub(super) person: Option<PersonId>,
    /// Identifies the request that added it.
    #[serde(default, rename = "q", skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<u64>,
    /// Whether it is waiting for the host's acceptance.
    #[serde(default, rename = "s", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_suggestion: bool,
    /// Number of rounds lost since it last played.
    #[serde(default, rename = "l", skip_serializing_if = "is_zero")]
    pub(super) lost: u32,
    /// Number of times it has played.
    #[serde(default, rename = "p", skip_serializing_if = "is_zero")]
    pub(super) plays: u32,
}

impl Entry {
    /// Whether `target` names it.
    pub(super) fn is_named_by(&self, target: &Target) -> bool {
        match target {
            Target { entry_id: Some(entry_id), .. } => *entry_id == self.id.to_string(),
            Target { item_id: Some(item_id), .. } => self.content.item_id == Some(*item_id),
            Target { stream_id: Some(stream_id), .. } => self.content.stream_id == Some(*stream_id),
            _ => false,
        }
    }

    /// Whether it plays the same item or stream.
    pub(super) fn plays_the_same(&self, other: &NewEntry) -> bool {
        (self.content.item_id, self.content.stream_id) == (other.item_id, other.stream_id)
    }
}

/// See [`protocol::party::Timeline`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timeline {
    /// The position at `at_ms`; for a live stream the delay behind its capture.
    pub(super) position_ms: u64,
    /// Unix epoch.
    pub(super) at_ms: u64,
    /// Whether the position is stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) paused: bool,
    /// Number of entries that have played.
    pub(super) round: u64,
    /// When the entry began or begins, Unix epoch.
    pub(super) began_at_ms: u64,
    /// Whether it was announced to begin at the end of the previous entry.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) follows: bool,
    /// Members that buffer. While there are any, playback is paused from `at_ms` on, within the entry's
    /// budget.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) waiting_for: Vec<MemberId>,
    /// The part of that budget used by earlier waits.
    #[serde(default)]
    pub(super) waited_ms: u64,
}

/// See [`protocol::party::ClosedRound`]. Each member's record has its own vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClosedRound {
    /// Number of the round.
    pub(super) round: u64,
    /// None if there was nothing to vote for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) winner: Option<EntryId>,
    /// Votes by entry, of those that have some.
    pub(super) votes: Vec<(EntryId, u32)>,
    /// Number of votes cast at random.
    pub(super) cast_at_random: u32,
}

/// See [`protocol::party::Message`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// Its id.
    pub(crate) id: MessageId,
    /// The member that wrote it.
    #[serde(rename = "b")]
    pub(crate) member: MemberId,
    /// The member's name at the time.
    #[serde(rename = "n")]
    pub(crate) name: String,
    /// Plain text.
    #[serde(rename = "t")]
    pub(crate) text: String,
    /// Unix epoch.
    #[serde(rename = "a")]
    pub(crate) at_ms: u64,
    /// Identifies the request that wrote it.
    #[serde(default, rename = "q", skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<u64>,
}

/// A ban of an account, an invitation or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ban {
    /// The member that was removed; none if an invitation was revoked.
    #[serde(default, rename = "i", skip_serializing_if = "Option::is_none")]
    pub(super) member: Option<MemberId>,
    /// The account.
    #[serde(default, rename = "u", skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    /// The invitation.
    #[serde(default, rename = "g", skip_serializing_if = "Option::is_none")]
    pub(super) invitation: Option<String>,
}

/// The initial data of a party.
pub(crate) struct NewParty {
    /// Its id.
    pub(crate) party_id: PartyId,
    /// The creator's request; its texts are normalised.
    pub(crate) create: CreateParty,
    /// The content of the item `default_item_id` of its settings.
    pub(crate) default: Option<NewEntry>,
    /// The digest of the creator's token.
    pub(crate) digest: TokenDigest,
    /// When the creator's account, called `create.name`, was created; none without an account.
    pub(crate) account_since_ms: Option<u64>,
}

impl Record {
    /// A new party with its creator as the present host. Nothing plays. `default_item_id` is dropped if
    /// `default` is missing.
    pub(crate) fn new(new: NewParty, now_ms: u64) -> Self {
        let NewParty { party_id, create, default, digest, account_since_ms } = new;
        let CreateParty { title, policy, access, name, settings } = create;
        let mut record = Self {
            party_id,
            revision: 1,
            title,
            policy,
            access,
            settings: settings.unwrap_or_default(),
            created_at_ms: now_ms,
            people: BTreeMap::new(),
            banned: Vec::new(),
            muted: Vec::new(),
            numbers: 0,
            host: None,
            loss: None,
            acting_host: None,
            members: Vec::new(),
            queue: Vec::new(),
            played: Vec::new(),
            default: None,
            playing: None,
            timeline: Timeline::default(),
            adders: Vec::new(),
            last_round: None,
            secret_until_round: None,
            chat: Vec::new(),
            empty_since_ms: None,
            ended: false,
        };
        let maker = record.admit(digest, name, account_since_ms, None, now_ms);
        record.host = Some(maker);
        record.set_default(default, maker);
        record.settle(now_ms, false);
        record
    }

    /// The next number for an id.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Adds a present member.
    pub(super) fn admit(
        &mut self,
        digest: TokenDigest,
        name: String,
        account_since_ms: Option<u64>,
        invitation: Option<String>,
        now_ms: u64,
    ) -> MemberId {
        let id = MemberId(self.number());
        let mut member = Member {
            id,
            name,
            digest,
            joined_at_ms: now_ms,
            account_since_ms,
            away_since_ms: None,
            invitation,
            is_muted: false,
            vote: None,
            skips: false,
            last_vote: None,
        };
        self.restore(&mut member);
        self.members.push(member);
        id
    }

    /// Sets the entry that plays while there is nothing else.
    pub(super) fn set_default(&mut self, content: Option<NewEntry>, added_by: MemberId) {
        self.settings.default_item_id = content.as_ref().and_then(|content| content.item_id);
        self.default = content.map(|content| self.entry_of(content, added_by));
    }

    /// A new entry.
    pub(super) fn entry_of(&mut self, content: NewEntry, added_by: MemberId) -> Entry {
        let id = EntryId(self.number());
        Entry { id, content, added_by, person: None, request: None, is_suggestion: false, lost: 0, plays: 0 }
    }

    /// The member `id`.
    pub(crate) fn member(&self, id: MemberId) -> Option<&Member> {
        self.place_of(id).and_then(|place| self.members.get(place))
    }

    /// The member `id`, to change it.
    pub(super) fn member_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.place_of(id).and_then(|place| self.members.get_mut(place))
    }

    /// The index of the member in `members`.
    pub(super) fn place_of(&self, id: MemberId) -> Option<usize> {
        self.members.binary_search_by_key(&id, |member| member.id).ok()
    }

    /// The member whose token has this digest.
    pub(crate) fn holder(&self, digest: &TokenDigest) -> Option<&Member> {
        self.members.iter().find(|member| member.digest == *digest)
    }

    /// Members that are present, in the order of joining.
    pub(super) fn present(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_present())
    }

    /// Whether the host is a member and present.
    pub(super) fn has_host(&self) -> bool {
        self.host.and_then(|host| self.member(host)).is_some_and(Member::is_present)
    }

    /// The current policy.
    pub(crate) fn acting_policy(&self) -> Policy {
        if self.loss == Some(HostLoss::Vote) { Policy::Vote } else { self.policy }
    }

    /// Number of entries that have played.
    pub(crate) fn round(&self) -> u64 {
        self.timeline.round
    }

    /// Whether there is an open vote.
    pub(super) fn has_round(&self) -> bool {
        self.acting_policy() == Policy::Vote && self.playing.is_some()
    }

    /// The entry that `target` names, among the current, queued and played ones, in this order.
    pub(crate) fn entry(&self, target: &Target) -> Option<&Entry> {
        let mut all = self.playing.iter().chain(&self.queue).chain(self.played.iter().rev());
        all.find(|entry| entry.is_named_by(target))
    }

    /// All entries: the current, queued, played and default ones.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.playing.iter().chain(&self.queue).chain(&self.played).chain(&self.default)
    }

    /// Since when no member has been present, Unix epoch; none while any is.
    pub(crate) fn empty_since_ms(&self) -> Option<u64> {
        self.empty_since_ms
    }

    /// Whether the party has ended. It then accepts nothing.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
