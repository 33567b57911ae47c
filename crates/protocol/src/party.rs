//! JSON bodies and events about parties: people who hear or see the same moment.

use serde::{Deserialize, Serialize};

use crate::{
    ItemId, PartyId, StreamId,
    lenient::{optional_whole, whole},
};

/// What every member's token begins with, so that people and scanners recognise one.
pub const TOKEN_PREFIX: &str = "up_";

/// Who decides what plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The host.
    Host,
    /// The members vote for the next entry while one plays.
    Vote,
}

/// Who may find and join a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everybody; it is listed.
    Public,
    /// Everybody who knows its id.
    Unlisted,
    /// Those with an invitation, the accounts on its list, and operators. Nobody else learns that it exists.
    Private,
}

/// What happens at the end of the entry that plays while the host is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostLoss {
    /// Nothing plays until the host is back.
    Wait,
    /// The queue goes on.
    #[default]
    Continue,
    /// The member that has been there longest acts as host until the host is back.
    HandOver,
    /// The members vote until the host is back.
    Vote,
}

/// What the host can set. A party begins with the defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Whether members may add entries. In a party with a host they are suggestions until the host accepts them.
    pub members_suggest: bool,
    /// Whether members need an account.
    pub needs_account: bool,
    /// See [`HostLoss`].
    pub on_host_loss: HostLoss,
    /// Whether members see who voted for what. The counts are always shown.
    pub shows_votes: bool,
    /// Per cent of the members that are present, from 1 to 100, that skip an entry by asking for it.
    #[serde(deserialize_with = "whole")]
    pub skip_percent: u8,
    /// Whether an entry gains by losing rounds, and no member's entries win a third time in a row while others have some.
    pub is_fair: bool,
    /// Whether entries stay when the member that added them leaves.
    pub keeps_entries: bool,
    /// What plays while there is nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_item_id: Option<ItemId>,
    /// Longest time per entry that all wait for members that have to buffer, in ms; 0 for never.
    #[serde(deserialize_with = "whole")]
    pub wait_ms: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            members_suggest: true,
            needs_account: false,
            on_host_loss: HostLoss::default(),
            shows_votes: true,
            skip_percent: 51,
            is_fair: false,
            keeps_entries: true,
            default_item_id: None,
            wait_ms: 3_000,
        }
    }
}

/// Body of `POST /api/parties`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateParty {
    /// See [`title::clean`](crate::title::clean).
    pub title: String,
    /// Who decides what plays.
    pub policy: Policy,
    /// Who may join.
    pub access: Access,
    /// What the maker is called; see [`title::clean`](crate::title::clean), at most [`MAX_NAME_CHARS`] characters.
    pub name: String,
    /// Everything else; the defaults if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
}

/// Most characters of a member's name.
pub const MAX_NAME_CHARS: usize = 40;
/// Most characters of a chat message.
pub const MAX_MESSAGE_CHARS: usize = 500;

/// Answer to `POST /api/parties`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyCreated {
    /// Names the party.
    pub party_id: PartyId,
    /// Its page, a path on the main server's origin.
    pub url: String,
    /// The maker, who is host.
    pub member: Membership,
}

/// Body of `POST /api/parties/{party_id}/join`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinParty {
    /// As [`CreateParty::name`].
    pub name: String,
    /// An invitation to a private party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
    /// A token that the client made at random: [`TOKEN_PREFIX`] and 32 to 60 characters `A-Z`, `a-z`, `0-9`, `-` and `_`. With it a call
    /// whose answer was lost can be repeated and makes one member. The server makes one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What proves that its holder is a member.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Names the member; not a secret.
    pub member_id: String,
    /// The bearer token of the member's further calls. A secret. It is not shown again.
    pub token: String,
}

/// A party, as listed by `GET /api/parties`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartySummary {
    /// Names it.
    pub party_id: PartyId,
    /// Its title.
    pub title: String,
    /// Who decides what plays.
    pub policy: Policy,
    /// Who may join.
    pub access: Access,
    /// What the host is called.
    pub host_name: String,
    /// How many members are present.
    pub present: u32,
    /// Title of what plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playing: Option<String>,
    /// Whether members need an account.
    pub needs_account: bool,
    /// Unix epoch.
    pub created_at_ms: u64,
}

/// Answer to `GET /api/parties?q=&limit=&cursor=`: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyPage {
    /// Those that the caller may see.
    pub parties: Vec<PartySummary>,
    /// Where the next page begins; none on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A party, as its members see it: answer to `GET /api/parties/{party_id}`, and the event `snapshot`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyState {
    /// Names it.
    pub party_id: PartyId,
    /// Grows with every change.
    pub revision: u64,
    /// Its title.
    pub title: String,
    /// Who decides what plays, as it was set.
    pub policy: Policy,
    /// Who decides now: another one while the host is away and [`HostLoss`] says so.
    pub acting_policy: Policy,
    /// Who may join.
    pub access: Access,
    /// The member that is host.
    pub host: String,
    /// The member that acts as host while that one is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting_host: Option<String>,
    /// What the host set.
    pub settings: Settings,
    /// Names of the accounts that may join a private party. Its host and operators alone see them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// In the order of joining.
    pub members: Vec<Member>,
    /// What plays, and what comes: see [`Entry`].
    pub queue: Vec<Entry>,
    /// What was played, newest last, without what is in the queue.
    pub played: Vec<Entry>,
    /// What plays since when, and where.
    pub timeline: Timeline,
    /// The vote that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// The vote that was closed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_round: Option<ClosedRound>,
    /// The newest messages, oldest first.
    pub chat: Vec<Message>,
    /// Unix epoch.
    pub created_at_ms: u64,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Names the member.
    pub member_id: String,
    /// What the member is called.
    pub name: String,
    /// Hue of the member's colour, from 0 to 359 degrees.
    pub hue: u16,
    /// Whether the member has an account, of which the name is `name`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_account: bool,
    /// Whether the member is connected, or was a moment ago.
    pub is_present: bool,
    /// Whether the member may not write messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_muted: bool,
    /// Unix epoch.
    pub joined_at_ms: u64,
}

/// An item or live stream that is to be played. In a party with a host the queue is played in order, and an entry leaves it when
/// it begins. In a vote the queue is what can be voted for, and entries stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Names the entry.
    pub entry_id: String,
    /// What it plays: an item…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// …or a live stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<StreamId>,
    /// Its title when it was added.
    pub title: String,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// Its picture, a path below the site's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster_url: Option<String>,
    /// Its length; none for a live stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Whether it has pictures.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_video: bool,
    /// Digest of its content, 64 hex digits: of entries with equal votes the one wins whose digest is first.
    pub hash: String,
    /// The member that added it.
    pub added_by: String,
    /// Whether the host has yet to accept it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_suggestion: bool,
    /// How many rounds it has lost since it last played.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What plays since when, and where: at the time `at_ms` of the server's clock the position is `position_ms`, and it moves on
/// with that clock unless `paused`. `at_ms` may be in the future: until then goes on what played before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The entry that plays; none if nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Box<Entry>>,
    /// The item of that entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// The live stream of that entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<StreamId>,
    /// The position at `at_ms`. Of a live stream: how far behind its capture all are, so that all see one moment.
    pub position_ms: u64,
    /// Unix epoch, by the clock of `POST /api/clock`.
    pub at_ms: u64,
    /// Whether the position stands.
    pub paused: bool,
    /// Counts the entries that have played.
    pub round: u64,
    /// Members for which all wait, while they buffer; it goes on by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<String>,
}

/// A vote that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// That of the timeline.
    pub round: u64,
    /// When it closes, Unix epoch: a moment before the entry that plays ends. None while that is paused, or live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at_ms: Option<u64>,
    /// Votes by entry.
    pub votes: Vec<Votes>,
    /// Members that ask to skip.
    pub skips: Vec<String>,
    /// How many have to ask.
    pub skips_needed: u32,
}

/// Votes for an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Votes {
    /// The entry.
    pub entry_id: String,
    /// How many.
    pub count: u32,
    /// Whose they are, where the party shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
}

/// A vote that was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedRound {
    /// Which one.
    pub round: u64,
    /// The entry that won; none if there was nothing to vote for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winner: Option<String>,
    /// Votes by entry, with those cast at random.
    pub votes: Vec<Votes>,
    /// How many were cast at random, for members that were present and had not voted.
    pub cast_at_random: u32,
}

/// A chat message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Names it.
    pub message_id: String,
    /// The member that wrote it.
    pub member_id: String,
    /// What that was called, for when the member has left.
    pub name: String,
    /// The text, as it is shown: plain text.
    pub text: String,
    /// Unix epoch.
    pub at_ms: u64,
}

/// Body of `POST /api/parties/{party_id}/commands`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyCommand {
    /// What is to be done.
    #[serde(flatten)]
    pub command: Command,
    /// Does it only if the party still has this revision.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<u64>,
    /// 1 to 32 characters `a-z`, `0-9`, `-` that the caller chose: `queue` and `chat` with those of an earlier call change nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What a member can do. `entry_id` may be left out where `item_id` or `stream_id` names the entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Adds an entry at the end of the queue.
    Queue(Target),
    /// Goes on, or plays this entry now.
    Play(Target),
    /// Stops the position.
    Pause,
    /// Moves the position.
    Seek {
        /// Where to.
        #[serde(deserialize_with = "whole")]
        position_ms: u64,
    },
    /// Plays the next entry.
    Next,
    /// Plays from the start, or the entry before if it has just begun.
    Previous,
    /// Moves an entry within the queue.
    Move {
        /// Which one.
        #[serde(flatten)]
        target: Target,
        /// Its new place, from 0.
        #[serde(deserialize_with = "whole")]
        to: usize,
    },
    /// Removes an entry. Members remove their own ones.
    Remove(Target),
    /// Accepts a suggestion.
    Accept(Target),
    /// Votes for an entry, in place of an earlier vote of the round.
    Vote(Target),
    /// Asks to skip the entry that plays; the host skips it.
    Skip,
    /// Makes another member the host.
    HandOver {
        /// Which one.
        member_id: String,
    },
    /// Removes a member. The member cannot join again with the same account or invitation.
    Kick {
        /// Which one.
        member_id: String,
    },
    /// Lets a member write messages or not.
    Mute {
        /// Which one.
        member_id: String,
        /// Whether the member is muted from now on.
        #[serde(default = "yes")]
        on: bool,
    },
    /// Writes a message.
    Chat {
        /// At most [`MAX_MESSAGE_CHARS`] characters of plain text.
        text: String,
    },
    /// Changes the caller's name.
    Rename {
        /// As [`CreateParty::name`].
        name: String,
    },
    /// Changes what the host can set; what is left out stays.
    Set(Box<ChangeParty>),
    /// Ends the party for all.
    End,
}

fn yes() -> bool {
    true
}

/// An entry, by any of its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_id: Option<String>,
    /// The item that it plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// The live stream that it plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<StreamId>,
}

/// What [`Command::Set`] changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeParty {
    /// See [`CreateParty::title`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who decides what plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Who may join from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// All settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// All names of the accounts that may join a private party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<String>>,
}

/// Answer to `POST /api/parties/{party_id}/commands`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandDone {
    /// The revision that has the change. It is in the store.
    pub revision: u64,
}

/// Body of `POST /api/parties/{party_id}/play`: asks for the right to play what plays or is queued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayInParty {
    /// Which entry.
    #[serde(flatten)]
    pub target: Target,
}

/// Body of `POST /api/parties/{party_id}/report`, every few seconds, and when `is_buffering` changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportPlayback {
    /// How much later than the timeline the member hears, in ms; negative if earlier. None while nothing is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ms: Option<f64>,
    /// Whether the member waits for media.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_buffering: bool,
}

/// The event `presence`: what members reported, of those for whom it changed. It is not part of the record and may be lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    /// Reports.
    pub members: Vec<MemberReport>,
}

/// What a member reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberReport {
    /// Which member.
    pub member_id: String,
    /// The report.
    #[serde(flatten)]
    pub report: ReportPlayback,
}

/// The event `changed`: the fields of [`PartyState`] that another revision has, whole, by their names. `null` removes one.
/// Messages of the chat come as events `chat` ([`Message`]) instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartyChanged {
    /// The new revision.
    pub revision: u64,
    /// The members that are new or changed are in `members`, those that left in `left`; every other field is whole.
    pub changes: serde_json::Map<String, serde_json::Value>,
}

/// The event `ended`: the party is over for the member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyEnded {
    /// Why.
    pub reason: EndReason,
}

/// Why a party is over for a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// It ended for all.
    Ended,
    /// The member was removed.
    Kicked,
    /// The member left, in another window.
    Left,
}
